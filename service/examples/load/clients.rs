//! Clients at once.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::parties::Party;
use crate::service::Child;

/// How often the service's memory is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// One request, from sending to the last byte of its results.
pub(crate) struct Run {
    /// Seconds as the client saw them.
    pub(crate) seconds: f64,
    /// Seconds from acceptance to the end, as the queue predicted.
    pub(crate) predicted: f64,
    /// The same as it came, in the service's time.
    pub(crate) actual: f64,
    pub(crate) error: Option<String>,
}

/// Sends a request, waits, fetches, checks and deletes; predicted and actual seconds.
pub(crate) fn once(child: &Child, party: &Party, number: usize) -> Result<(f64, f64), String> {
    let client = child.client(&party.token);
    let words = |error: henna_service::client::Error| error.to_string();
    let accepted = client.send_request(party.request(number), &mut |_| {}).map_err(words)?;
    let job = client.wait(&accepted.id, &mut |_| {}).map_err(words)?;
    if let Some(error) = job.error {
        return Err(error);
    }
    let mut results = Vec::new();
    client.results(&accepted.id, &mut results).map_err(words)?;
    party.check(number, &results)?;
    client.delete_job(&accepted.id).map_err(words)?;
    let actual = (job.finished.unwrap_or_default() - job.created) as f64 / 1e3;
    Ok((accepted.predicted_seconds.unwrap_or(f64::NAN), actual))
}

/// So many clients for so long: what became of each request, and the service's memory in bytes, time after time.
pub(crate) fn all(child: &Child, parties: &[Party], clients: usize, time: Duration) -> (Vec<Run>, Vec<f64>) {
    let (runs, mut memory) = (Mutex::new(Vec::new()), Vec::new());
    let end = Instant::now() + time;
    let work = |client: usize| {
        let party = &parties[client % parties.len()];
        let mut number = client;
        while Instant::now() < end {
            let start = Instant::now();
            let outcome = once(child, party, number);
            let seconds = start.elapsed().as_secs_f64();
            let run = match outcome {
                Ok((predicted, actual)) => Run { seconds, predicted, actual, error: None },
                Err(error) => {
                    eprintln!("client {client}: {error}");
                    Run { seconds, predicted: f64::NAN, actual: f64::NAN, error: Some(error) }
                }
            };
            runs.lock().unwrap().push(run);
            number += 1;
        }
    };
    std::thread::scope(|scope| {
        (0..clients).for_each(|client| drop(scope.spawn(move || work(client))));
        while Instant::now() < end {
            std::thread::sleep(LOOK);
            memory.push(child.memory());
            if memory.len() % 12 == 0 {
                let done = runs.lock().unwrap().len();
                eprintln!(
                    "{} min: {done} requests, {:.0} MB",
                    memory.len() / 12,
                    memory[memory.len() - 1] / 1e6
                );
            }
        }
    });
    (runs.into_inner().unwrap(), memory)
}
