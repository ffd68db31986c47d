//! Listening: TLS, limits of time and connections, shutdown.

mod connections;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Semaphore;

use self::connections::{Listener, Peer};
use crate::api::{App, router};
use crate::catalogue::{Catalogue, Plan, Served};
use crate::config::Config;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::problem::{Error, Result};
use crate::schemes::Schemes;
use crate::store::Store;
use crate::tokens::Tokens;

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(15);
/// How often finished jobs that are kept no longer are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// How long answers that are under way may take when the service ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Plans a model under a scheme, both by name.
pub type Planner = dyn Fn(&str, &str) -> Plan + Send + Sync;

/// A certificate chain and its key, as files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Tls {
    fn config(&self) -> Result<RustlsConfig> {
        let failed =
            |path: &Path, error: &dyn std::fmt::Display| Error::Setup(format!("{}: {error}", path.display()));
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
            .map_err(|error| failed(&self.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| failed(&self.key, &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| failed(&self.certificate, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(RustlsConfig::from_config(Arc::new(config)))
    }
}

/// A service with its threads; it listens once [`Service::run`] is called.
pub struct Service {
    app: Arc<App>,
    router: Router,
    workers: Vec<JoinHandle<()>>,
    grace: Duration,
}

impl Service {
    /// Opens the store and begins with what waits there.
    ///
    /// # Errors
    /// [`Error::Setup`] when the store cannot be opened, or encrypted weights are of another scheme or network; [`Error::Store`]; [`Error::Internal`] when the system gives no threads.
    pub fn start(config: Config, models: Vec<Served>, schemes: Schemes) -> Result<Self> {
        let Config { store, limits, threads, reports, grace } = config;
        let tokens = Tokens::of(&store);
        let (store, recovered) = Store::open(&store)?;
        let waiting = recovered.jobs.iter().filter(|job| !job.state.is_over()).count();
        let (keys, removed) = (recovered.keys.len(), recovered.removed);
        tracing::info!(keys, jobs = recovered.jobs.len(), waiting, removed, "store opened");
        let catalogue = Arc::new(Catalogue::new(models, &schemes)?);
        let metrics = Arc::new(Metrics::new());
        let threads =
            threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let uploads = Semaphore::new(limits.uploads);
        let jobs = Jobs::new(
            (Arc::new(store), recovered),
            limits,
            schemes,
            Arc::clone(&catalogue),
            Arc::clone(&metrics),
            threads,
        );
        jobs.sweep()?;
        let workers = jobs.start()?;
        let app = Arc::new(App { jobs, catalogue, tokens, metrics, uploads, reports });
        let router = router(Arc::clone(&app));
        Ok(Self { app, router, workers, grace })
    }

    /// Plans every model with clear weights under every scheme on a thread of its own; plans are kept in the store.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no thread.
    pub fn plan(&self, planner: Box<Planner>) -> Result<()> {
        let app = Arc::clone(&self.app);
        let work = move || plan_all(&app, &*planner);
        let thread = std::thread::Builder::new().name("planner".to_owned()).spawn(work);
        thread.map(drop).map_err(|error| Error::Internal(format!("cannot start a thread: {error}")))
    }

    /// Answers until `end` is ready, then shuts down: no new work, running jobs go on for the grace period, what is not done waits in
    /// the store.
    ///
    /// # Errors
    /// [`Error::Setup`] when the listener or the certificate does not work.
    pub async fn run(
        self,
        listener: TcpListener,
        tls: Option<&Tls>,
        end: impl Future<Output = ()>,
    ) -> Result<()> {
        let Self { app, router, workers, grace } = self;
        listener.set_nonblocking(true).map_err(|error| Error::Setup(error.to_string()))?;
        let handle: Handle<Peer> = Handle::new();
        let sweeper = tokio::spawn(sweep(Arc::clone(&app)));
        let places = app.jobs.limits().connections;
        let listener = Listener::new(listener, places).map_err(|error| Error::Setup(error.to_string()))?;
        let serving = listen(listener, tls.map(Tls::config).transpose()?, router, handle.clone());
        let serving = tokio::spawn(serving);
        tokio::pin!(serving);
        let served = tokio::select! {
            served = &mut serving => Some(served),
            () = end => None,
        };
        tracing::info!("shutting down");
        sweeper.abort();
        let jobs = Arc::clone(&app.jobs);
        // Answers go on meanwhile: owners can still see their jobs and fetch results.
        let closed = tokio::task::spawn_blocking(move || jobs.close(grace)).await;
        closed.map_err(|error| Error::Internal(error.to_string()))?;
        handle.graceful_shutdown(Some(FAREWELL));
        let served = match served {
            Some(served) => served,
            None => serving.await,
        };
        for worker in workers {
            let _ = worker.join();
        }
        served
            .map_err(|error| Error::Internal(error.to_string()))?
            .map_err(|error| Error::Setup(error.to_string()))
    }
}

type Serving = std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

fn listen(listener: Listener, tls: Option<RustlsConfig>, router: Router, handle: Handle<Peer>) -> Serving {
    let service = router.into_make_service();
    let mut server = Server::<Peer>::from_listener(listener).handle(handle);
    limit(server.http_builder());
    match tls {
        None => Box::pin(server.serve(service)),
        Some(config) => Box::pin(server.acceptor(RustlsAcceptor::new(config)).serve(service)),
    }
}

/// Clients that say nothing are not waited for.
fn limit<E>(builder: &mut hyper_util::server::conn::auto::Builder<E>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(HEAD)).max_concurrent_streams(32);
}

async fn sweep(app: Arc<App>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let jobs = Arc::clone(&app.jobs);
        match tokio::task::spawn_blocking(move || jobs.sweep()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => tracing::info!(count, "old jobs forgotten"),
            Ok(Err(error)) => tracing::error!(%error, "old jobs could not be forgotten"),
        }
    }
}

fn plan_all(app: &App, planner: &Planner) {
    for (served, _) in app.catalogue.all().into_iter().filter(|(served, _)| served.file().is_none()) {
        for scheme in app.jobs.schemes() {
            if app.jobs.is_closing() {
                return;
            }
            let key = format!("{} {scheme} {}", served.digest(), env!("CARGO_PKG_VERSION"));
            let kept = app.jobs.store().plan::<Plan>(&key).ok().flatten();
            let plan = kept.unwrap_or_else(|| {
                let plan = planner(served.name(), scheme);
                if plan.reason.is_none()
                    && let Err(error) = app.jobs.store().put_plan(&key, &plan)
                {
                    tracing::error!(%error, "a plan could not be kept");
                }
                plan
            });
            app.catalogue.planned(served.name(), plan);
        }
    }
}
