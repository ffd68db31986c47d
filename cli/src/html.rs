//! Reports as a page: one file, nothing loaded from elsewhere, made from records alone.

mod bars;
mod precision;
mod samples;
mod steps;
mod svg;
mod tables;

use std::fmt::Write;

use crate::record::{BackendRecord, Measured, Report};
use crate::{rows, units};

const STYLE: &str = include_str!("html/style.css");

/// A page for these reports.
pub(crate) fn page(reports: &[Report]) -> String {
    let title = match reports {
        [one] => format!("henna: {}", one.head.model.name),
        _ => "henna: comparisons".to_owned(),
    };
    let mut body = String::new();
    for report in reports {
        body.push_str(&section(report));
    }
    document(&title, &body)
}

/// A page of its own.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// Text as it may stand in HTML, attributes included.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn section(report: &Report) -> String {
    let mut html = head(report);
    html.push_str(&tables::protection(report));
    html.push_str(&charts(report));
    html.push_str(&precision::figure(report));
    html.push_str(&steps::figure(report));
    html.push_str(&samples::figure(report));
    html.push_str(&tables::all(report));
    html.push_str(&tables::steps(report));
    html
}

fn head(report: &Report) -> String {
    let head = &report.head;
    let commit = head.henna.commit.as_deref().unwrap_or("commit unknown");
    let mut html = String::new();
    let _ = write!(
        html,
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p>{}. {} parameters; weights: {}. {} samples, {} threads. \
         On the original network: {} {}.</p>\n<p class=\"quiet\">{}, {} cores, {} memory, {} · henna {} ({}) · {}</p>\n",
        escape(&head.model.name),
        escape(&head.model.about),
        escape(&head.model.paper),
        units::grouped(head.model.parameters as u64),
        escape(&head.model.weights),
        head.samples,
        head.threads,
        escape(&head.metric.name),
        escape(&rows::with_unit(head.metric.original, &head.metric)),
        escape(&head.host.cpu),
        head.host.cores,
        units::bytes(head.host.memory_bytes as f64),
        escape(&head.host.os),
        escape(&head.henna.version),
        escape(commit),
        escape(&head.date),
    );
    if !head.henna.optimised {
        html.push_str("<p class=\"warning\">A development build: times mean little.</p>\n");
    }
    html.push_str("</header>\n");
    html
}

fn charts(report: &Report) -> String {
    type Quantity = (&'static str, fn(&Measured) -> Option<f64>, fn(f64) -> String);
    let quantities: [Quantity; 6] = [
        (
            "Latency of one evaluation, with encryption and decryption",
            |m| Some(m.time.latency.mean),
            units::seconds,
        ),
        ("Time a sample, amortised over a batch", |m| Some(m.time.amortised), units::seconds),
        ("Set-up: key generation and preparation", |m| Some(m.time.setup), units::seconds),
        ("Peak memory", |m| m.memory.peak.map(|bytes| bytes as f64), units::bytes),
        ("Upload a sample", |m| Some(m.bytes.upload_per_sample), units::bytes),
        ("Evaluation keys", |m| Some(m.bytes.evaluation_keys as f64), units::bytes),
    ];
    let mut html = String::from("<section>\n<h2>Cost</h2>\n<div class=\"charts\">\n");
    for (title, quantity, show) in quantities {
        let labels: Vec<String> = report.backends.iter().map(BackendRecord::label).collect();
        let values: Vec<bars::Bar> = report
            .backends
            .iter()
            .zip(&labels)
            .enumerate()
            .filter_map(|(index, (backend, label))| {
                let value = quantity(backend.measured.as_ref()?)?;
                Some(bars::Bar { label, color: index, value, text: show(value) })
            })
            .collect();
        html.push_str(&bars::chart(title, &values));
    }
    html.push_str("</div>\n</section>\n");
    if report.backends.iter().all(|backend| backend.measured.is_none()) { String::new() } else { html }
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(super::escape("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
    }
}
