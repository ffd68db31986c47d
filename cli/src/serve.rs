//! `henna serve`: the service of the crate `henna-service` with this program's models and backends.

mod args;
mod token;

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use exchange::{Kind, Reader};
use he_traits::Scheme;
use henna_service::catalogue::Plan;
use henna_service::serve::Tls;
use henna_service::{Config, Limits, Schemes, Served, Service};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use args::ServeArgs;
use args::{Log, ServeCommand};

use crate::backends::{self, ServerTask};
use crate::failure::Failure;
use crate::job::Subject;
use crate::measure::memory;
use crate::planning::{self, How};

/// Share of the free memory for keys and weights where nobody set a budget: the rest is for requests and what the estimate misses.
const SHARE: f64 = 0.6;

/// Serves, or manages tokens.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    match &args.command {
        Some(ServeCommand::Token(command)) => token::run(command),
        None => serve(args),
    }
}

fn serve(args: &ServeArgs) -> Result<(), Failure> {
    // A panic in an evaluation is that job's failure, not the end of the program.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        tracing::error!("internal error{place}; this is a bug, please report it");
    }));
    log(args.log);
    let tls = tls(args)?;
    let names = backends::chosen(&args.backend)?;
    let subjects =
        args.models().iter().map(|name| Subject::load(name, None)).collect::<Result<Vec<_>, _>>()?;
    let encrypted = args.encrypted_model.iter().map(|path| encrypted(path)).collect::<Result<Vec<_>, _>>()?;
    let listener = listen(args, tls.is_some())?;
    let models = subjects.iter().map(|subject| {
        let (about, weights) = (subject.about().to_owned(), subject.weights.weights.clone());
        Served::new(about, subject.weights_from.clone(), subject.network.clone(), weights)
    });
    let models: Vec<Served> = models.chain(encrypted).collect();
    let served: Vec<String> = models.iter().map(in_words).collect();
    let service = Service::start(config(args), models, schemes(&names)?)?;
    let subjects = Arc::new(subjects);
    service.plan(Box::new(move |model, scheme| plan(&subjects, model, scheme)))?;
    let address = listener.local_addr().map_err(|error| Failure::failed(error.to_string()))?;
    let protocol = if tls.is_some() { "https" } else { "http" };
    eprintln!("henna serves {} at {protocol}://{address}", served.join(", "));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    runtime.block_on(service.run(listener, tls.as_ref(), ended()))?;
    Ok(())
}

/// The model of a file of encrypted weights.
fn encrypted(path: &Path) -> Result<Served, Failure> {
    let header = Reader::open(path, Kind::Model)?.header().clone();
    let model = crate::job::model(&header.network.name)?;
    Ok(Served::encrypted(model.about.to_owned(), (model.network)()?, path)?)
}

fn in_words(served: &Served) -> String {
    let encrypted = if served.file().is_some() { " (encrypted weights)" } else { "" };
    format!("{}{encrypted}", served.name())
}

/// Only what this project itself says is written: other crates may show headers and bytes.
fn log(log: Log) {
    let level = match log {
        Log::Quiet => LevelFilter::WARN,
        Log::Text | Log::Json => LevelFilter::INFO,
    };
    let targets = Targets::new().with_target("henna_service", level).with_target("henna", level);
    let registry = tracing_subscriber::registry().with(targets);
    let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let colours = std::io::stderr().is_terminal();
    // A subscriber that is there already stays.
    let _ = match log {
        Log::Json => registry.with(text.json()).try_init(),
        Log::Quiet | Log::Text => registry.with(text.with_ansi(colours).with_target(false)).try_init(),
    };
}

fn tls(args: &ServeArgs) -> Result<Option<Tls>, Failure> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(Tls { certificate: certificate.clone(), key: key.clone() }))
        }
        (None, None) => Ok(None),
        _ => Err(Failure::Usage("TLS takes both --tls-cert and --tls-key".to_owned())),
    }
}

fn listen(args: &ServeArgs, encrypted: bool) -> Result<TcpListener, Failure> {
    let address: SocketAddr = args.listen;
    let ip: IpAddr = address.ip();
    if !encrypted && !ip.is_loopback() && !args.insecure_http {
        return Err(Failure::Usage(format!(
            "{address} can be reached from elsewhere, and without TLS tokens could be read on the way: give --tls-cert and --tls-key, listen \
             on 127.0.0.1 behind a proxy, or say --insecure-http"
        )));
    }
    TcpListener::bind(address).map_err(|error| Failure::failed(format!("{address}: {error}")))
}

fn config(args: &ServeArgs) -> Config {
    let free = || memory::available().map(|bytes| (SHARE * bytes as f64) as u64);
    let limits = Limits {
        key_bytes: args.max_key,
        request_bytes: args.max_request,
        keys: args.keys,
        jobs: args.jobs,
        queue: args.queue,
        concurrent: args.concurrent,
        connections: args.connections,
        uploads: args.uploads,
        job_time: args.job_time.into(),
        attempts: args.attempts,
        memory: args.memory.or_else(free).unwrap_or_else(|| Limits::default().memory),
        keep: args.keep.into(),
        ..Limits::default()
    };
    Config {
        limits,
        threads: args.threads.map(usize::from),
        reports: args.reports.clone(),
        grace: args.grace.into(),
        ..Config::new(&args.store)
    }
}

fn schemes(names: &[&'static str]) -> Result<Schemes, Failure> {
    struct Add(Schemes);
    impl ServerTask for Add {
        type Output = Schemes;
        fn run<S: Scheme>(self) -> Schemes {
            self.0.with::<S>()
        }
    }
    names.iter().try_fold(Schemes::default(), |schemes, name| {
        backends::with_server(name, Add(schemes)).map_err(Failure::Usage)
    })
}

/// How a model runs under a scheme, as `henna plan` says.
fn plan(subjects: &[Subject], model: &str, scheme: &str) -> Plan {
    let Some(subject) = subjects.iter().find(|subject| subject.name() == model) else {
        return Plan::absent(scheme, "there is no such model");
    };
    match planning::plan(subject, scheme, How::default()) {
        Err(reason) => Plan::absent(scheme, reason.to_string()),
        Ok(plan) => Plan {
            scheme: scheme.to_owned(),
            parameters: Some(plan.parameters),
            security: Some(plan.security.statement),
            security_bits: Some(plan.security.bits),
            server_learns: plan.security.server_learns,
            key_bytes: Some(plan.keys.estimated_bytes),
            sample_seconds: Some(plan.estimated_seconds),
            reason: None,
        },
    }
}

/// Ready when the program is asked to end. Asked a second time, it ends at once: the store is whole at every moment.
async fn ended() {
    asked().await;
    eprintln!("henna: ending; running jobs may go on for a while, ask again to end at once");
    tokio::spawn(async {
        asked().await;
        std::process::exit(130);
    });
}

async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
