//! The tables of the page.

use std::fmt::Write;

use super::escape;
use crate::record::{Report, Status};
use crate::{rows, units};

fn cell(text: &str) -> String {
    escape(text).replace('\n', "<br>")
}

/// What each scheme protects, first of all.
pub(crate) fn protection(report: &Report) -> String {
    let mut html = String::from("<section>\n<h2>Protection</h2>\n<div class=\"cards few\">\n");
    for (index, backend) in report.backends.iter().enumerate() {
        let _ =
            write!(html, "<div class=\"scheme edge{}\">\n<h3>{}</h3>\n", index % 6, escape(&backend.label()));
        if backend.status != Status::Ok {
            let what = if backend.status == Status::Unable { "Cannot run" } else { "Did not finish" };
            let reason = backend.reason.as_deref().unwrap_or("no reason given");
            let _ = writeln!(html, "<p class=\"warning\">{what}: {}</p>", escape(reason));
        }
        if let Some(plan) = &backend.plan {
            let strength = if plan.security.bits > 0 {
                format!("{} bits ({})", plan.security.bits, plan.security.assumption)
            } else {
                "no security".to_owned()
            };
            let _ = write!(
                html,
                "<p class=\"bits\">{}</p>\n<p>{}</p>\n<p>The server sees the weights: {}</p>\n<p class=\"quiet\">In the clear: weights: {}; data: {}; labels: {}; \
                 results: {}</p>\n",
                escape(&strength),
                escape(&plan.security.statement),
                plan.visibility.server_sees_weights(),
                escape(&plan.visibility.weights),
                escape(&plan.visibility.data),
                escape(&plan.visibility.labels),
                escape(&plan.visibility.results),
            );
        }
        html.push_str("</div>\n");
    }
    html.push_str("</div>\n</section>\n");
    html
}

/// Every row of the comparison.
pub(crate) fn all(report: &Report) -> String {
    let mut html = String::from(
        "<section>\n<h2>All figures</h2>\n<div class=\"wide\">\n<table class=\"even\">\n<thead><tr><th></th>",
    );
    for backend in &report.backends {
        let _ = write!(html, "<th>{}</th>", escape(&backend.label()));
    }
    html.push_str("</tr></thead>\n");
    for section in rows::sections(report).into_iter().filter(|section| !section.rows.is_empty()) {
        let columns = report.backends.len() + 1;
        let _ = writeln!(
            html,
            "<tbody>\n<tr><th class=\"heading\" colspan=\"{columns}\">{} <span class=\"quiet\">{}</span></th></tr>",
            escape(section.title),
            escape(section.about)
        );
        for (name, cells) in section.rows {
            let _ = write!(html, "<tr><th>{}</th>", escape(&name));
            cells.iter().for_each(|text| {
                let _ = write!(html, "<td>{}</td>", cell(text));
            });
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n");
    }
    html.push_str("</table>\n</div>\n");
    html.push_str(&scores(report));
    html.push_str("</section>\n");
    html
}

/// Scores of quantities or classes, clear, encrypted and in the paper.
fn scores(report: &Report) -> String {
    let Some(first) =
        report.backends.iter().find_map(|b| b.measured.as_ref().filter(|m| !m.scores.is_empty()))
    else {
        return String::new();
    };
    let ran: Vec<_> =
        report.backends.iter().filter_map(|b| Some((b.label(), b.measured.as_ref()?))).collect();
    let mut html = String::from(
        "<details>\n<summary>Scores one by one</summary>\n<div class=\"wide\">\n<table>\n<thead><tr><th></th><th>metric</th>\
         <th>paper</th><th>original</th>",
    );
    ran.iter().for_each(|(backend, _)| {
        let _ = write!(html, "<th>{}</th>", escape(backend));
    });
    html.push_str("</tr></thead>\n<tbody>\n");
    for (index, score) in first.scores.iter().enumerate() {
        let paper = score.paper.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let _ = write!(
            html,
            "<tr><th>{}</th><td>{}</td><td>{paper}</td><td>{:.4}</td>",
            escape(&score.of),
            escape(&score.metric),
            score.original
        );
        ran.iter().for_each(|(_, measured)| {
            let text =
                measured.scores.get(index).map_or_else(|| "-".to_owned(), |s| format!("{:.4}", s.encrypted));
            let _ = write!(html, "<td>{text}</td>");
        });
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n</details>\n");
    html
}

/// Step by step, a table a backend.
pub(crate) fn steps(report: &Report) -> String {
    let mut html = String::new();
    for backend in &report.backends {
        let Some(measured) = backend.measured.as_ref().filter(|measured| !measured.steps.is_empty()) else {
            continue;
        };
        let precise = measured.steps.iter().any(|step| step.precision.is_some());
        let bits = if precise { "<th>bits, typical / worst</th>" } else { "" };
        let _ = write!(
            html,
            "<details>\n<summary>Steps under {}</summary>\n<div class=\"wide\">\n<table>\n<thead><tr><th>step</th>\
             <th>operation</th><th>level</th><th>time</th>{bits}<th>operations</th></tr></thead>\n<tbody>\n",
            escape(&backend.label())
        );
        for step in &measured.steps {
            let bits = step.precision.as_ref().map_or_else(String::new, rows::precision_bits);
            let bits = if precise { format!("<td>{bits}</td>") } else { String::new() };
            let _ = writeln!(
                html,
                "<tr><th>{}</th><td>{}</td><td>{} → {}</td><td>{}</td>{bits}<td>{}</td></tr>",
                escape(&step.name),
                cell(&step.operation),
                units::level(step.level_in),
                units::level(step.level_out),
                rows::spread(&step.seconds),
                cell(&rows::operations(&step.operations).replace('\n', ", "))
            );
        }
        html.push_str("</tbody>\n</table>\n</div>\n</details>\n");
    }
    if html.is_empty() { html } else { format!("<section>\n<h2>Step by step</h2>\n{html}</section>\n") }
}
