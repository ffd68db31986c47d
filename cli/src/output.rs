//! Standard output, and files.

use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::failure::Failure;
use crate::interrupt;

/// Writes text; a reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all, and says on standard error where it is.
pub(crate) fn file(what: &str, path: &Path, text: &str) -> Result<(), Failure> {
    interrupt::held_off(|| models::cache::write_atomically(path, text.as_bytes()))?;
    eprintln!("{what}: {}", path.display());
    Ok(())
}
