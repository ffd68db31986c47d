//! The parent's side: one process a backend, so that peaks of memory do not mix and a crash stays with its backend.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::interrupt;
use crate::job::Job;
use crate::progress::Bar;
use crate::protocol;
use crate::record::{BackendRecord, Status};

/// How often a child is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Runs one backend in a child of its own. Whatever becomes of the child, there is a record; the error is of this process.
pub(crate) fn measure(job: Job) -> Result<BackendRecord, Failure> {
    let backend = crate::record::label(&job.backend, job.weights_are, job.packing);
    let Answer { status, text, message } = ask("measure-backend", &job.backend, &job, Some(backend))?;
    Ok(outcome(&job, status, &text, &message))
}

/// What became of a child.
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    /// What it said on standard output.
    pub(crate) text: String,
    /// The last line of standard error that is no progress.
    pub(crate) message: String,
}

/// Has this program do `command` in a child, which is told `question` in a line of standard input and ends with this process. Progress is shown under the name
/// `shown`, where there is one; errors say that it is about `backend`.
pub(crate) fn ask(
    command: &str,
    backend: &str,
    question: &impl Serialize,
    shown: Option<String>,
) -> Result<Answer, Failure> {
    let mut child = Command::new(own_file()?)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::failed(format!("cannot start a process for {backend}: {error}")))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    interrupt::kill_on_interrupt(&child);

    // Stays open until the child is done: its end tells the child that this process is gone.
    let mut stdin = stdin;
    if let (Some(stdin), Ok(line)) = (stdin.as_mut(), serde_json::to_string(question)) {
        // A child that died already shows in its status.
        let _ = stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n"));
    }
    let answer = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.map(|mut stdout| stdout.read_to_string(&mut text));
        text
    });
    let messages =
        std::thread::spawn(move || stderr.map(|stderr| follow(shown.as_deref(), stderr)).unwrap_or_default());
    let status = wait(&child)?;
    drop(stdin);
    let text = answer.join().unwrap_or_default();
    let message = messages.join().unwrap_or_default();
    interrupt::give_way();
    let message = message.trim().trim_start_matches("henna: ").to_owned();
    Ok(Answer { status, text, message })
}

/// This program's file. Linux has a name for it that holds even when the file was replaced or removed meanwhile.
pub(crate) fn own_file() -> Result<PathBuf, Failure> {
    let link = Path::new("/proc/self/exe");
    if link.exists() {
        return Ok(link.to_path_buf());
    }
    std::env::current_exe()
        .map_err(|error| Failure::failed(format!("cannot find this program's own file: {error}")))
}

/// Waits without holding the child, so that an interrupt can end it.
fn wait(child: &Arc<Mutex<Child>>) -> Result<ExitStatus, Failure> {
    loop {
        let status = child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        match status.map_err(|error| Failure::failed(format!("lost sight of a child: {error}")))? {
            Some(status) => return Ok(status),
            None => std::thread::sleep(POLL),
        }
    }
}

/// Shows progress until the child closes its standard error; the last line that is no progress.
fn follow(shown: Option<&str>, stderr: ChildStderr) -> String {
    let bar = shown.map(Bar::units);
    let mut message = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        match protocol::parse(&line) {
            Some(progress) => {
                let text = format!("{} {}", progress.stage.words(), progress.detail);
                let (done, total) = (progress.done as u64, progress.total as u64);
                bar.iter().for_each(|bar| bar.show(done, total, text.clone()));
            }
            None if line.trim().is_empty() => {}
            None => message = line,
        }
    }
    bar.iter().for_each(Bar::finish);
    message
}

fn outcome(job: &Job, status: ExitStatus, answer: &str, message: &str) -> BackendRecord {
    if status.success() {
        match serde_json::from_str(answer.trim()) {
            Ok(record) => return record,
            Err(error) => return failed(job, format!("its record cannot be read: {error}")),
        }
    }
    let how = ended(status);
    failed(job, if message.is_empty() { how } else { format!("{message} ({how})") })
}

fn failed(job: &Job, reason: String) -> BackendRecord {
    job.without(Status::Failed, reason)
}

#[cfg(unix)]
fn ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "its process was killed by signal 9; perhaps memory ran out".to_owned(),
        Some(signal) => format!("its process was ended by signal {signal}"),
        None => format!("its process ended with {status}"),
    }
}

#[cfg(not(unix))]
fn ended(status: ExitStatus) -> String {
    format!("its process ended with {status}")
}
