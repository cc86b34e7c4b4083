//! Which part of a flow its page shows. A flow may have a thousand steps, ten thousand effects and as many entries; a page has
//! some of each and says where the rest is.

use rosehip_core::ids::NodeId;

use super::{
    fault::{Fault, FieldError},
    input,
};

/// Steps of a page.
pub(super) const STEPS: usize = 40;
/// Effects of a step, where the page shows several steps.
pub(super) const EFFECTS: usize = 5;
/// Effects of the only step that a page shows.
pub(super) const EFFECTS_ALONE: usize = 50;
/// Entries of a page.
pub(super) const ENTRIES: usize = 25;

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FlowPart {
    /// The first step that is shown, by its place in reading order.
    pub(super) steps: usize,
    /// The only step that is shown.
    pub(super) step: Option<NodeId>,
    /// The first effect of it.
    pub(super) effects: usize,
    /// The first entry that is shown.
    pub(super) entries: usize,
    /// Whether waits are drawn as long as they are.
    pub(super) is_to_scale: bool,
}

impl FlowPart {
    /// Reads the query of `/flows/{id}`: `steps`, `step`, `effects`, `entries` and `waits=to-scale`.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        let mut fields = input::fields(query.unwrap_or_default().as_bytes());
        let mut errors = Vec::new();
        let mut number = |name: &str| match fields.remove(name).filter(|text| !text.is_empty()).map(|text| text.parse())
        {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(_)) => {
                errors.push(FieldError::new(name, "form", "must be a number, from 0".to_owned()));
                0
            }
        };
        let (steps, effects, entries) = (number("steps"), number("effects"), number("entries"));
        let step = match fields.remove("step").filter(|text| !text.is_empty()).map(|text| text.parse()) {
            None => None,
            Some(Ok(step)) => Some(step),
            Some(Err(_)) => {
                errors.push(FieldError::new("step", "form", "must be the id of a step".to_owned()));
                None
            }
        };
        if !errors.is_empty() {
            return Err(Fault::invalid_fields(errors));
        }
        let is_to_scale = fields.remove("waits").is_some_and(|waits| waits == "to-scale");
        Ok(Self { steps, step, effects, entries, is_to_scale })
    }

    /// The address of this part of a flow, with what `change` changes.
    pub(super) fn address(&self, flow: &str, change: impl FnOnce(&mut Self)) -> String {
        let mut part = self.clone();
        change(&mut part);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("steps", part.steps), ("effects", part.effects), ("entries", part.entries)] {
            if value > 0 {
                query.append_pair(name, &value.to_string());
            }
        }
        if let Some(step) = &part.step {
            query.append_pair("step", step.as_str());
        }
        if part.is_to_scale {
            query.append_pair("waits", "to-scale");
        }
        let query = query.finish();
        if query.is_empty() { format!("/flows/{flow}") } else { format!("/flows/{flow}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_says_is_read_again() {
        let part = FlowPart::read(Some("steps=40&entries=25&waits=to-scale")).expect("valid");
        assert_eq!((part.steps, part.entries, part.is_to_scale), (40, 25, true));
        assert_eq!(part.address("x", |_| {}), "/flows/x?steps=40&entries=25&waits=to-scale");
        assert_eq!(FlowPart::default().address("x", |_| {}), "/flows/x");
        let alone = FlowPart::default().address("x", |part| part.step = "work".parse().ok());
        assert_eq!(alone, "/flows/x?step=work");
        assert_eq!(FlowPart::read(Some("step=work")).expect("valid").step, "work".parse().ok());
    }

    #[test]
    fn what_is_no_part_is_named() {
        let fault = FlowPart::read(Some("steps=-1&step=No%20Step&entries=x")).expect_err("three of them");
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["steps", "entries", "step"]);
    }
}
