//! Error of each output value of each sample, output by output.

use std::fmt::Write;

use super::escape;
use super::svg::Decades;
use crate::record::{BackendRecord, Report};
use crate::units;

const LEFT: f64 = 62.0;
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 190.0;
const BOTTOM: f64 = 34.0;
/// Outputs beyond these are too many to tell apart in a picture.
const MOST_OUTPUTS: usize = 64;

/// One scatter plot a backend, all on the same scale; empty when nothing differs.
pub(crate) fn figure(report: &Report) -> String {
    let Some(decades) = Decades::around(report.backends.iter().flat_map(errors).map(|(_, error)| error))
    else {
        return String::new();
    };
    let mut html = String::from(
        "<section>\n<h2>Precision</h2>\n<p>Each dot is one output value of one sample: how far the decrypted value is from \
         the clear run of the same network. Lower is better.</p>\n\
         <div class=\"charts thirds\">\n",
    );
    for (index, backend) in report.backends.iter().enumerate() {
        html.push_str(&plot(index, backend, decades));
    }
    html.push_str("</div>\n</section>\n");
    html
}

fn errors(backend: &BackendRecord) -> impl Iterator<Item = (usize, f64)> + '_ {
    let outputs = backend.measured.iter().flat_map(|measured| &measured.outputs);
    outputs.flat_map(|sample| {
        let pairs = sample.clear.iter().zip(&sample.encrypted).take(MOST_OUTPUTS).enumerate();
        pairs.filter_map(|(output, (clear, encrypted))| Some((output, ((*clear)? - (*encrypted)?).abs())))
    })
}

fn plot(color: usize, backend: &BackendRecord, decades: Decades) -> String {
    let Some(measured) = &backend.measured else { return String::new() };
    let outputs =
        measured.outputs.iter().map(|sample| sample.clear.len().min(MOST_OUTPUTS)).max().unwrap_or(0);
    let all: Vec<(usize, f64)> = errors(backend).collect();
    let same = all.iter().filter(|(_, error)| *error == 0.0).count();
    let note = match same {
        0 => String::new(),
        same if same == all.len() => " <span class=\"quiet\">every value is identical</span>".to_owned(),
        same => format!(
            " <span class=\"quiet\">{} of {} values are identical and have no dot</span>",
            units::grouped(same as u64),
            units::grouped(all.len() as u64)
        ),
    };
    let mut html = format!(
        "<figure>\n<figcaption>{}: worst {} bits, mean {} bits{note}</figcaption>\n\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"error of each output\">\n",
        escape(&backend.label()),
        units::bits(measured.agreement.worst_bits),
        units::bits(measured.agreement.mean_bits),
        LEFT + WIDTH + 8.0,
        HEIGHT + BOTTOM
    );
    let y = |value: f64| 6.0 + (HEIGHT - 12.0) * (1.0 - decades.place(value));
    for mark in decades.marks(6) {
        let at = y(10f64.powi(mark));
        let _ = writeln!(
            html,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">1e{mark}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            at + 4.0
        );
    }
    let column = WIDTH / outputs.max(1) as f64;
    let labels = outputs.div_ceil(16).max(1);
    for output in (0..outputs).step_by(labels) {
        let x = LEFT + column * (output as f64 + 0.5);
        let _ = writeln!(
            html,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{output}</text>",
            HEIGHT + 13.0
        );
    }
    let count = all.len().max(1);
    for (index, (output, error)) in all.iter().enumerate().filter(|(_, (_, error))| *error > 0.0) {
        // Samples spread over the middle of their output's column, in order.
        let x = LEFT + column * (*output as f64 + 0.15 + 0.7 * index as f64 / count as f64);
        let _ = writeln!(
            html,
            "<circle class=\"fill{}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"1.8\"/>",
            color % 6,
            y(*error)
        );
    }
    let _ = writeln!(
        html,
        "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">output</text>\n</svg>\n</figure>",
        LEFT + WIDTH / 2.0,
        HEIGHT + 28.0
    );
    html
}
