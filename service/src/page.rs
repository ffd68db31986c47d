//! The page to look at: models, what protects them, the queue, an owner's jobs, and comparison reports. It loads nothing from elsewhere.

mod reports;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::App;

/// What the page may do: its own style and script, and requests to its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn part(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text).into_response()
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || part("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/page.css", get(async || part("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", get(async || part("text/javascript; charset=utf-8", include_str!("page/page.js"))))
        .route("/reports", get(reports::list))
        .route("/reports/{name}", get(reports::report))
}
