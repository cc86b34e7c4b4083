//! What a process takes of its machine, as the kernel counts it (`proc(5)`).

use std::fs;

/// Ticks of the processor's time in a second, on every Linux that there is.
const TICKS_A_SECOND: u64 = 100;

/// A process.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Memory that it holds now, in KiB.
    pub fn memory_kib(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that it held since [`Self::forget_peak`], in KiB.
    pub fn peak_kib(self) -> u64 {
        self.status("VmHWM:")
    }

    /// Lets the peak be what it holds now.
    pub fn forget_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").expect("the process is of this user");
    }

    /// Processor time that it took, in milliseconds; with that of its children that have ended.
    pub fn cpu_ms(self) -> (u64, u64) {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("the process runs");
        // The name before may hold spaces, and ends with the last parenthesis.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<u64> = after_name.split_whitespace().skip(11).take(4).filter_map(|n| n.parse().ok()).collect();
        let [user, system, of_children, of_children_system] = fields[..] else { return (0, 0) };
        let ms = |ticks: u64| ticks * 1_000 / TICKS_A_SECOND;
        (ms(user + system), ms(of_children + of_children_system))
    }

    fn status(self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
        number.expect("the kernel counts it")
    }
}
