//! `henna serve` as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use henna_service::client::{Client, Options};
use henna_service::tokens::Tokens;

use super::common::henna;

pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts a service over `store` on a free port.
    pub(crate) fn start(store: &Path, arguments: &[&str]) -> Self {
        let mut process = henna(store)
            .args(["serve", "--listen", "127.0.0.1:0", "--store"])
            .arg(store)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut said = BufReader::new(process.stderr.take().expect("piped")).lines();
        let line = said.by_ref().map_while(Result::ok).find(|line| line.starts_with("henna "));
        let line = line.expect("the service says where it is");
        let address = line.rsplit(' ').next().unwrap_or_default().to_owned();
        // The rest is read, or the service would wait for its reader.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(drop));
        Self { process, address }
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(&self.address, token, &Options::default()).expect("a client")
    }

    /// Number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("it ends");
    }

    /// Asks it to end; its exit code.
    #[cfg(unix)]
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let process = self.process.id().to_string();
        let asked = std::process::Command::new("kill").args(["-TERM", &process]).status();
        assert!(asked.expect("kill").success());
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn token(store: &Path, owner: &str) -> String {
    Tokens::of(store).add(owner).expect("a token")
}
