//! Filters: CEL expressions of a manifest, which strangers write and the host evaluates.
//!
//! Nothing that a filter says may hurt the host. Its text is measured before the parser reads it ([`nesting`]), its
//! tree is held to what is known here ([`sealed`]), and what it may cost is counted from the sizes of the activity
//! before it runs ([`cost`]). A filter has no clock, no randomness and sees nothing but the activity.

mod cost;
mod extent;
mod nesting;
mod pattern;
mod sealed;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cel::{
    Context, Env, ExecutionError, FunctionContext,
    common::{
        types::{CelInt, CelList, CelMap, CelString, DYN_TYPE},
        value::CowVal,
    },
    parser::Parser,
};
use serde_json::Value;

use self::{extent::Extent, pattern::Pattern, sealed::Sealed};
use super::WhyNot;
use crate::{
    activity::Activity,
    limits::{FILTER_BYTES, FILTER_COST, FILTER_DEPTH, FILTER_MESSAGE_CHARS},
};

/// A compiled CEL expression.
#[derive(Debug)]
pub struct Filter {
    source: String,
    sealed: Sealed,
}

impl Filter {
    /// Compiles an expression of at most [`FILTER_BYTES`] bytes. One that costs too much over any activity, or that
    /// names what is not known, is refused; the message begins with what is wrong: `depth`, `nodes`, `cost`, `name`,
    /// `function` or `pattern`, where it is not the syntax.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.len() > FILTER_BYTES {
            return Err(format!("{} bytes, at most {FILTER_BYTES}", source.len()));
        }
        nesting::check(source)?;
        // The parser's own limit is beyond what has passed: it counts less as a level than is counted here.
        let limit = u16::try_from(2 * FILTER_DEPTH).unwrap_or(u16::MAX);
        let parsed = Parser::new().max_recursion_depth(limit).parse(source).map_err(|errors| syntax(&errors))?;
        let sealed = sealed::seal(parsed)?;
        let cost = cost::bound(&sealed, sealed::VARIABLES.map(|name| (name, Extent::default())));
        affordable(cost)?;
        Ok(Self { source: source.to_owned(), sealed })
    }

    /// Regular expressions that it holds.
    pub(super) fn patterns(&self) -> usize {
        self.sealed.patterns.len()
    }

    /// Whether the expression is true of the activity.
    pub fn holds(&self, activity: &Activity) -> Result<(), WhyNot> {
        let quoted = short(&self.source);
        let failed = |message: &str| WhyNot::new("filter-error", format!("{quoted}: {message}"));
        let document = Value::Object(activity.document.clone());
        let changes = serde_json::to_value(&activity.transitions).unwrap_or(Value::Null);
        let variables = [("activity", &document), ("object", activity.object_document()), ("transitions", &changes)];
        let extents = variables.map(|(name, value)| (name, Extent::of(value)));
        affordable(cost::bound(&self.sealed, extents)).map_err(|message| failed(&message))?;

        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, to_cel(value));
        }
        let patterns = Arc::clone(&self.sealed.patterns);
        let matches = move |call: &FunctionContext| look(&patterns, call);
        context.add_function(sealed::MATCHES, matches).map_err(|error| failed(&error.to_string()))?;
        match cel::Value::resolve(&self.sealed.expression, &context) {
            Ok(cel::Value::Bool(true)) => Ok(()),
            Ok(cel::Value::Bool(false)) => Err(WhyNot::new("filter", format!("{quoted} is false"))),
            Ok(other) => Err(WhyNot::new("filter-error", format!("{quoted} is {:?}, not a bool", other.type_of()))),
            Err(error) => Err(failed(&said(error))),
        }
    }
}

fn affordable(cost: u64) -> Result<(), String> {
    if cost > FILTER_COST {
        let cost = if cost == u64::MAX { "more than can be counted".to_owned() } else { cost.to_string() };
        return Err(format!("cost: up to {cost}, at most {FILTER_COST}"));
    }
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().take(FILTER_MESSAGE_CHARS).collect()
}

/// The first error, where it is in the text.
fn syntax(errors: &cel::ParseErrors) -> String {
    errors.errors.first().map_or_else(
        || "it is no CEL".to_owned(),
        |error| format!("{}:{}: {}", error.pos.0, error.pos.1, short(&error.msg)),
    )
}

/// What went wrong, without the values: those may be large, and maps are written in no order.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest cannot come of a filter that was sealed, or says no more")]
fn said(error: ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("no such key: {}", short(&name)),
        ExecutionError::UndeclaredReference(name) => format!("undeclared reference to {}", short(&name)),
        ExecutionError::NoSuchOverload(overload) => short(&overload.to_string()),
        ExecutionError::FunctionError { function, message } => format!("{function}: {}", short(&message)),
        ExecutionError::UnexpectedType { got, want } => format!("found {}, wanted {}", short(&got), short(&want)),
        ExecutionError::UnsupportedKeyType(_) => "a value that can be no key".to_owned(),
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{:?} and {:?} do not compare", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            format!("no {operator} of {:?} and {:?}", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedIndex(index, of) => {
            format!("{:?} is no index of {:?}", index.type_of(), of.type_of())
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(operator, _, _) => format!("{operator} overflows"),
        ExecutionError::IndexOutOfBounds(_) => "index out of bounds".to_owned(),
        ExecutionError::DuplicateKey(_) => "a key twice".to_owned(),
        _ => "it cannot be evaluated".to_owned(),
    }
}

/// The operators and functions of the CEL specification, without optional values and without times.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::default().with_optional_support(false).with_stdlib();
    environment
        .add_overload(sealed::ELEMENTS, "elements_of_dyn", vec![DYN_TYPE], elements)
        .expect("the standard library names nothing with an @");
    Arc::new(environment)
});

/// The names of a map in their order; anything else as it is.
fn elements<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let of = arguments.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    let Some(map) = of.downcast_ref::<CelMap>() else { return Ok(of) };
    let mut names: Vec<_> = map.inner().keys().collect();
    names.sort_unstable();
    let names: Vec<_> = names.into_iter().map(|name| name.inner().clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(names)))
}

fn look(patterns: &[Pattern], call: &FunctionContext) -> Result<cel::Value, ExecutionError> {
    let no_text = || ExecutionError::no_such_overload("matches", Vec::new());
    let [text, index] = call.args.as_slice() else { return Err(no_text()) };
    let index = index.downcast_ref::<CelInt>().and_then(|index| usize::try_from(*index.inner()).ok());
    let pattern = index.and_then(|index| patterns.get(index)).ok_or_else(no_text)?;
    let text = text.downcast_ref::<CelString>().ok_or_else(no_text)?;
    Ok(pattern.is_in(text.inner()).into())
}

/// JSON as CEL sees it: every integer is an `int`, so that `object.price > 100` needs no suffix.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or(f64::MAX).into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            let members: HashMap<String, cel::Value> =
                members.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            members.into()
        }
    }
}
