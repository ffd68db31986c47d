//! `/v1/jobs/{id}/events`

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use utoipa::ToSchema;

use super::App;
use super::extract::{Id, Owner};
use crate::problem::{Problem, Result};

/// One event of a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what the stream writes")]
pub(super) struct JobEvent {
    /// Always `job`.
    event: String,
    /// A job, as JSON.
    data: String,
}

/// How long a stream waits for news before it looks again.
const LOOK: Duration = Duration::from_secs(15);

/// Follow a job.
///
/// A stream of server-sent events named `job`, each with the job as JSON: one at once, one at every step, and the last when it is over.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs", security(("token" = [])),
    params(("id" = String, Path, description = "number of the job")),
    responses(
        (status = 200, description = "events until the job is over", body = JobEvent, content_type = "text/event-stream"),
        (status = 401, description = "no token, or none that is known", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "there is no such job of the token's owner", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Owner(owner): Owner,
    Id(id): Id,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    app.jobs.job(&owner, &id)?;
    let stream = unfold(Some((app, owner, id, true)), async |state| {
        let (app, owner, id, first) = state?;
        if !first && app.jobs.changed(&owner, &id, false, LOOK).await.is_err() {
            return None;
        }
        let job = app.jobs.job(&owner, &id).ok()?;
        let event = Event::default().event("job").json_data(&job).ok()?;
        let next = (!job.state.is_over()).then_some((app, owner, id, false));
        Some((Ok(event), next))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
