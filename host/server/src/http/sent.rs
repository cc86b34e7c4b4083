//! Fields that a form or a JSON document may hold, taken out one by one.

use serde_json::{Map, Value};

use super::{csrf, fault::Fault, input::Input};

/// What was sent, as far as it was not taken yet.
pub(super) struct Sent {
    members: Map<String, Value>,
    is_form: bool,
}

impl Sent {
    /// The fields of a form or the members of a document.
    pub(super) fn of(input: Input) -> Self {
        match input {
            Input::Form(fields) => {
                let members = fields.into_iter().filter(|(name, _)| name != csrf::FIELD);
                let members = members.map(|(name, text)| (name, Value::String(text.replace("\r\n", "\n"))));
                Self { members: members.collect(), is_form: true }
            }
            Input::Json(members) => Self { members, is_form: false },
        }
    }

    /// A text without space around it; none where it was not sent or is null.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(Fault::invalid(name, "type", "must be a string")),
        }
    }

    /// A text that is not empty.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Fault> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Fault::invalid(name, "required", "is missing"))
    }

    /// A yes or no. A box that is not ticked is not sent, so that a form always says.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(self.is_form.then_some(false)),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::String(text)) => match text.as_str() {
                "true" | "on" | "yes" | "1" => Ok(Some(true)),
                "false" | "off" | "no" | "0" | "" => Ok(Some(false)),
                _ => Err(Fault::invalid(name, "type", "must be true or false")),
            },
            Some(_) => Err(Fault::invalid(name, "type", "must be true or false")),
        }
    }

    /// Texts: of a document a list, of a form the words of a field.
    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let not_a_list = || Fault::invalid(name, "type", "must be a list of strings");
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(words)) if self.is_form => {
                Ok(Some(words.split_whitespace().map(str::to_owned).collect()))
            }
            Some(Value::Array(items)) => {
                let texts = items.into_iter().map(|item| item.as_str().map(|text| text.trim().to_owned()));
                texts.collect::<Option<_>>().map(Some).ok_or_else(not_a_list)
            }
            Some(_) => Err(not_a_list()),
        }
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), Fault> {
        match self.members.keys().next() {
            Some(other) => Err(Fault::invalid(other, "unknown-field", "is not a field")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json(value: Value) -> Sent {
        Sent::of(Input::Json(value.as_object().cloned().expect("an object")))
    }

    #[test]
    fn a_form_says_of_a_box_that_it_is_not_ticked_and_json_says_nothing() {
        let form = |text: &str| Sent::of(Input::Form(super::super::input::fields(text.as_bytes())));
        assert_eq!(form("csrf=x").flag("ticked").ok(), Some(Some(false)));
        assert_eq!(form("ticked=on").flag("ticked").ok(), Some(Some(true)));
        assert_eq!(json(json!({})).flag("ticked").ok(), Some(None));
        assert_eq!(json(json!({"ticked": true})).flag("ticked").ok(), Some(Some(true)));
        assert!(form("csrf=x").end().is_ok());
        let words = |words: &[&str]| Some(Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()));
        assert_eq!(form("urls=+a%0D%0Ab+").list("urls").ok(), words(&["a", "b"]));
        assert_eq!(form("urls=").list("urls").ok(), words(&[]));
        assert_eq!(json(json!({"urls": ["a"]})).list("urls").ok(), words(&["a"]));
        assert_eq!(json(json!({})).list("urls").ok(), Some(None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let field = |fault: Fault| (fault.errors[0].field.clone(), fault.errors[0].rule);
        assert_eq!(json(json!({"a": 7})).text("a").map_err(field), Err(("a".to_owned(), "type")));
        assert_eq!(json(json!({"a": " "})).required("a").map_err(field), Err(("a".to_owned(), "required")));
        assert_eq!(json(json!({"a": 7})).flag("a").map_err(field), Err(("a".to_owned(), "type")));
        assert_eq!(json(json!({"a": "b"})).list("a").map_err(field), Err(("a".to_owned(), "type")));
        assert_eq!(json(json!({"a": [7]})).list("a").map_err(field), Err(("a".to_owned(), "type")));
        assert_eq!(json(json!({"a": 7})).end().map_err(field), Err(("a".to_owned(), "unknown-field")));
    }
}
