//! Precision after each step: bits over the layers, one curve a backend.

use std::fmt::Write;

use super::escape;
use crate::alignment::{self, Place};
use crate::record::{PrecisionRecord, Report};
use crate::rows;

const LEFT: f64 = 46.0;
const WIDTH: f64 = 940.0;
const HEIGHT: f64 = 260.0;
/// Room for the names of layers, which lean.
const NAMES: f64 = 92.0;
/// Names that fit side by side.
const MOST_NAMES: usize = 48;
/// Letters of a name that fit into the room below.
const MOST_LETTERS: usize = 18;

/// What a curve shows.
type Bits = fn(&PrecisionRecord) -> Option<f64>;

/// One figure for all backends; empty where no precision was asked for.
pub(crate) fn figure(report: &Report) -> String {
    let mut places = alignment::places(report);
    places.retain(|place| place.steps.iter().flatten().any(|step| step.precision.is_some()));
    let missing = report.backends.iter().filter_map(|backend| {
        let reason = backend.measured.as_ref()?.precision_missing.as_ref()?;
        Some((backend.label(), reason))
    });
    let mut notes = String::new();
    for (backend, reason) in missing {
        let _ = writeln!(notes, "<p class=\"warning\">{}: {}</p>", escape(&backend), escape(reason));
    }
    if places.is_empty() && notes.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<section>\n<h2>Precision by layer</h2>\n<p>How many bits of the first sample's values are right after each step: -log2 of the error, relative to \
         the root mean square of the step's values in the clear. Solid: the root mean square of the errors; dashed: the largest one. Higher is better.</p>\n",
    );
    html.push_str(&notes);
    if let Some(scale) = Scale::around(&places) {
        html.push_str(&drawn(report, &places, &scale));
    } else if !places.is_empty() {
        html.push_str("<p>Every value is identical after every step.</p>\n");
    }
    html.push_str("</section>\n");
    html
}

/// Bits from the bottom to the top, and the distance of the lines between.
struct Scale {
    low: f64,
    high: f64,
    stride: f64,
}

impl Scale {
    /// Whole bits that hold all of them; `None` without any.
    fn around(places: &[Place<'_>]) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let precisions =
            places.iter().flat_map(|place| place.steps.iter().flatten()).filter_map(|s| s.precision);
        for bits in precisions.flat_map(|precision| [precision.typical_bits, precision.worst_bits]).flatten()
        {
            (low, high) = (low.min(bits), high.max(bits));
        }
        if low > high {
            return None;
        }
        let stride = if high - low > 20.0 { 5.0 } else { 2.0 };
        let (low, high) = ((low / stride).floor() * stride, (high / stride).ceil() * stride);
        Some(Self { low, high: high.max(low + stride), stride })
    }

    fn y(&self, bits: f64) -> f64 {
        8.0 + (HEIGHT - 12.0) * (self.high - bits) / (self.high - self.low)
    }

    fn lines(&self) -> impl Iterator<Item = f64> {
        let (low, stride) = (self.low, self.stride);
        (0..=((self.high - low) / stride).round() as usize).map(move |line| low + stride * line as f64)
    }
}

fn drawn(report: &Report, places: &[Place<'_>], scale: &Scale) -> String {
    let mut html = format!(
        "<figure>\n<figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"bits of precision after each step\">\n",
        legend(report, places),
        LEFT + WIDTH + 12.0,
        HEIGHT + NAMES
    );
    for bits in scale.lines() {
        let y = scale.y(bits);
        let _ = writeln!(
            html,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{bits:.0}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0
        );
    }
    let column = WIDTH / places.len().max(1) as f64;
    let x = |place: usize| LEFT + column * (place as f64 + 0.5);
    for (index, place) in places.iter().enumerate().step_by(places.len().div_ceil(MOST_NAMES).max(1)) {
        let (x, y) = (x(index) + 4.0, HEIGHT + 12.0);
        let _ = writeln!(
            html,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"end\" transform=\"rotate(-50 {x:.1} {y})\">{}</text>",
            escape(&shortened(place.name))
        );
    }
    for color in 0..report.backends.len() {
        html.push_str(&curve(places, color, scale, "worst", |p| p.worst_bits, &x));
        html.push_str(&curve(places, color, scale, "typical", |p| p.typical_bits, &x));
        html.push_str(&points(report, places, color, scale, &x));
    }
    html.push_str("</svg>\n</figure>\n");
    html
}

/// Long names keep their end, in which layers of one block differ.
fn shortened(name: &str) -> String {
    let letters = name.chars().count();
    if letters <= MOST_LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(letters - MOST_LETTERS + 1).collect();
    format!("…{end}")
}

/// One line through a backend's steps; steps without an error interrupt nothing.
fn curve(
    places: &[Place<'_>],
    color: usize,
    scale: &Scale,
    class: &str,
    bits: Bits,
    x: &impl Fn(usize) -> f64,
) -> String {
    let at = |(index, place): (usize, &Place<'_>)| {
        let bits = bits(place.steps.get(color)?.as_ref()?.precision.as_ref()?)?;
        Some(format!("{:.1},{:.1}", x(index), scale.y(bits)))
    };
    let points: Vec<String> = places.iter().enumerate().filter_map(at).collect();
    if points.is_empty() {
        return String::new();
    }
    format!("<polyline class=\"curve {class} stroke{}\" points=\"{}\"/>\n", color % 6, points.join(" "))
}

/// A dot a step, which says in words what it is.
fn points(
    report: &Report,
    places: &[Place<'_>],
    color: usize,
    scale: &Scale,
    x: &impl Fn(usize) -> f64,
) -> String {
    let label = report.backends.get(color).map(|backend| backend.label()).unwrap_or_default();
    let mut html = String::new();
    for (index, place) in places.iter().enumerate() {
        let Some(Some(step)) = place.steps.get(color) else { continue };
        let Some(precision) = &step.precision else { continue };
        let Some(bits) = precision.typical_bits else { continue };
        let _ = writeln!(
            html,
            "<circle class=\"fill{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}: {} ({}), {} bits</title></circle>",
            color % 6,
            x(index),
            scale.y(bits),
            escape(&label),
            escape(&step.name),
            escape(&step.operation),
            rows::precision_bits(precision)
        );
    }
    html
}

/// The colours, and what a backend has at its end.
fn legend(report: &Report, places: &[Place<'_>]) -> String {
    let mut html = String::new();
    for (color, backend) in report.backends.iter().enumerate() {
        let steps = places.iter().filter_map(|place| (*place.steps.get(color)?)?.precision);
        let steps: Vec<PrecisionRecord> = steps.collect();
        let Some(last) = steps.last() else { continue };
        let same = steps.iter().filter(|step| step.typical_bits.is_none()).count();
        let note = match same {
            0 => format!("{} at the end", rows::precision_bits(last)),
            same if same == steps.len() => "identical after every step".to_owned(),
            same => format!(
                "{} at the end; {same} steps without an error have no dot",
                rows::precision_bits(last)
            ),
        };
        let _ = write!(
            html,
            "<span class=\"legend back{}\"></span>{} <span class=\"quiet\">{}</span>",
            color % 6,
            escape(&backend.label()),
            escape(&note)
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("conv1"), "conv1");
        assert_eq!(shortened("layer3.block2.squeeze.conv1"), "…ck2.squeeze.conv1");
    }
}
