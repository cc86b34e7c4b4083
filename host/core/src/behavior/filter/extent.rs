//! How large a value may be at most: what a filter's cost is counted from.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;

/// Weight of one value, whatever is in it. A unit is some ten nanoseconds, and a value is some ten to make.
pub(super) const NODE: u64 = 10;
/// Bytes of text that weigh one.
const TEXT_PER_WEIGHT: u64 = 4;
/// Bytes of a number written as text, at most: a double near its end has 309 digits.
const NUMBER_TEXT: u64 = 400;

/// A bound on a value, or on every value that may stand at a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Extent {
    /// Bytes, where it is a string.
    pub(super) text: u64,
    /// Elements of a list, or members of a map.
    pub(super) len: u64,
    /// Weight of all that is in it.
    pub(super) items: u64,
    inside: Inside,
}

/// What is known of a value's elements and members.
#[derive(Debug, Clone, Default)]
enum Inside {
    /// It has none.
    #[default]
    Nothing,
    /// Each has its own bound.
    Known(Rc<Known>),
    /// Nothing but that they weigh no more than the whole.
    Open,
}

#[derive(Debug, Clone, Default)]
struct Known {
    members: BTreeMap<String, Extent>,
    /// Bytes of the longest member's name.
    names: u64,
    /// What bounds every element.
    element: Option<Extent>,
}

impl Extent {
    /// The bound of a document: exact, but that the elements of a list are bounded together.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::default(),
            Value::String(text) => Self::text(text.len()),
            Value::Array(items) => Self::list(items.iter().map(Self::of)),
            Value::Object(members) => {
                let mut known = Known::default();
                let mut items = 0_u64;
                for (name, value) in members {
                    let (name_bound, value) = (Self::text(name.len()), Self::of(value));
                    items = items.saturating_add(name_bound.weight()).saturating_add(value.weight());
                    known.names = known.names.max(name_bound.text);
                    known.members.insert(name.clone(), value);
                }
                Self { text: 0, len: members.len() as u64, items, inside: Inside::Known(Rc::new(known)) }
            }
        }
    }

    /// A string of so many bytes.
    pub(super) fn text(bytes: usize) -> Self {
        Self { text: bytes as u64, ..Self::default() }
    }

    /// A scalar made into a string.
    pub(super) fn number_text(from: &Self) -> Self {
        Self { text: from.text.max(NUMBER_TEXT), ..Self::default() }
    }

    /// A list of these.
    pub(super) fn list(elements: impl Iterator<Item = Self>) -> Self {
        let (mut len, mut items, mut element) = (0_u64, 0_u64, None);
        for next in elements {
            len += 1;
            items = items.saturating_add(next.weight());
            element = Some(match element {
                None => next,
                Some(before) => Self::merged(before, next),
            });
        }
        Self { text: 0, len, items, inside: Inside::Known(Rc::new(Known { element, ..Known::default() })) }
    }

    /// A list of at most `len` such elements.
    pub(super) fn repeated(element: Self, len: u64) -> Self {
        let items = element.weight().saturating_mul(len);
        let known = Known { element: Some(element), ..Known::default() };
        Self { text: 0, len, items, inside: Inside::Known(Rc::new(known)) }
    }

    /// Something with so many members, of this weight together.
    pub(super) fn open(len: u64, items: u64) -> Self {
        Self { text: 0, len, items, inside: Inside::Open }
    }

    /// What making, copying or reading all of it costs.
    pub(super) fn weight(&self) -> u64 {
        NODE.saturating_add(self.text.div_ceil(TEXT_PER_WEIGHT)).saturating_add(self.items)
    }

    /// Any element of the list, or any name of the map.
    pub(super) fn element(&self) -> Self {
        match &self.inside {
            Inside::Nothing => Self::default(),
            Inside::Open => self.anything(),
            Inside::Known(known) => {
                let mut element = known.element.clone().unwrap_or_default();
                element.text = element.text.max(known.names);
                element
            }
        }
    }

    /// The elements of the list or the names of the map, as a list.
    pub(super) fn elements(&self) -> Self {
        let known = Known { element: Some(self.element()), ..Known::default() };
        Self { text: 0, len: self.len, items: self.items, inside: Inside::Known(Rc::new(known)) }
    }

    /// The member of this name; an absent one is an error when the filter runs, and costs nothing.
    pub(super) fn member(&self, name: &str) -> Self {
        match &self.inside {
            Inside::Nothing => Self::default(),
            Inside::Open => self.anything(),
            Inside::Known(known) => known.members.get(name).cloned().unwrap_or_default(),
        }
    }

    /// Whatever is in it: each value in it weighs at least [`NODE`], and each text its share.
    pub(super) fn anything(&self) -> Self {
        let text = self.items.saturating_mul(TEXT_PER_WEIGHT);
        let inside = if self.items == 0 { Inside::Nothing } else { Inside::Open };
        Self { text, len: self.items / NODE, items: self.items, inside }
    }

    /// The two, one after the other: strings or lists.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let either = Self::either(self, other);
        Self {
            text: self.text.saturating_add(other.text),
            len: self.len.saturating_add(other.len),
            items: self.items.saturating_add(other.items),
            inside: either.inside,
        }
    }

    /// One of the two. What is in them is kept only where it is the same, so that this takes no time.
    pub(super) fn either(one: &Self, other: &Self) -> Self {
        let inside = match (&one.inside, &other.inside) {
            (Inside::Nothing, inside) | (inside, Inside::Nothing) => inside.clone(),
            (Inside::Known(left), Inside::Known(right)) if Rc::ptr_eq(left, right) => one.inside.clone(),
            (Inside::Known(_) | Inside::Open, Inside::Known(_) | Inside::Open) => Inside::Open,
        };
        Self { text: one.text.max(other.text), len: one.len.max(other.len), items: one.items.max(other.items), inside }
    }

    /// One of the two, with what is in them merged member by member.
    fn merged(mut one: Self, other: Self) -> Self {
        one.text = one.text.max(other.text);
        one.len = one.len.max(other.len);
        one.items = one.items.max(other.items);
        one.inside = match (one.inside, other.inside) {
            (Inside::Nothing, inside) | (inside, Inside::Nothing) => inside,
            (Inside::Open, _) | (_, Inside::Open) => Inside::Open,
            (Inside::Known(mut left), Inside::Known(right)) => {
                Rc::make_mut(&mut left).absorb(Rc::unwrap_or_clone(right));
                Inside::Known(left)
            }
        };
        one
    }
}

impl Known {
    fn absorb(&mut self, other: Self) {
        self.names = self.names.max(other.names);
        for (name, bound) in other.members {
            let merged = match self.members.remove(&name) {
                Some(held) => Extent::merged(held, bound),
                None => bound,
            };
            self.members.insert(name, merged);
        }
        self.element = match (self.element.take(), other.element) {
            (Some(held), Some(bound)) => Some(Extent::merged(held, bound)),
            (held, bound) => held.or(bound),
        };
    }
}
