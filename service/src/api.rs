//! The routes. Everything under `/v1` is described by `/v1/openapi.json`, which is made from the handlers themselves.

mod events;
mod extract;
mod jobs;
mod keys;
mod observe;
mod status;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use status::{Health, ModelView};
pub use upload::{Accepted, Stored};

use crate::catalogue::Catalogue;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::problem::{Error, Problem};
use crate::tokens::Tokens;

/// What handlers share.
pub(crate) struct App {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) uploads: Semaphore,
    pub(crate) reports: Option<PathBuf>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "henna",
        description = "Neural networks on encrypted data. An owner uploads evaluation keys once, then requests; results open under the \
                       owner's secret key alone, which never reaches the server. The weights are clear to the server, unless a model's \
                       `weights_encrypted` says otherwise. Schemes without security (`more`, `clear`) show it everything: see each \
                       model's plans.",
        license(name = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "this server")),
    tags(
        (name = "keys", description = "Evaluation keys"),
        (name = "jobs", description = "Requests, and what became of them"),
        (name = "server", description = "What this server is and how it is")
    ),
    components(schemas(Problem)),
    modifiers(&Bearer)
)]
struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", scheme);
    }
}

fn described() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::get, keys::delete))
        .routes(routes!(jobs::create, jobs::list))
        .routes(routes!(jobs::get, jobs::delete))
        .routes(routes!(jobs::results))
        .routes(routes!(events::events))
        .routes(routes!(status::models))
        .routes(routes!(status::queue))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
        .split_for_parts()
}

/// The API's description (OpenAPI 3.1), as `/v1/openapi.json` gives it.
#[must_use]
pub fn openapi() -> String {
    described().1.to_pretty_json().unwrap_or_default()
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (described, _) = described();
    described
        .route("/v1/openapi.json", axum::routing::get(status::openapi))
        .merge(crate::page::routes())
        .fallback(async || Error::NotFound("such page".to_owned()))
        .method_not_allowed_fallback(async || {
            Problem::response(StatusCode::METHOD_NOT_ALLOWED, "this is not what the page is for".to_owned())
        })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

/// Work that waits for the disk, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> crate::Result<T> + Send + 'static,
) -> crate::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?
}
