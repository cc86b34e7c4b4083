//! `behavior.toml`: what a project says of itself.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use rosehip_core::ids::BehaviorName;
use toml::{Table, Value};

use super::{Language, ProjectError};

/// The file's name, which makes a folder a project.
pub const FILE_NAME: &str = "behavior.toml";

const KEYS: [&str; 3] = ["name", "language", "wasm"];

/// The file, read and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BehaviorToml {
    pub(super) name: BehaviorName,
    pub(super) language: Language,
    /// Where the module is put, relative to the project's folder and inside it.
    pub(super) wasm: PathBuf,
}

impl BehaviorToml {
    /// Reads the file in `dir`.
    pub(super) fn read(dir: &Path) -> Result<Self, ProjectError> {
        let path = dir.join(FILE_NAME);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ProjectError::NoBehaviorToml(dir.to_owned())),
            Err(source) => Err(ProjectError::File { path, source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ProjectError> {
        let table: Table = toml::from_str(text).map_err(|error| ProjectError::Malformed {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            message: error.message().lines().collect::<Vec<_>>().join(" "),
        })?;
        let fields = Fields { path, table: &table };
        fields.refuse_unknown()?;
        Ok(Self { name: fields.name()?, language: fields.language()?, wasm: fields.wasm()? })
    }
}

/// The fields of one file, as they stand there.
struct Fields<'a> {
    path: &'a Path,
    table: &'a Table,
}

impl Fields<'_> {
    fn refuse_unknown(&self) -> Result<(), ProjectError> {
        match self.table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(self.broken(key, format!("is no key of this file (there are {})", KEYS.join(", ")))),
            None => Ok(()),
        }
    }

    fn name(&self) -> Result<BehaviorName, ProjectError> {
        self.text("name")?.parse().map_err(|error| self.broken("name", format!("is wrong: {error}")))
    }

    fn language(&self) -> Result<Language, ProjectError> {
        let text = self.text("language")?;
        let known = <Language as clap::ValueEnum>::value_variants();
        known.iter().copied().find(|language| language.name() == text).ok_or_else(|| {
            let names = known.iter().map(|language| language.name()).collect::<Vec<_>>();
            self.broken("language", format!("is {text:?}, and must be one of {}", names.join(", ")))
        })
    }

    fn wasm(&self) -> Result<PathBuf, ProjectError> {
        let text = self.text("wasm")?;
        let wasm = Path::new(text);
        // A build writes there: nothing but a file of the project's own.
        let is_inside = wasm.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside {
            return Err(self.broken("wasm", format!("is {text:?}, and must be a path inside the project's folder")));
        }
        if wasm.extension().is_none_or(|extension| extension != "wasm") {
            return Err(self.broken("wasm", format!("is {text:?}, and must end in .wasm")));
        }
        Ok(wasm.to_owned())
    }

    fn text(&self, field: &str) -> Result<&str, ProjectError> {
        match self.table.get(field) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.broken(field, format!("is of type {}, and must be a string", other.type_str()))),
            None => Err(self.broken(field, "is missing".to_owned())),
        }
    }

    fn broken(&self, field: &str, rule: String) -> ProjectError {
        ProjectError::Field { path: self.path.to_owned(), field: field.to_owned(), rule }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BehaviorToml, String> {
        BehaviorToml::parse(Path::new("notes/behavior.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_in_order_is_read() {
        let read = parse("name = \"rose-notes\"\nlanguage = \"ts\"\nwasm = \"dist/rose-notes.wasm\"\n").expect("read");

        assert_eq!(read.name.to_string(), "rose-notes");
        assert_eq!(read.language, Language::Ts);
        assert_eq!(read.wasm, Path::new("dist/rose-notes.wasm"));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_field_and_rule() {
        let rest = "language = \"go\"\nwasm = \"dist/a.wasm\"\n";
        let errors = [
            format!("name = \"a\"\n{rest}colour = 1\n"),
            rest.to_owned(),
            format!("name = 7\n{rest}"),
            format!("name = \"Rose Notes\"\n{rest}"),
            "name = \"a\"\nlanguage = \"cobol\"\nwasm = \"a.wasm\"\n".to_owned(),
            "name = \"a\"\nlanguage = \"go\"\nwasm = \"../a.wasm\"\n".to_owned(),
            "name = \"a\"\nlanguage = \"go\"\nwasm = \"/a.wasm\"\n".to_owned(),
            "name = \"a\"\nlanguage = \"go\"\nwasm = \"\"\n".to_owned(),
            "name = \"a\"\nlanguage = \"go\"\nwasm = \"dist/a.js\"\n".to_owned(),
            "name = \"a\"\nlanguage =\n".to_owned(),
        ]
        .map(|text| parse(&text).expect_err("refused"));
        insta::assert_snapshot!(errors.join("\n"), @r#"
        notes/behavior.toml: colour is no key of this file (there are name, language, wasm)
        notes/behavior.toml: name is missing
        notes/behavior.toml: name is of type integer, and must be a string
        notes/behavior.toml: name is wrong: "Rose Notes" is not a behavior name ([a-z][a-z0-9-]{0,62})
        notes/behavior.toml: language is "cobol", and must be one of rust, js, ts, python, go, wat
        notes/behavior.toml: wasm is "../a.wasm", and must be a path inside the project's folder
        notes/behavior.toml: wasm is "/a.wasm", and must be a path inside the project's folder
        notes/behavior.toml: wasm is "", and must end in .wasm
        notes/behavior.toml: wasm is "dist/a.js", and must end in .wasm
        notes/behavior.toml, line 2: string values must be quoted, expected literal string
        "#);
    }

    #[test]
    fn a_folder_without_the_file_is_no_project() {
        let dir = tempfile::tempdir().expect("a directory");

        let error = super::super::Project::open(dir.path()).expect_err("refused");

        assert!(matches!(error, ProjectError::NoBehaviorToml(_)), "{error}");
        let error = super::super::Project::open(&dir.path().join("gone")).expect_err("refused");
        assert!(matches!(error, ProjectError::NoFolder(_)), "{error}");
    }
}
