//! A behavior's project: a folder with a `behavior.toml`, from a template to a module that a host takes.
//!
//! `template` writes one, `behavior_toml` reads what it says of itself, `freshness` compares its sources with its
//! module, and `build` makes the module with the tools of its language (`toolchain`, `steps`), which `strip` then rids
//! of names.

mod behavior_toml;
mod build;
mod embedded;
mod freshness;
mod language;
mod steps;
mod strip;
mod template;
mod toolchain;

use std::path::{Path, PathBuf};

use rosehip_core::ids::BehaviorName;

use self::behavior_toml::BehaviorToml;
pub use self::{
    behavior_toml::FILE_NAME,
    build::{BuildError, Built, Options, build},
    freshness::{Freshness, Source, Sources},
    language::Language,
    template::{Example, NewProject},
};

/// A folder with a `behavior.toml` that was read and is in order.
#[derive(Debug, Clone)]
pub struct Project {
    dir: PathBuf,
    says: BehaviorToml,
}

/// Why a folder is no project, or cannot be looked through.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no such folder.
    #[error("{}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    /// The folder is no project.
    #[error("{}: there is no {FILE_NAME}; `rosehip new` makes a project", .0.display())]
    NoBehaviorToml(PathBuf),
    /// The file is no TOML.
    #[error("{}, line {line}: {message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A field breaks a rule.
    #[error("{}: {field} {rule}", .path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// The rule, such as `is missing`.
        rule: String,
    },
    /// A file or folder could not be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Project {
    /// Reads the project in `dir`. What it returns holds absolute paths.
    pub fn open(dir: &Path) -> Result<Self, ProjectError> {
        if !dir.is_dir() {
            return Err(ProjectError::NoFolder(dir.to_owned()));
        }
        let says = BehaviorToml::read(dir)?;
        let dir = dir.canonicalize().map_err(|source| ProjectError::File { path: dir.to_owned(), source })?;
        Ok(Self { dir, says })
    }

    /// Whether a folder claims to be a project, in order or not.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE_NAME).is_file()
    }

    /// The project's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The behavior's name.
    pub fn name(&self) -> &BehaviorName {
        &self.says.name
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.says.language
    }

    /// Where its module is, once it is built.
    pub fn wasm(&self) -> PathBuf {
        self.dir.join(&self.says.wasm)
    }

    /// The same, as its `behavior.toml` has it: relative to the project's folder.
    pub fn wasm_in_project(&self) -> &Path {
        &self.says.wasm
    }

    /// The folder of the events that it is tested with, which may be missing.
    pub fn events(&self) -> PathBuf {
        self.dir.join("events")
    }

    /// What the module is built from.
    pub fn sources(&self) -> Result<Sources, ProjectError> {
        freshness::sources(self)
    }

    /// How the module stands to the sources.
    pub fn freshness(&self) -> Result<Freshness, ProjectError> {
        freshness::of(self)
    }

    /// Whether the module is there and newer than every source.
    pub fn is_fresh(&self) -> Result<bool, ProjectError> {
        Ok(self.freshness()? == Freshness::Fresh)
    }
}
