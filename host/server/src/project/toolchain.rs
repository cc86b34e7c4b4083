//! `toolchain.toml`: the programs that build a language's projects, where they are found, and the steps they take.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// The file, as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Toolchain {
    /// Programs that have to be there, looked for in this order.
    #[serde(default)]
    pub(super) tools: Vec<Tool>,
    /// What is run, in this order.
    pub(super) steps: Vec<Step>,
}

/// A program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    /// What steps call it, and its file's name.
    pub(super) name: String,
    /// The lowest version that will do.
    pub(super) minimum: Option<String>,
    /// The arguments that make it print its version.
    #[serde(default = "default_version")]
    pub(super) version: Vec<String>,
    /// The folder of the project, or of one above, that it lies in. Else it lies on the PATH.
    #[serde(rename = "in")]
    folder: Option<PathBuf>,
    /// Whether one on the PATH will do: it does not where a step imports it as a package.
    #[serde(default = "yes")]
    on_path: bool,
    /// What puts it into that folder.
    #[serde(default)]
    pub(super) setup: Setup,
    /// What to tell whoever lacks it.
    pub(super) install: String,
}

/// One command or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Setup {
    One(Vec<String>),
    Several(Vec<Vec<String>>),
}

/// A command of a build.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) run: Vec<String>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

fn default_version() -> Vec<String> {
    vec!["--version".to_owned()]
}

impl Default for Setup {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Setup {
    /// Its commands, in order.
    pub(super) fn commands(&self) -> &[Vec<String>] {
        match self {
            Self::One(command) => std::slice::from_ref(command),
            Self::Several(commands) => commands,
        }
    }
}

impl Tool {
    /// The program: in its folder of the project or of the nearest folder above, or else in one of `path`.
    pub(super) fn find(&self, project: &Path, path: &OsStr) -> Option<PathBuf> {
        let of_projects =
            self.folder.iter().flat_map(|folder| project.ancestors().map(move |above| above.join(folder)));
        let on_path = env::split_paths(path).filter(|folder| self.on_path && folder.is_absolute());
        let places = of_projects.chain(on_path);
        places.map(|folder| folder.join(&self.name)).find(|file| is_program(file))
    }
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// A version as programs print it: numbers apart by dots, of which those that are not there count as zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(Vec<u64>);

impl Version {
    /// The first version in a text: the first run of digits and dots, such as `1.24.1` in `go version go1.24.1 linux`.
    pub(super) fn first_in(text: &str) -> Option<Self> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        let end = text[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |end| start + end);
        let numbers = text[start..end].split('.').map_while(|number| number.parse().ok());
        Some(Self(numbers.collect()))
    }

    /// Whether it is the other or a later one.
    pub(super) fn is_at_least(&self, other: &Self) -> bool {
        let length = self.0.len().max(other.0.len());
        let padded =
            |version: &Self| version.0.iter().copied().chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
        padded(self) >= padded(other)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::project::{Language, embedded};

    fn parse(text: &str) -> Result<Toolchain, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    fn tool(folder: &str) -> Tool {
        let text = format!("steps = []\n[[tools]]\nname = \"weave\"\ninstall = \"get it\"\n{folder}\n");
        parse(&text).expect("parsed").tools.remove(0)
    }

    fn put(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "").expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn a_toolchain_says_what_it_needs_and_runs() {
        let toolchain = parse(
            r#"
            [[tools]]
            name = "node"
            minimum = "20.0.0"
            install = "install Node.js"
            [[tools]]
            name = "jco"
            in = "node_modules/.bin"
            setup = ["npm", "ci"]
            install = "npm ci"
            [[tools]]
            name = "pip"
            setup = [["python3", "-m", "venv", ".venv"], ["pip", "install"]]
            version = ["version"]
            install = "get it"
            [[steps]]
            run = ["jco", "build", "--out", "{out}"]
            env = { QUIET = "1" }
            "#,
        )
        .expect("parsed");

        let counts: Vec<_> = toolchain.tools.iter().map(|tool| tool.setup.commands().len()).collect();
        assert_eq!(counts, [0, 1, 2]);
        assert_eq!(toolchain.tools[0].version, ["--version"]);
        assert_eq!(toolchain.tools[2].version, ["version"]);
        assert_eq!(toolchain.steps[0].env["QUIET"], "1");
        parse("steps = []\ncolour = 1").expect_err("an unknown key is refused");
    }

    #[test]
    fn every_toolchain_that_ships_is_in_order() {
        for language in [Language::Js, Language::Ts, Language::Python, Language::Go] {
            let text = embedded::text(&format!("{language}/toolchain.toml")).expect("it ships");
            let toolchain = parse(text).unwrap_or_else(|error| panic!("{language}: {error}"));
            for tool in toolchain.tools {
                assert!(tool.minimum.is_none_or(|minimum| Version::first_in(&minimum).is_some()), "{}", tool.name);
            }
        }
    }

    #[test]
    fn a_tool_is_found_in_the_project_then_above_it_then_on_the_path() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = dir.path().join("site/behaviors/notes");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        let path = env::join_paths([&first, &second]).expect("a path");
        let here = tool("in = \".bin\"");
        assert_eq!(here.find(&project, &path), None);

        // In the order of what is found later, so that each hides the ones before.
        for place in
            [second.join("weave"), first.join("weave"), dir.path().join("site/.bin/weave"), project.join(".bin/weave")]
        {
            put(&place, 0o755);
            assert_eq!(here.find(&project, &path), Some(place));
        }
        assert_eq!(tool("").find(&project, &path), Some(first.join("weave")), "without a folder it is the path's");
        let imported = tool("in = \"elsewhere\"\non_path = false");
        assert_eq!(imported.find(&project, &path), None, "what is imported is not found on the path");
    }

    #[test]
    fn what_cannot_be_run_is_no_tool() {
        let dir = tempfile::tempdir().expect("a directory");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        put(&first.join("weave"), 0o644);
        fs::create_dir_all(second.join("weave")).expect("made");
        let path = env::join_paths([&first, &second]).expect("a path");

        assert_eq!(tool("").find(dir.path(), &path), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (printed, version) in [
            ("v20.11.0\n", "20.11.0"),
            ("go version go1.24.1 linux/amd64", "1.24.1"),
            ("Python 3.12.4", "3.12.4"),
            ("esbuild 0.25.0-beta.1", "0.25.0"),
            ("tool 7.", "7"),
        ] {
            assert_eq!(Version::first_in(printed).expect("a version").to_string(), version);
        }
        assert_eq!(Version::first_in("none here"), None);
        for (found, minimum, will_do) in
            [("20.0", "20.0.0", true), ("20.0.1", "20", true), ("9.9.9", "20.0.0", false), ("3.9", "3.10", false)]
        {
            let version = |text| Version::first_in(text).expect("a version");
            assert_eq!(version(found).is_at_least(&version(minimum)), will_do, "{found} {minimum}");
        }
    }
}
