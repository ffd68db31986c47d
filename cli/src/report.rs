//! `henna report`: records rendered again.

use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::{html, output, record, table};

/// Renders files of records as tables, or as one page.
pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let mut reports = Vec::new();
    for path in &args.records {
        reports.extend(record::read(path)?);
    }
    match &args.html {
        Some(path) => output::file("page", path, &html::page(&reports)),
        None => output::print(&reports.iter().map(table::report).collect::<Vec<_>>().join("\n")),
    }
}
