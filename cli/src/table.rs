//! Reports as tables for the terminal.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, ContentArrangement, LineStyle, Table};

use crate::record::{BackendRecord, Report};
use crate::{rows, units};

/// Width where the terminal's is unknown, as in a pipe.
const WIDTH: u16 = 120;

/// An empty table with a head.
pub(crate) fn plain(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING.header_separator(LineStyle::new('─', '─', '─', '─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table.set_header(head.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table
}

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut text = head(report);
    let mut columns = vec![""];
    let labels: Vec<String> = report.backends.iter().map(BackendRecord::label).collect();
    columns.extend(labels.iter().map(String::as_str));
    let mut table = plain(&columns);
    for section in rows::sections(report).into_iter().filter(|section| !section.rows.is_empty()) {
        table.add_row([""]);
        table.add_row([Cell::new(section.title.to_uppercase()).add_attribute(Attribute::Bold)]);
        for (name, cells) in section.rows {
            table.add_row(std::iter::once(name.into_owned()).chain(cells));
        }
    }
    let _ = writeln!(text, "{table}");
    text
}

fn head(report: &Report) -> String {
    let head = &report.head;
    let commit = head.henna.commit.as_deref().map_or_else(String::new, |commit| format!(" ({commit})"));
    let build = if head.henna.optimised { "" } else { ", a development build: times mean little" };
    format!(
        "{}: {}\n{}, {} parameters, weights: {}\n{} samples, {} threads on {}, {} cores, {} memory, {}\nhenna {}{commit}{build}, {}\n\n",
        head.model.name,
        head.model.about,
        head.model.paper,
        units::grouped(head.model.parameters as u64),
        head.model.weights,
        head.samples,
        head.threads,
        head.host.cpu,
        head.host.cores,
        units::bytes(head.host.memory_bytes as f64),
        head.host.os,
        head.henna.version,
        head.date,
    )
}
