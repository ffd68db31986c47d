//! The machine that a record was measured on.

use serde::{Deserialize, Serialize};

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Processor, memory and system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Host {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) os: String,
    pub(crate) arch: String,
}

impl Host {
    /// This machine.
    pub(crate) fn this() -> Self {
        use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).ok();
        let cpu = system.as_ref().and_then(|system| system.cpus().first());
        let cpu = cpu.map(|cpu| cpu.brand().trim().to_owned()).filter(|name| !name.is_empty());
        Self {
            cpu: cpu.unwrap_or_else(|| "unknown processor".to_owned()),
            cores: cores(),
            memory_bytes: system.map_or(0, |system| system.total_memory()),
            os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}
