//! Ctrl-C and its relatives: children are ended, parts of files removed, then the program stops with code 130.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What must not survive an interrupt.
#[derive(Default)]
struct Pending {
    parts: Vec<PathBuf>,
    children: Vec<Arc<Mutex<Child>>>,
}

static PENDING: OnceLock<Mutex<Pending>> = OnceLock::new();
static WRITING: Mutex<()> = Mutex::new(());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn pending<T>(work: impl FnOnce(&mut Pending) -> T) -> T {
    let mutex = PENDING.get_or_init(Mutex::default);
    work(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Installs the handler, once, in the parent process.
pub(crate) fn install() {
    // Without a handler an interrupt ends the program at once: worse, but no reason not to start.
    let _ = ctrlc::set_handler(|| {
        INTERRUPTED.store(true, Ordering::SeqCst);
        pending(|pending| {
            for child in pending.children.drain(..) {
                let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = child.kill();
                let _ = child.wait();
            }
            for part in pending.parts.drain(..) {
                // Folders come behind what is in them.
                let _ = std::fs::remove_file(&part).or_else(|_| std::fs::remove_dir(&part));
            }
        });
        // A file that is being written takes a moment; cutting it short would leave its part behind.
        let _writing = WRITING.lock();
        eprintln!("\nhenna: interrupted; no file was left half-written");
        std::process::exit(130);
    });
}

/// Work that an interrupt waits for: writing a file.
pub(crate) fn held_off<T>(work: impl FnOnce() -> T) -> T {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

/// A part of a file, or a folder that is empty by then, that must go when the program is interrupted.
pub(crate) fn remove_on_interrupt(part: &Path) {
    pending(|pending| pending.parts.push(part.to_path_buf()));
}

/// A child that must end when the program is interrupted.
pub(crate) fn kill_on_interrupt(child: &Arc<Mutex<Child>>) {
    pending(|pending| pending.children.push(Arc::clone(child)));
}

/// Leaves the end of the program to the handler, where an interrupt came.
pub(crate) fn give_way() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}
