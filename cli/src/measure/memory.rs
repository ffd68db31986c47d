//! Peak resident memory of this process, phase by phase.

use std::time::Instant;

/// Watches the peak; Linux alone tells it, and lets it be reset.
pub(crate) struct Watch;

impl Watch {
    /// The peak since the last call, in bytes; the next phase starts from what is resident now.
    pub(crate) fn take(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let peak = field(&status, "VmHWM:")?;
        // 5 resets the peak to what is resident (proc(5)); where the kernel lacks that, phases only ever grow.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Some(peak)
    }
}

/// Resident memory of this process in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// The most since the process began, or since a [`Watch`] last looked.
    pub(crate) peak: u64,
}

impl Resident {
    /// What this process has; Linux alone tells it.
    pub(crate) fn of_this_process() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        Some(Self { now: field(&status, "VmRSS:")?, peak: field(&status, "VmHWM:")? })
    }
}

/// A field of `/proc/self/status`, in bytes.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes of memory that could be taken now, as the kernel estimates it.
pub(crate) fn available() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes that are taken at most to see what memory costs.
const PROBE: f64 = 64e6;
/// Fewer bytes cost nothing worth telling: a huge page.
const LEAST: f64 = 2e6;

/// Seconds that it takes to get so many bytes that this process has not had before, by what some of them take now: a system clears them, and a virtual machine
/// whose host took back what was free waits for the host. No more are taken than will be, so that the peak of this process stays what it is.
pub(crate) fn seconds_for(bytes: f64) -> f64 {
    if bytes < LEAST {
        return 0.0;
    }
    let probe = bytes.min(PROBE);
    let start = Instant::now();
    let Ok(mut fresh) = memmap2::MmapMut::map_anon(probe as usize) else { return 0.0 };
    #[cfg(target_os = "linux")]
    let _ = fresh.advise(memmap2::Advice::HugePage);
    fresh.fill(1);
    start.elapsed().as_secs_f64() * bytes / probe
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_phase_that_takes_memory_shows() {
        let watch = Watch;
        let before = watch.take().unwrap();
        let held = vec![1u8; 64 << 20];
        assert_eq!(std::hint::black_box(&held).last(), Some(&1));
        let during = watch.take().unwrap();
        assert!(during >= 64 << 20 && during + (16 << 20) >= before, "{before} {during}");
        let resident = Resident::of_this_process().unwrap();
        assert!(resident.now > 1 << 20 && resident.peak + (16 << 20) >= resident.now, "{resident:?}");
        assert!(available().unwrap() > 1 << 20);
        let [none, fresh] = [1e5, 1e9].map(seconds_for);
        assert!(none == 0.0 && fresh > 0.0 && fresh < 1e3, "{none} {fresh}");
    }
}
