//! Progress bars on standard error; nothing where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// One bar.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar over `total` bytes.
    pub(crate) fn bytes(what: &str, total: u64) -> Self {
        Self::with("{prefix:<28} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}", what, total)
    }

    /// A bar over any units, with a message behind it.
    pub(crate) fn units(what: &str) -> Self {
        let bar = Self::with("{prefix:<10} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}", what, 1);
        bar.0.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// A bar over work whose cost is known beforehand, with the time that is left.
    pub(crate) fn work(what: &str) -> Self {
        let bar =
            Self::with("{prefix:<10} [{bar:30}] {percent:>3}% {elapsed}, {eta} left {wide_msg}", what, 1);
        bar.0.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    /// Work that tells nothing about how far it has come: what it is, and for how long it runs.
    pub(crate) fn waiting(what: &str, message: String) -> Self {
        let bar = Self::with("{prefix:<10} {spinner} {elapsed} {wide_msg}", what, 1);
        bar.0.set_message(message);
        bar.0.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    fn with(template: &str, what: &str, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_prefix(what.to_owned());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// How far it has come.
    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// How far it has come, of how much, doing what.
    pub(crate) fn show(&self, done: u64, total: u64, message: String) {
        self.0.set_length(total.max(1));
        self.0.set_position(done);
        self.0.set_message(message);
    }

    /// Done: the bar goes.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
