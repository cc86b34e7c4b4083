//! What the button of an article's form asks for: the field `action`, which programs may send as well.

use serde_json::Value;

use super::{fault::Fault, input::Input};

const FIELD: &str = "action";

/// What is to be done with the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Save them, as a draft or published.
    Save,
    /// Save them as a draft, because somebody has stopped typing.
    Autosave,
    /// Show what readers would see, and save nothing.
    Preview,
    /// Say what saving them would set off, and save nothing.
    DryRun,
    /// Keep the image that came with them, put it into the body, and save nothing else.
    Upload,
}

impl Action {
    /// Takes the action out of what was sent; to save, where none is named.
    pub(super) fn take(input: &mut Input) -> Result<Self, Fault> {
        let named = match input {
            Input::Form(fields) => fields.remove(FIELD).map(Value::String),
            Input::Json(members) => members.remove(FIELD),
        };
        match named.as_ref().map(|named| named.as_str().unwrap_or_default()) {
            None | Some("save") => Ok(Self::Save),
            Some("autosave") => Ok(Self::Autosave),
            Some("preview") => Ok(Self::Preview),
            Some("dry-run") => Ok(Self::DryRun),
            Some("upload") => Ok(Self::Upload),
            Some(_) => Err(Fault::invalid(FIELD, "one-of", "must be save, autosave, preview, dry-run or upload")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_no_field_of_the_article() {
        let mut input = Input::Form([("action".to_owned(), "preview".to_owned())].into());
        assert_eq!(Action::take(&mut input).ok(), Some(Action::Preview));
        assert!(matches!(input, Input::Form(fields) if fields.is_empty()));
        let mut none = Input::Json(serde_json::Map::new());
        assert_eq!(Action::take(&mut none).ok(), Some(Action::Save));
        let mut other = Input::Json(serde_json::Map::from_iter([("action".to_owned(), 7.into())]));
        assert_eq!(Action::take(&mut other).map_err(|fault| fault.status.as_u16()), Err(422));
    }
}
