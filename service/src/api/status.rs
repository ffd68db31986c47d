//! What this server is and how it is. Anybody may ask.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use crate::catalogue::Plan;
use crate::jobs::QueueView;
use crate::problem::{Error, Problem, Result};

/// A model that is served.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ModelView {
    /// Its name.
    #[schema(example = "fcnn-wbc")]
    pub name: String,
    /// What it does.
    pub about: String,
    /// Where its weights come from.
    pub weights: String,
    /// Whether its weights are encrypted, for requests under one key. Where not, they are clear to the server; where they are, the scheme's
    /// protection is that of the weights too.
    pub weights_encrypted: bool,
    /// SHA-256 of graph and weights; of the graph alone where the weights are encrypted.
    pub digest: String,
    /// Shape of a sample.
    pub input_shape: Vec<usize>,
    /// Shape of a result.
    pub output_shape: Vec<usize>,
    /// How it runs under each scheme.
    pub plans: Vec<Plan>,
}

/// The server's health.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// Version of the server.
    pub version: String,
}

/// List the models, and what each scheme costs and protects.
#[utoipa::path(
    get, path = "/v1/models", tag = "server",
    responses((status = 200, description = "all models that are served", body = Vec<ModelView>))
)]
pub(super) async fn models(State(app): State<Arc<App>>) -> Json<Vec<ModelView>> {
    let view = |(served, plans): (Arc<crate::Served>, Vec<Plan>)| ModelView {
        name: served.name().to_owned(),
        about: served.about.clone(),
        weights: served.weights_from.clone(),
        weights_encrypted: served.file().is_some(),
        digest: served.digest().to_owned(),
        input_shape: served.network.input_shape().to_vec(),
        output_shape: served.network.output_shape().to_vec(),
        plans,
    };
    Json(app.catalogue.all().into_iter().map(view).collect())
}

/// Look at the queue, without a word of whose jobs they are.
#[utoipa::path(
    get, path = "/v1/queue", tag = "server",
    responses((status = 200, description = "how much waits and runs", body = QueueView))
)]
pub(super) async fn queue(State(app): State<Arc<App>>) -> Json<QueueView> {
    Json(app.jobs.queue())
}

fn healthy() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses((status = 200, description = "it does", body = Health))
)]
pub(super) async fn health() -> Json<Health> {
    healthy()
}

/// Whether new work is taken.
#[utoipa::path(
    get, path = "/readyz", tag = "server",
    responses(
        (status = 200, description = "it is", body = Health),
        (status = 503, description = "the service is shutting down", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>> {
    if app.jobs.is_closing() { Err(Error::ShuttingDown) } else { Ok(healthy()) }
}

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(&app.jobs.queue(), app.jobs.cached());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The description of this API.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], super::openapi()).into_response()
}
