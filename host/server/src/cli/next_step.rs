//! Commands that people are told to type next: about the directory or the host that this one was about.

use std::path::Path;

use reqwest::Url;

/// Commands that are about files of their own, wherever a host's data lie.
const OF_NO_HOST: [&str; 6] = ["new", "build", "check", "test", "demo", "completion"];
/// Commands that need the data directory itself.
const OF_A_DIRECTORY: [&str; 6] = ["serve", "verify", "doctor", "backup", "restore", "config"];
/// How a command begins within a sentence.
const QUOTED: &str = "`rosehip ";

/// What a command has to say to be about the same host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NextStep {
    data: Option<String>,
    url: Option<String>,
}

impl NextStep {
    /// What was said. A directory that the environment names is named for the next command as well.
    pub(super) fn after(data: Option<&Path>, url: Option<&Url>) -> Self {
        let is_in_the_environment = |data: &Path| std::env::var_os("ROSEHIP_DATA").is_some_and(|named| named == data);
        Self {
            data: data.filter(|data| !is_in_the_environment(data)).map(word),
            url: url.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        }
    }

    /// A command as it has to be typed; without its program's name it is `behaviors enable publish`, say.
    pub(super) fn command(&self, command: &str) -> String {
        let verb = command.split([' ', '`']).next().unwrap_or_default();
        let place = match (&self.url, &self.data) {
            _ if verb.starts_with('-') || OF_NO_HOST.contains(&verb) => None,
            (Some(_), _) if OF_A_DIRECTORY.contains(&verb) => None,
            (Some(url), _) => Some(format!("--url {url}")),
            (None, data) => data.as_ref().map(|data| format!("--data {data}")),
        };
        match place {
            Some(place) => format!("rosehip {place} {command}"),
            None => format!("rosehip {command}"),
        }
    }

    /// A text with each command in it as it has to be typed.
    pub(super) fn told(&self, text: &str) -> String {
        let mut parts = text.split(QUOTED);
        let mut told = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            told.push('`');
            told.push_str(&self.command(part));
        }
        told
    }
}

/// A path as a word of a command line.
pub(super) fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "-_./+@%".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> [NextStep; 3] {
        let url = Url::parse("https://blog.example/").expect("a URL");
        [
            NextStep::after(None, None),
            NextStep::after(Some(Path::new("/srv/my blog")), None),
            NextStep::after(Some(Path::new("/srv/blog")), Some(&url)),
        ]
    }

    #[test]
    fn a_next_step_is_about_the_same_host() {
        let told = steps().map(|step| step.told("it is disabled; `rosehip behaviors enable publish`"));
        assert_eq!(
            told,
            [
                "it is disabled; `rosehip behaviors enable publish`",
                "it is disabled; `rosehip --data '/srv/my blog' behaviors enable publish`",
                "it is disabled; `rosehip --url https://blog.example behaviors enable publish`",
            ]
        );
    }

    #[test]
    fn a_command_is_told_no_place_that_it_does_not_take() {
        let [_, local, remote] = steps();
        assert_eq!(
            local.told("`rosehip build notes`, then `rosehip serve`"),
            "`rosehip build notes`, then `rosehip --data '/srv/my blog' serve`"
        );
        assert_eq!(remote.told("`rosehip serve`"), "`rosehip serve`");
        assert_eq!(local.told("`rosehip --data x serve`"), "`rosehip --data x serve`");
        assert_eq!(local.told("rosehip is a program"), "rosehip is a program");
    }

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(word(Path::new("../rose-notes")), "../rose-notes");
        assert_eq!(word(Path::new("my roses")), "'my roses'");
        assert_eq!(word(Path::new("ada's")), r"'ada'\''s'");
    }
}
