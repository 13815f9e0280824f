//! Memory of a process as the kernel counts it (`/proc`); zero where there is none.

/// Resident now, of this process, KiB.
pub fn resident_kib() -> u64 {
    field("/proc/self/status", "VmRSS:")
}

/// The most that a process has had, KiB; zero once it is gone.
pub fn peak_kib(process: u32) -> u64 {
    field(&format!("/proc/{process}/status"), "VmHWM:")
}

fn field(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}
