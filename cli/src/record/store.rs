//! Records as lines, in files and out of them.

use std::path::{Path, PathBuf};

use super::{BackendRecord, Comparison, Record, Report, SCHEMA};
use crate::failure::Failure;

/// One JSON object a line.
pub(crate) fn to_lines(records: &[Record]) -> Result<String, Failure> {
    let mut lines = String::new();
    for record in records {
        let line = serde_json::to_string(record)
            .map_err(|error| Failure::failed(format!("a record cannot be written as JSON: {error}")))?;
        lines.push_str(&line);
        lines.push('\n');
    }
    Ok(lines)
}

/// Reads a file of records: comparisons with their backends, in the file's order.
pub(crate) fn read(path: &Path) -> Result<Vec<Report>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("cannot read records from {}: {error}", path.display())))?;
    parse(&text).map_err(|reason| Failure::failed(format!("{}: {reason}", path.display())))
}

/// As [`read`], from text; the error is a sentence that names the line.
fn parse(text: &str) -> Result<Vec<Report>, String> {
    let mut reports: Vec<Report> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match record(line).map_err(|reason| format!("line {}: {reason}", index + 1))? {
            Record::Comparison(head) => reports.push(Report { head: *head, backends: Vec::new() }),
            Record::Backend(backend) => {
                let owner = reports.iter_mut().rev().find(|report| report.head.id == backend.comparison);
                let owner = owner.ok_or_else(|| {
                    format!(
                        "line {}: backend {} belongs to comparison {}, which does not stand above it",
                        index + 1,
                        backend.backend,
                        backend.comparison
                    )
                })?;
                owner.backends.push(*backend);
            }
        }
    }
    if reports.is_empty() { Err("it holds no comparison".to_owned()) } else { Ok(reports) }
}

/// One line; the version is looked at before anything else, so that a newer file gets a sentence of its own.
fn record(line: &str) -> Result<Record, String> {
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("it is not a whole JSON object: {error}"))?;
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(SCHEMA) => {}
        Some(version) => return Err(format!("it has schema {version}, this program reads schema {SCHEMA}")),
        None => return Err("it is not a henna record: there is no field `schema`".to_owned()),
    }
    // The derived reader of a tagged enum hides which field is wrong; the structs' own readers name it.
    let kind = value.get("record").and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
    match kind.as_str() {
        "comparison" => {
            serde_json::from_value::<Comparison>(value).map(|head| Record::Comparison(Box::new(head)))
        }
        "backend" => {
            serde_json::from_value::<BackendRecord>(value).map(|head| Record::Backend(Box::new(head)))
        }
        other => return Err(format!("it is of the unknown kind {other:?}")),
    }
    .map_err(|error| error.to_string())
}

/// Where a comparison's records go when no file is named: a file of its own in the user's cache.
pub(crate) fn default_path(head: &Comparison) -> Result<PathBuf, Failure> {
    let name = format!("{}-{}.jsonl", head.model.name, head.id);
    Ok(models::cache::directory()?.join("records").join(name))
}
