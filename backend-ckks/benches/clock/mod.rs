//! The clock of benchmarks.

/// CPU seconds of this thread; where the system does not tell, seconds since the first call.
pub(crate) fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let passed = START.elapsed().as_secs_f64();
    // The kernel brings its account up to date when the thread gives way.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = account.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or(passed, |n| n * 1e-9)
}
