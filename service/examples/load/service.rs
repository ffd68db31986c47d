//! The service's process.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use backend_ckks::Ckks;
use henna_service::client::{Client, Options};
use henna_service::{Config, Schemes, Served, Service};

use crate::Args;

/// Serves `model` until the process is killed; its address is the first line of standard output.
pub(crate) fn run(store: &Path, model: &str, threads: Option<usize>) {
    let model = models::find(model).unwrap();
    let (network, weights) = ((model.network)().unwrap(), model.weights().unwrap().weights);
    let served = Served::new(model.about.to_owned(), model.weights_in_words(), network, weights);
    let config = Config { threads, ..Config::new(store) };
    let service = Service::start(config, vec![served], Schemes::default().with::<Ckks>()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(service.run(listener, None, std::future::pending())).unwrap();
}

/// The service's process as its parent sees it.
pub(crate) struct Child {
    process: std::process::Child,
    address: String,
}

impl Child {
    pub(crate) fn start(store: &Path, args: &Args) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--serve").arg(store).args(["--model", &args.model]).stdout(Stdio::piped());
        if let Some(threads) = args.threads {
            command.args(["--threads", &threads.to_string()]);
        }
        let mut process = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.address, token, &Options::default()).unwrap()
    }

    /// Resident memory of the service, in bytes.
    pub(crate) fn memory(&self) -> f64 {
        let mut answer = ureq::get(format!("{}/metrics", self.address)).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("henna_process_resident_bytes ")).unwrap();
        line.parse().unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
