//! Whether a project's module is newer than what it is built from, by the times of files, as `make` has it.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rosehip_adapters::data_dir::log_path;

use super::{Project, ProjectError};

/// In the project's folder itself: what is built, and what does not go into it.
const NO_SOURCES_AT_THE_TOP: [&str; 5] = ["dist", "build", "target", "events", "README.md"];
/// In any folder: what tools fill.
const NO_SOURCES: [&str; 2] = ["node_modules", "__pycache__"];

/// A file of a project that its module is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, relative to the project's folder.
    pub path: PathBuf,
    /// When it was changed.
    pub changed: SystemTime,
}

/// How a project's module stands to its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// It is newer than every source.
    Fresh,
    /// It is not there.
    Missing,
    /// This source was changed since.
    Stale(Source),
}

/// Compares the module with the source that was changed last. One that is exactly as old may have been changed after
/// it was read, and counts as newer.
pub(super) fn of(project: &Project) -> Result<Freshness, ProjectError> {
    let wasm = project.wasm();
    let built = match fs::metadata(&wasm).and_then(|wasm| wasm.modified()) {
        Ok(built) => built,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Freshness::Missing),
        Err(source) => return Err(ProjectError::File { path: wasm, source }),
    };
    let newest = sources(project)?.newest.filter(|source| source.changed >= built);
    Ok(newest.map_or(Freshness::Fresh, Freshness::Stale))
}

/// What a module is built from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources {
    /// The one that was changed last; none where there are none.
    pub newest: Option<Source>,
    /// The folders that hold them, the project's own among them.
    pub folders: BTreeSet<PathBuf>,
}

/// Looks at all sources.
pub(super) fn sources(project: &Project) -> Result<Sources, ProjectError> {
    let mut walk = Walk { project, sources: Sources::default() };
    walk.folder(project.dir()).map_err(|(path, source)| ProjectError::File { path, source })?;
    Ok(walk.sources)
}

struct Walk<'a> {
    project: &'a Project,
    sources: Sources,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        self.sources.folders.insert(folder.to_owned());
        let at_folder = |error| (folder.to_owned(), error);
        for entry in fs::read_dir(folder).map_err(at_folder)? {
            let entry = entry.map_err(at_folder)?;
            if !self.is_source(&entry.path()) {
                continue;
            }
            let at_entry = |error| (entry.path(), error);
            // A link to a folder is not followed: it may lead out, or round in a circle.
            if entry.file_type().map_err(at_entry)?.is_dir() {
                // A host's data directory may lie in the project, as where `rosehip dev` makes one; it changes all the time.
                if !log_path(&entry.path()).exists() {
                    self.folder(&entry.path())?;
                }
                continue;
            }
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_file() => self.file(&entry.path(), &metadata).map_err(at_entry)?,
                Ok(_) => {}
                // Editors make and remove files beside those that are edited.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at_entry(error)),
            }
        }
        Ok(())
    }

    fn is_source(&self, path: &Path) -> bool {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return true };
        let is_at_the_top = path.parent() == Some(self.project.dir());
        let is_left_out = NO_SOURCES.contains(&name) || (is_at_the_top && NO_SOURCES_AT_THE_TOP.contains(&name));
        !name.starts_with('.') && !is_left_out && path != self.project.wasm()
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let changed = metadata.modified()?;
        if self.sources.newest.as_ref().is_none_or(|newest| newest.changed < changed) {
            let path = path.strip_prefix(self.project.dir()).unwrap_or(path).to_owned();
            self.sources.newest = Some(Source { path, changed });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{File, FileTimes},
        time::Duration,
    };

    use tempfile::TempDir;

    use super::*;

    /// Writes a file that was changed at that second.
    fn write(dir: &Path, file: &str, second: u64) {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("made");
        fs::write(&path, "name = \"a\"\nlanguage = \"wat\"\nwasm = \"dist/a.wasm\"\n").expect("written");
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
        File::options().write(true).open(path).and_then(|file| file.set_times(times)).expect("set");
    }

    fn project() -> (TempDir, Project) {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), "behavior.toml", 10);
        write(dir.path(), "src/deep/a.wat", 20);
        let project = Project::open(dir.path()).expect("a project");
        (dir, project)
    }

    #[test]
    fn a_module_is_fresh_while_it_is_newer_than_every_source() {
        let (dir, project) = project();
        assert_eq!(project.freshness().expect("read"), Freshness::Missing);

        write(dir.path(), "dist/a.wasm", 21);
        assert!(project.is_fresh().expect("read"));

        for second in [21, 22] {
            write(dir.path(), "src/deep/a.wat", second);
            let Freshness::Stale(source) = project.freshness().expect("read") else { panic!("it is stale") };
            assert_eq!(source.path, Path::new("src/deep/a.wat"));
        }
    }

    #[test]
    fn what_does_not_go_into_the_module_does_not_count() {
        let (dir, project) = project();
        write(dir.path(), "dist/a.wasm", 21);
        for file in [
            "dist/other.js",
            "build/a.js",
            "target/debug/a",
            "node_modules/b/index.js",
            "sub/node_modules/b/index.js",
            "src/__pycache__/a.pyc",
            ".venv/bin/python",
            ".git/index",
            ".editor.swp",
            "rosehip-data/log.db",
            "rosehip-data/keys/a",
            "events/one.json",
            "README.md",
        ] {
            write(dir.path(), file, 99);
            assert!(project.is_fresh().expect("read"), "{file}");
        }
        for file in ["src/events/one.rs", "src/build/a.rs", "rosehip/README.md", "Cargo.lock"] {
            write(dir.path(), file, 99);
            assert!(!project.is_fresh().expect("read"), "{file}");
            fs::remove_file(dir.path().join(file)).expect("removed");
        }
    }

    #[test]
    fn a_link_round_in_a_circle_is_not_followed() {
        let (dir, project) = project();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("src/round")).expect("linked");
        std::os::unix::fs::symlink("nowhere", dir.path().join("src/broken")).expect("linked");

        let newest = project.sources().expect("read").newest.expect("there are sources");

        assert_eq!(newest.path, Path::new("src/deep/a.wat"));
    }
}
