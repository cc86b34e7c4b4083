//! How long a child is waited for. It stands back behind everything else, and on a machine that is busy it may hardly run at
//! all. That says nothing of its module: a child that was kept from running is started once more, and stands back no further
//! than whoever asked.

use std::{fs, time::Duration};

use super::budget::Budget;

/// How a child is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// It stands back behind calls and requests.
    Gentle,
    /// It has the priority of whoever starts it.
    Prompt,
}

/// What a child may take of the wall time that there is for a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// After this it is looked at how much it has run.
    pub(super) until_look: Duration,
    /// How long it is waited for after that, where it did run.
    pub(super) rest: Duration,
    /// The processor time below which it was kept from running; none where nothing more would be tried.
    pub(super) starved_below: Option<Duration>,
}

impl Patience {
    /// Both tries together take no longer than the wall time of the budget.
    pub(super) fn of(haste: Haste, budget: Budget) -> Self {
        let cpu = Duration::from_secs(budget.cpu_seconds);
        let rest = budget.wall().saturating_sub(cpu);
        match haste {
            Haste::Gentle => Self { until_look: cpu, rest, starved_below: Some(cpu / 2) },
            Haste::Prompt => Self { until_look: rest, rest: Duration::ZERO, starved_below: None },
        }
    }

    /// Whether a child that has run for so long was kept from running. Where nobody knows, it was not.
    pub(super) fn is_starved(self, ran: Option<Duration>) -> bool {
        self.starved_below.zip(ran).is_some_and(|(least, ran)| ran < least)
    }
}

/// The processor time that the threads of a process have used (`proc(5)`, `schedstat`); none where the system does not tell.
pub(super) fn ran(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let of_thread = |thread: fs::DirEntry| -> Option<u64> {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse().ok()
    };
    let each: Vec<u64> = threads.filter_map(|thread| of_thread(thread.ok()?)).collect();
    (!each.is_empty()).then(|| Duration::from_nanos(each.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tries_take_no_longer_than_the_wall() {
        let budget = Budget { cpu_seconds: 14 };
        let [gentle, prompt] = [Haste::Gentle, Haste::Prompt].map(|haste| Patience::of(haste, budget));
        assert_eq!(gentle.until_look + gentle.rest, budget.wall());
        assert_eq!(gentle.until_look + prompt.until_look + prompt.rest, budget.wall());
    }

    #[test]
    fn what_hardly_ran_was_kept_from_running_once() {
        let budget = Budget { cpu_seconds: 14 };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let is_starved = |haste, ran| Patience::of(haste, budget).is_starved(ran);
        assert!(is_starved(Haste::Gentle, seconds(6)) && !is_starved(Haste::Gentle, seconds(7)));
        assert!(!is_starved(Haste::Gentle, None) && !is_starved(Haste::Prompt, seconds(0)));
    }

    #[test]
    fn this_process_has_run() {
        assert!(ran(std::process::id()) > Some(Duration::ZERO));
        assert_eq!(ran(u32::MAX), None);
    }
}
