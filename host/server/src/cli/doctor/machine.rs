//! What the host needs of the machine: room, and files that may be open.

use std::{fs, path::Path};

use rosehip_adapters::data_dir::log_path;
use rosehip_core::limits::{DISK_FULL_BYTES, DISK_LOW_BYTES, OPEN_FILES};
use rustix::process::{Resource, getrlimit};

use super::finding::{Findings, Level};
use crate::host::free_bytes;

/// Looks at the machine.
pub(super) fn look(data: &Path, findings: &mut Findings) {
    disk(data, findings);
    open_files(data, findings);
}

fn disk(data: &Path, findings: &mut Findings) {
    // A directory that is not there yet has the room of the one that it will be in.
    let Some(free) = data.ancestors().find_map(free_bytes).or_else(|| free_bytes(Path::new("."))) else {
        let found = "the file system does not say how much room is left";
        return findings.add("disk", Level::Warning, found, "look with `df`");
    };
    let log = fs::metadata(log_path(data)).map_or(0, |log| log.len());
    let found = format!("{} MiB are free, and the log has {} MiB", free >> 20, log >> 20);
    let fix = "make room; `retention.max_bytes` in rosehip.toml lets the oldest flows go";
    match free {
        free if free < DISK_FULL_BYTES => findings.add("disk", Level::Failed, found, fix),
        free if free < DISK_LOW_BYTES => findings.add("disk", Level::Warning, found, fix),
        free if free < log => {
            let fix = "make room: erasing writes the log anew, and needs as much room again";
            findings.add("disk", Level::Warning, found, fix);
        }
        _ => findings.well("disk", found),
    }
}

/// The limit of the process that has the directory, or else of this one.
fn open_files(data: &Path, findings: &mut Findings) {
    let pid = fs::read_to_string(data.join("lock")).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let of_host = pid.and_then(|pid| soft_limit(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?));
    let limit = of_host.unwrap_or_else(|| getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
    let found = match limit {
        u64::MAX => "as many files as there are may be open".to_owned(),
        limit => format!("{limit} files may be open at a time"),
    };
    if limit < OPEN_FILES {
        let fix = format!(
            "`ulimit -n 65536` before `rosehip serve`, or LimitNOFILE=65536 in its unit; {OPEN_FILES} at least"
        );
        return findings.add("open-files", Level::Warning, found, fix);
    }
    findings.well("open-files", found);
}

/// The soft limit of open files, as `/proc/PID/limits` has it.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_another_process_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             62000                62000                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(soft_limit(""), None);
    }
}
