//! `henna compare`: the same samples and the same network under each backend, side by side.

pub(crate) mod child;
mod head;
mod request;

use crate::args::CompareArgs;
use crate::failure::Failure;
use crate::measure::run::WARM_UP;
use crate::record::{BackendRecord, Report, Status};
use crate::{html, interrupt, output, planning, record, rows, table, units};
use planning::{How, Timing};
use request::{Column, Request};

/// Runs the comparison; a backend that could not run makes the failure that exit code 3 stands for.
pub(crate) fn run(args: &CompareArgs) -> Result<(), Failure> {
    let request = Request::check(args)?;
    interrupt::install();
    let plans = request
        .columns
        .iter()
        .map(|column| {
            let how = How {
                memory: request.memory,
                weights: column.weights,
                round_trips: request.round_trips,
                packing: column.packing.unwrap_or_default(),
                samples: request.samples,
                timing: Timing::Measured(request.threads),
            };
            let plan = planning::plan(&request.subject, column.backend, how)?;
            planning::fits_here(&plan, request.subject.name()).map(|()| plan)
        })
        .collect::<Vec<_>>();
    let sizes = request.sizes(&plans)?;
    let head = head::head(&request, sizes.samples)?;
    announce(&request, &plans, &sizes);

    let mut backends = Vec::new();
    for ((column, plan), runs) in request.columns.iter().zip(plans).zip(&sizes.runs) {
        backends.push(match plan {
            Ok(_) => child::measure(request.job(&head.id, *column, sizes.samples, *runs))?,
            Err(reason) => {
                let Column { backend, weights, packing } = *column;
                BackendRecord::without(&head.id, backend, weights, packing, Status::Unable, reason)
            }
        });
    }
    finish(&request, Report { head, backends })
}

/// Says before the work what it will take.
fn announce(request: &Request, plans: &[Result<record::Plan, Failure>], sizes: &request::Sizes) {
    for ((column, plan), runs) in request.columns.iter().zip(plans).zip(&sizes.runs) {
        let backend = column.label();
        match plan {
            Ok(plan) => {
                let all = plan.seconds_of(sizes.samples) * *runs as f64 + warm_up(plan, sizes.samples);
                // Below a second the work of starting threads and children, which no cost model counts, outweighs the rest.
                let about = match all {
                    all if all < 1.0 => "about a second at most".to_owned(),
                    all => format!("about {}", units::seconds(all)),
                };
                let each = if plan.samples_per_ciphertext > 1 { "" } else { " a sample" };
                eprintln!(
                    "{backend}: {} samples x {runs} runs, {about} ({}{each} {}), {} of memory{}",
                    sizes.samples,
                    rows::evaluation(plan),
                    rows::estimated_on(plan),
                    units::bytes(plan.estimated_memory.total as f64),
                    plan.round_trips.as_ref().map_or(String::new(), |trips| format!(
                        ", {} to the owner",
                        units::count(trips.rounds, "round trip")
                    ))
                );
            }
            Err(reason) => eprintln!("{backend}: cannot run: {reason}"),
        }
    }
}

/// Seconds that a first evaluation is expected to take beside those that count: all of it, where it only warms up.
fn warm_up(plan: &record::Plan, samples: usize) -> f64 {
    let seconds = plan.first_seconds_of(samples.min(plan.samples_at_once));
    if seconds < WARM_UP { seconds } else { plan.estimated_fresh_seconds }
}

fn finish(request: &Request, report: Report) -> Result<(), Failure> {
    let missing: Vec<String> = report
        .backends
        .iter()
        .filter(|backend| backend.status != Status::Ok)
        .map(BackendRecord::label)
        .collect();
    let path = match &request.records {
        Some(path) => path.clone(),
        None => record::default_path(&report.head)?,
    };
    let page = request.html.as_ref().map(|path| (path, html::page(std::slice::from_ref(&report))));
    let text = if request.json { None } else { Some(table::report(&report)) };
    let lines = record::to_lines(&report.into_records())?;
    output::print(text.as_deref().unwrap_or(&lines))?;
    output::file("records", &path, &lines)?;
    if let Some((path, page)) = page {
        output::file("page", path, &page)?;
    }
    if missing.is_empty() { Ok(()) } else { Err(Failure::Backends(missing)) }
}
