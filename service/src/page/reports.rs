//! Comparison reports from the operator's folder.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as Name, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::api::App;
use crate::problem::{Error, Result};

/// A report is a page of its own with its style inside; it gets an origin of its own and runs no script, so that it can reach neither the
/// page nor a token typed into it.
const POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";
/// Bytes of a report at most.
const LARGEST: u64 = 64 << 20;

/// A report that can be looked at.
#[derive(Serialize)]
pub(super) struct Report {
    name: String,
    bytes: u64,
    /// Milliseconds since 1970.
    changed: Option<u64>,
}

/// Plain names of pages alone: no folder, nothing hidden.
fn is_report(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.ends_with(".html") && !name.starts_with('.') && name.len() <= 128 && name.chars().all(plain)
}

/// A file of the folder itself; a link is none.
fn look(folder: &Path, name: &str) -> Option<Report> {
    let metadata = std::fs::symlink_metadata(folder.join(name)).ok()?;
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    (metadata.is_file() && metadata.len() <= LARGEST).then(|| Report {
        name: name.to_owned(),
        bytes: metadata.len(),
        changed: changed.map(|time| time.as_millis() as u64),
    })
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<Report>>> {
    let Some(folder) = app.reports.clone() else { return Ok(Json(Vec::new())) };
    let read = move || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut reports: Vec<Report> =
            names.filter(|name| is_report(name)).filter_map(|name| look(&folder, &name)).collect();
        reports.sort_by(|a, b| b.changed.cmp(&a.changed).then_with(|| a.name.cmp(&b.name)));
        reports
    };
    tokio::task::spawn_blocking(read).await.map(Json).map_err(|error| Error::Internal(error.to_string()))
}

pub(super) async fn report(State(app): State<Arc<App>>, Name(name): Name<String>) -> Result<Response> {
    let missing = || Error::NotFound("such report".to_owned());
    let folder = app.reports.clone().filter(|_| is_report(&name)).ok_or_else(missing)?;
    let read = move || look(&folder, &name).and_then(|_| std::fs::read(folder.join(&name)).ok());
    let page = tokio::task::spawn_blocking(read).await.map_err(|error| Error::Internal(error.to_string()))?;
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, page.ok_or_else(missing)?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_reports() {
        assert!(is_report("mnist.html") && is_report("2026-11-21_unet-512.html"));
        for wrong in
            ["../x.html", "a/b.html", ".hidden.html", "tokens.json", "x.html\0", "", "ü.html", "..html"]
        {
            assert!(!is_report(wrong), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.html"), "a").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("b.html")).unwrap();
        assert!(look(folder.path(), "a.html").is_some());
        assert!(look(folder.path(), "b.html").is_none());
    }
}
