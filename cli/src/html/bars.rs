//! Bar charts: one bar a backend, on a logarithmic scale where the values are far apart.

use std::fmt::Write;

use super::escape;
use super::svg::Decades;

/// One bar.
pub(crate) struct Bar<'a> {
    pub(crate) label: &'a str,
    /// Number of the colour: the backend's place.
    pub(crate) color: usize,
    pub(crate) value: f64,
    pub(crate) text: String,
}

const LABELS: f64 = 70.0;
const BARS: f64 = 330.0;
const VALUES: f64 = 90.0;
const ROW: f64 = 30.0;
/// Largest over smallest value from which the scale is logarithmic.
const FAR_APART: f64 = 20.0;

/// A chart with its title; empty without bars.
pub(crate) fn chart(title: &str, bars: &[Bar<'_>]) -> String {
    if bars.is_empty() {
        return String::new();
    }
    let largest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let smallest =
        bars.iter().map(|bar| bar.value).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let decades = Decades::around(bars.iter().map(|bar| bar.value))
        .filter(|_| largest / smallest > FAR_APART)
        .map(Decades::with_room_below);
    let height = ROW * bars.len() as f64 + 4.0;
    let scale = if decades.is_some() { " <span class=\"quiet\">(log scale)</span>" } else { "" };
    let mut html = format!(
        "<figure>\n<figcaption>{}{scale}</figcaption>\n<svg viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{}\">\n",
        escape(title),
        LABELS + BARS + VALUES,
        escape(title)
    );
    if let Some(decades) = decades {
        for mark in decades.marks(8) {
            let x = LABELS + BARS * decades.place(10f64.powi(mark));
            let _ =
                writeln!(html, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\"/>");
        }
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = ROW * row as f64;
        let share = decades.map_or(if largest > 0.0 { bar.value / largest } else { 0.0 }, |d| {
            if bar.value > 0.0 { d.place(bar.value) } else { 0.0 }
        });
        let width = (BARS * share).max(1.0);
        let (middle, end) = (y + ROW / 2.0 + 4.0, LABELS + width + 6.0);
        let _ = writeln!(
            html,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"fill{}\" x=\"{LABELS}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" rx=\"2\"/>\n\
             <text class=\"value\" x=\"{end:.1}\" y=\"{middle}\">{}</text>",
            LABELS - 8.0,
            escape(bar.label),
            bar.color % 6,
            y + 5.0,
            ROW - 10.0,
            escape(&bar.text)
        );
    }
    html.push_str("</svg>\n</figure>\n");
    html
}
