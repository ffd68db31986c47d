//! The first images with what the network says of them, clear and encrypted: class scores, or images again.

use std::fmt::Write;

use super::escape;
use crate::record::{OutputSample, Picture, Report};

/// Classes beyond these have no bars.
const MOST_CLASSES: usize = 14;
const COLUMN: f64 = 22.0;
const HEIGHT: f64 = 90.0;

/// A card an image; empty for models whose inputs are no images.
pub(crate) fn figure(report: &Report) -> String {
    if report.head.pictures.is_empty() {
        return String::new();
    }
    let outputs =
        report.backends.iter().filter_map(|backend| backend.measured.as_ref()).flat_map(|m| &m.outputs);
    if outputs.into_iter().any(|output| output.pictures.is_some()) {
        return images(report);
    }
    let mut html = String::from(
        "<section>\n<h2>Samples</h2>\n<p>Class scores of the first images: the clear run as an outline, the decrypted scores \
         filled, in the colour of their backend.</p>\n<div class=\"cards\">\n",
    );
    for picture in &report.head.pictures {
        html.push_str(&card(report, picture));
    }
    html.push_str("</div>\n</section>\n");
    html
}

/// A row an image: input, truth, and under each backend the clear output, the decrypted one, and how far they lie apart.
fn images(report: &Report) -> String {
    let mut html = String::from(
        "<section>\n<h2>Samples</h2>\n<p>What the network makes of the first images, in the clear and decrypted, on the same scale. The \
         difference is stretched: white is the largest one, whose size stands below.</p>\n",
    );
    for picture in &report.head.pictures {
        html.push_str("<div class=\"cards strip\">\n");
        let size = (picture.width, picture.height);
        html.push_str(&image(&picture.png, size, &format!("sample {}: input", picture.sample)));
        if let Some(truth) = &picture.truth {
            html.push_str(&image(truth, size, "truth"));
        }
        for backend in &report.backends {
            let outputs = backend.measured.iter().flat_map(|measured| &measured.outputs);
            let of_sample = outputs.into_iter().find(|output| output.sample == picture.sample);
            if let Some(drawn) = of_sample.and_then(|output| output.pictures.as_ref()) {
                let size = (drawn.width, drawn.height);
                let name = backend.label();
                html.push_str(&image(&drawn.clear, size, &format!("{name}: as compiled, clear")));
                html.push_str(&image(&drawn.encrypted, size, &format!("{name}: encrypted")));
                let apart = format!("{name}: difference, at most {:.1e}", drawn.largest);
                html.push_str(&image(&drawn.difference, size, &apart));
            }
        }
        html.push_str("</div>\n");
    }
    html.push_str("</section>\n");
    html
}

fn image(png: &str, (width, height): (usize, usize), caption: &str) -> String {
    let (png, caption) = (escape(png), escape(caption));
    format!(
        "<figure class=\"card wide\">\n<img src=\"data:image/png;base64,{png}\" width=\"{width}\" height=\"{height}\" alt=\"{caption}\">\n\
         <figcaption>{caption}</figcaption>\n</figure>\n"
    )
}

fn card(report: &Report, picture: &Picture) -> String {
    let class = picture.class.map_or_else(String::new, |class| format!(": {class}"));
    let mut html = format!(
        "<figure class=\"card\">\n<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"sample {}\">\n\
         <figcaption>sample {}{class}</figcaption>\n",
        escape(&picture.png),
        picture.width,
        picture.height,
        picture.sample,
        picture.sample
    );
    for (color, backend) in report.backends.iter().enumerate() {
        let outputs = backend.measured.iter().flat_map(|measured| &measured.outputs);
        if let Some(output) = outputs.into_iter().find(|output| output.sample == picture.sample) {
            html.push_str(&scores(color, &backend.label(), output));
        }
    }
    html.push_str("</figure>\n");
    html
}

fn scores(color: usize, backend: &str, output: &OutputSample) -> String {
    let classes = output.clear.len().min(MOST_CLASSES);
    let shown = || output.clear.iter().chain(&output.encrypted).flatten().copied();
    let low = shown().fold(0.0, f64::min);
    let high = shown().fold(0.0, f64::max);
    let span = if high > low { high - low } else { 1.0 };
    let y = |value: f64| HEIGHT * (high - value) / span;
    let mut html = format!(
        "<svg viewBox=\"0 -4 {} {}\" role=\"img\" aria-label=\"scores under {}\">\n",
        COLUMN * classes as f64,
        HEIGHT + 34.0,
        escape(backend)
    );
    for (class, (clear, encrypted)) in output.clear.iter().zip(&output.encrypted).take(classes).enumerate() {
        let x = COLUMN * class as f64;
        let bar = |value: f64| (y(value.max(0.0)), (y(value.min(0.0)) - y(value.max(0.0))).max(0.5));
        let ((top, height), (clear_top, clear_height)) =
            (bar(encrypted.unwrap_or(0.0)), bar(clear.unwrap_or(0.0)));
        let _ = writeln!(
            html,
            "<rect class=\"fill{}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{height:.1}\"/>\
             <rect class=\"outline\" x=\"{:.1}\" y=\"{clear_top:.1}\" width=\"{}\" height=\"{clear_height:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{class}</text>",
            color % 6,
            x + 3.0,
            COLUMN - 6.0,
            x + 1.5,
            COLUMN - 3.0,
            x + COLUMN / 2.0,
            HEIGHT + 13.0
        );
    }
    let _ = writeln!(
        html,
        "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n</svg>",
        COLUMN * classes as f64 / 2.0,
        HEIGHT + 27.0,
        escape(backend)
    );
    html
}
