//! What a process takes of its machine, as the kernel counts it (`proc(5)`).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

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
        let fields = stat(&self.dir()).expect("the process runs");
        (ms(&fields[10..12]), ms(&fields[12..14]))
    }

    /// Processor time of the threads that it has now, by their names.
    pub fn cpu_by_thread(self) -> BTreeMap<String, Duration> {
        let mut spent = BTreeMap::new();
        for (name, task) in self.threads() {
            // A thread may end meanwhile.
            let Ok(fields) = stat(&task) else { continue };
            *spent.entry(name).or_default() += Duration::from_millis(ms(&fields[10..12]));
        }
        spent
    }

    /// The threads that it has now of a name: how often each went to sleep, and its nice value.
    pub fn threads_of(self, name: &str) -> Vec<(u64, i64)> {
        let of_name = self.threads().into_iter().filter(|(thread, _)| thread == name);
        of_name
            .filter_map(|(_, task)| Some((status(&task, "voluntary_ctxt_switches:"), stat(&task).ok()?[15])))
            .collect()
    }

    /// Its threads, by name and directory.
    fn threads(self) -> Vec<(String, PathBuf)> {
        let tasks = fs::read_dir(self.dir().join("task")).expect("the process runs");
        let tasks = tasks.map(|task| task.expect("an entry").path());
        tasks
            .filter_map(|task| Some((fs::read_to_string(task.join("comm")).ok()?.trim_end().to_owned(), task)))
            .collect()
    }

    fn status(self, field: &str) -> u64 {
        status(&self.dir(), field)
    }

    fn dir(self) -> PathBuf {
        format!("/proc/{}", self.0).into()
    }
}

/// A line of the status of a process or thread, whose directory it is given.
fn status(dir: &Path, field: &str) -> u64 {
    let status = fs::read_to_string(dir.join("status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.expect("the kernel counts it")
}

/// The numbers of its stat that come after its name and state.
fn stat(dir: &Path) -> io::Result<Vec<i64>> {
    let stat = fs::read_to_string(dir.join("stat"))?;
    // The name may hold spaces, and ends with the last parenthesis.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    Ok(after_name.split_whitespace().skip(1).map_while(|number| number.parse().ok()).collect())
}

fn ms(ticks: &[i64]) -> u64 {
    u64::try_from(ticks.iter().sum::<i64>()).expect("time that went by") * 1_000 / TICKS_A_SECOND
}
