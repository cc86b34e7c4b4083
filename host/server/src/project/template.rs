//! A new project, from the template of its language.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use rosehip_core::ids::BehaviorName;

use super::{Language, embedded};

/// A file of a template that would hide others in its own repository has this name there.
const GITIGNORE: &str = "gitignore";

/// A worked behavior that a project can begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// The behavior that every host starts with: validate, then notify now, with the digest, or not at all
    Publish,
}

/// A project that is to be made.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// What it is written in.
    pub language: Language,
    /// The behavior's name.
    pub name: BehaviorName,
    /// What it begins with, instead of the template's one node.
    pub example: Option<Example>,
}

/// Why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is something at that place.
    #[error("{}: the folder is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// There is a file at that place.
    #[error("{}: this is no folder", .0.display())]
    NoFolder(PathBuf),
    /// This build of rosehip was made without the language's template.
    #[error("this rosehip has no template for {0}")]
    NoTemplate(Language),
    /// A file could not be written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl NewProject {
    /// Writes it into `dir`, which is made, or is there and empty. Returns the files, relative to it.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>, TemplateError> {
        refuse_taken(dir)?;
        let files = self.files()?;
        for (path, bytes) in &files {
            let path = dir.join(path);
            let folder = path.parent().unwrap_or(dir);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes));
            written.map_err(|source| TemplateError::File { path, source })?;
        }
        Ok(files.into_keys().collect())
    }

    /// Its files, with their placeholders filled in.
    fn files(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>, TemplateError> {
        let language = self.language.name();
        let mut files = BTreeMap::new();
        let mut put = |from: &str, to: &str| {
            for (path, bytes) in embedded::folder(from) {
                files.insert(Path::new(to).join(place_of(path)), self.fill(bytes));
            }
        };
        put(&format!("{language}/template"), "");
        match self.example {
            Some(Example::Publish) => {
                put(&format!("{language}/publish"), "");
                put("conformance/publish/events", "events");
            }
            None => put("conformance/hello/events", "events"),
        }
        put(&format!("{}/sdk", sdk_of(self.language)), "rosehip");
        if let Some(folder) = wit_folder(self.language)
            && let Some(wit) = embedded::text("wit/v1/behavior.wit")
        {
            files.insert(Path::new(folder).join("behavior.wit"), wit.into());
        }
        if files.contains_key(Path::new(super::FILE_NAME)) {
            Ok(files)
        } else {
            Err(TemplateError::NoTemplate(self.language))
        }
    }

    /// Text with its placeholders filled in; what is no text as it is.
    fn fill(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_owned() };
        let name = self.name.as_str();
        // What is filled in has no braces, so that none of it is taken for a placeholder.
        text.replace("{{name}}", name)
            .replace("{{name_snake}}", &name.replace('-', "_"))
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .into_bytes()
    }
}

fn refuse_taken(dir: &Path) -> Result<(), TemplateError> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(TemplateError::NotEmpty(dir.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(TemplateError::NoFolder(dir.to_owned())),
        Err(source) => Err(TemplateError::File { path: dir.to_owned(), source }),
    }
}

/// Where a template's file goes.
fn place_of(path: &str) -> PathBuf {
    let path = Path::new(path);
    match path.file_name() {
        Some(name) if name == GITIGNORE => path.with_file_name(".gitignore"),
        Some(_) | None => path.to_owned(),
    }
}

/// The language whose SDK a project gets.
fn sdk_of(language: Language) -> Language {
    match language {
        // It is one of JavaScript, with types.
        Language::Ts => Language::Js,
        Language::Rust | Language::Js | Language::Python | Language::Go | Language::Wat => language,
    }
}

/// Where a project has the interface that its tools bind to. Go and WAT make core modules, which have none.
fn wit_folder(language: Language) -> Option<&'static str> {
    match language {
        Language::Rust => Some("rosehip/wit/v1"),
        Language::Js | Language::Ts | Language::Python => Some("rosehip/wit"),
        Language::Go | Language::Wat => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn new(language: Language, example: Option<Example>) -> NewProject {
        NewProject { language, name: "rose-notes".parse().expect("a name"), example }
    }

    #[test]
    fn every_language_has_a_template_that_makes_a_project() {
        for language in Language::value_variants() {
            for example in [None, Some(Example::Publish)] {
                let dir = tempfile::tempdir().expect("a directory");
                let files = new(*language, example).write(dir.path()).expect("written");

                let project = Project::open(dir.path()).expect("a project");
                assert_eq!((project.name().as_str(), project.language()), ("rose-notes", *language));
                for file in ["README.md", ".gitignore"] {
                    assert!(files.contains(&file.into()), "{language}: no {file}");
                }
                assert!(files.iter().any(|file| file.starts_with("events")), "{language}: no events");
                for file in files {
                    let bytes = fs::read(dir.path().join(&file)).expect("it is there");
                    let text = String::from_utf8_lossy(&bytes);
                    for placeholder in ["{{name", "{{version"] {
                        assert!(!text.contains(placeholder), "{language}: {placeholder} in {}", file.display());
                    }
                }
            }
        }
    }

    #[test]
    fn placeholders_are_filled_in_in_text_alone() {
        let project = new(Language::Rust, None);

        let filled = project.fill(b"{{name}} {{name_snake}} {{name}}.wasm {{other}} {name}");
        assert_eq!(filled, b"rose-notes rose_notes rose-notes.wasm {{other}} {name}");
        let version = String::from_utf8(project.fill(b"v{{version}}")).expect("text");
        assert_eq!(version, format!("v{}", env!("CARGO_PKG_VERSION")));
        let no_text = b"{{name}}\xff";
        assert_eq!(project.fill(no_text), no_text);
    }

    #[test]
    fn a_file_named_gitignore_becomes_hidden_wherever_it_is() {
        assert_eq!(place_of("gitignore"), Path::new(".gitignore"));
        assert_eq!(place_of("src/gitignore"), Path::new("src/.gitignore"));
        assert_eq!(place_of("src/gitignore.md"), Path::new("src/gitignore.md"));
    }

    #[test]
    fn nothing_is_written_where_something_is() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("mine.txt"), "mine").expect("written");

        let error = new(Language::Wat, None).write(dir.path()).expect_err("refused");
        assert!(matches!(error, TemplateError::NotEmpty(_)), "{error}");
        let error = new(Language::Wat, None).write(&dir.path().join("mine.txt")).expect_err("refused");
        assert!(matches!(error, TemplateError::NoFolder(_)), "{error}");

        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1);
    }
}
