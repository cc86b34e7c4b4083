//! The languages that behaviors are written in with a template and an SDK of their own.

use clap::ValueEnum;
use serde::Deserialize;

/// What a project is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Language {
    /// Rust
    Rust,
    /// JavaScript
    Js,
    /// TypeScript
    Ts,
    /// Python
    Python,
    /// Go
    Go,
    /// WebAssembly's text format
    Wat,
}

impl Language {
    /// Its short name, which is also its folder's among the SDKs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::Python => "python",
            Self::Go => "go",
            Self::Wat => "wat",
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_a_project_and_on_the_command_line() {
        for language in Language::value_variants() {
            let on_the_command_line = language.to_possible_value().expect("none is hidden");
            assert_eq!(on_the_command_line.get_name(), language.name());
            let in_a_project: Language = serde_json::from_value(language.name().into()).expect("it is read");
            assert_eq!(in_a_project, *language);
        }
    }
}
