//! What a filter may cost at most over an activity, counted without running it.
//!
//! The expression is read once, each value in it stood for by its [`Extent`]; a macro's body counts once for each
//! element that its list may have. The count is the same on every machine, so that a filter which is refused for an
//! activity is refused for it everywhere. Kubernetes bounds its CEL rules by the same method (`EstimateCost`).

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators},
};

use super::{
    extent::{Extent, NODE},
    pattern::Pattern,
    sealed::{ELEMENTS, MATCHES, Sealed},
};

/// What evaluating one node costs besides what it does.
const STEP: u64 = 10;
/// What looking a name up costs in each macro around it.
const SCOPE: u64 = 10;
/// What a macro costs for each element besides its body.
const TURN: u64 = 50;
/// What one byte of text costs for each place of a pattern, as a divisor.
const PLACES_PER_UNIT: u64 = 8;

/// The most that evaluating costs over these variables.
pub(super) fn bound(sealed: &Sealed, variables: [(&str, Extent); 3]) -> u64 {
    let variables = variables.map(|(name, extent)| (name.to_owned(), extent));
    let mut reading = Reading { patterns: &sealed.patterns, variables: variables.into() };
    let Bound { cost, extent } = reading.of(&sealed.expression);
    cost.saturating_add(extent.weight())
}

/// A cost and a bound on the value that is got for it.
struct Bound {
    cost: u64,
    extent: Extent,
}

impl Bound {
    fn scalar(cost: u64) -> Self {
        Self { cost, extent: Extent::default() }
    }

    /// With a step and `more` on top.
    fn and(self, more: u64) -> Self {
        Self { cost: self.cost.saturating_add(STEP).saturating_add(more), extent: self.extent }
    }
}

fn sum(costs: impl IntoIterator<Item = u64>) -> u64 {
    costs.into_iter().fold(0, u64::saturating_add)
}

struct Reading<'a> {
    patterns: &'a [Pattern],
    variables: Vec<(String, Extent)>,
}

impl Reading<'_> {
    fn of(&mut self, node: &IdedExpr) -> Bound {
        match &node.expr {
            Expr::Literal(literal) => Bound { cost: STEP, extent: literal_extent(literal) },
            Expr::Ident(name) => {
                let held = self.variables.iter().rfind(|(variable, _)| variable == name);
                let extent = held.map(|(_, extent)| extent.clone()).unwrap_or_default();
                Bound { cost: self.lookup(), extent }
            }
            // A chain of selections is looked up as one name first, in every scope.
            Expr::Select(select) => {
                let operand = self.of(&select.operand);
                let extent = if select.test { Extent::default() } else { operand.extent.member(&select.field) };
                Bound { cost: operand.cost, extent }.and(self.lookup())
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let elements: Vec<Bound> = list.elements.iter().map(|element| self.of(element)).collect();
                let cost = sum(elements.iter().map(|element| element.cost));
                let extent =
                    elements.into_iter().map(|bound| bound.extent).reduce(|one, other| Extent::either(&one, &other));
                let extent = Extent::repeated(extent.unwrap_or_default(), list.elements.len() as u64);
                let made = extent.weight();
                Bound { cost, extent }.and(made)
            }
            Expr::Map(map) => {
                let parts: Vec<Bound> = map.entries.iter().flat_map(|entry| self.entry(&entry.expr)).collect();
                let items = sum(parts.iter().map(|part| part.extent.weight()));
                let extent = Extent::open(map.entries.len() as u64, items);
                Bound { cost: sum(parts.iter().map(|part| part.cost)), extent }.and(items)
            }
            Expr::Comprehension(macros) => self.comprehension(macros),
            Expr::Struct(_) | Expr::Unspecified => Bound::scalar(u64::MAX),
        }
    }

    fn entry(&mut self, entry: &EntryExpr) -> [Bound; 2] {
        match entry {
            EntryExpr::MapEntry(entry) => [self.of(&entry.key), self.of(&entry.value)],
            EntryExpr::StructField(_) => [Bound::scalar(u64::MAX), Bound::scalar(u64::MAX)],
        }
    }

    fn lookup(&self) -> u64 {
        STEP.saturating_add(SCOPE * self.variables.len() as u64)
    }

    fn call(&mut self, call: &CallExpr) -> Bound {
        let parts = call.target.iter().map(Box::as_ref).chain(&call.args);
        let parts: Vec<Bound> = parts.map(|part| self.of(part)).collect();
        let cost = sum(parts.iter().map(|part| part.cost));
        let all = sum(parts.iter().map(|part| part.extent.weight()));
        match (call.func_name.as_str(), parts.as_slice()) {
            (operators::CONDITIONAL, [_, one, other]) => {
                Bound { cost, extent: Extent::either(&one.extent, &other.extent) }.and(0)
            }
            (
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE,
                _,
            ) => Bound::scalar(cost).and(0),
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                Bound::scalar(cost).and(one.extent.weight().min(other.extent.weight()))
            }
            (operators::IN, [sought, within]) => {
                let each = sought.extent.weight().saturating_mul(within.extent.len);
                let compared = each.min(within.extent.items).saturating_add(within.extent.len);
                Bound::scalar(cost).and(compared.saturating_add(sought.extent.weight()))
            }
            (operators::INDEX, [from, index]) => {
                let (extent, copied) = indexed(&call.args[1], &from.extent);
                Bound { cost, extent }.and(copied.saturating_add(index.extent.weight()))
            }
            (operators::ADD, [one, other]) => {
                let extent = one.extent.joined(&other.extent);
                Bound { cost, extent }.and(all)
            }
            ("size", [of]) => Bound::scalar(cost).and(NODE + of.extent.text / 4),
            ("dyn", [of]) => Bound { cost, extent: of.extent.clone() }.and(0),
            ("string" | "bytes", [of]) => {
                let extent = Extent::number_text(&of.extent);
                let made = extent.weight();
                Bound { cost, extent }.and(made)
            }
            (ELEMENTS, [of]) => Bound { cost, extent: of.extent.elements() }.and(all),
            (MATCHES, [text, _]) => Bound::scalar(cost).and(self.searched(&call.args[1], text.extent.text)),
            // What else there is reads its arguments, or copies them into an error.
            _ => Bound::scalar(cost).and(all),
        }
    }

    /// The cost of looking for a pattern in so much text.
    fn searched(&self, index: &IdedExpr, text: u64) -> u64 {
        let Expr::Literal(LiteralValue::Int(index)) = &index.expr else { return u64::MAX };
        let pattern = usize::try_from(*index.inner()).ok().and_then(|index| self.patterns.get(index));
        let places = pattern.map_or(u64::MAX, |pattern| pattern.places);
        let read = text.saturating_mul(places.saturating_add(PLACES_PER_UNIT / 2)) / PLACES_PER_UNIT;
        read.saturating_add(TURN.saturating_mul(places))
    }

    fn comprehension(&mut self, macros: &ComprehensionExpr) -> Bound {
        let (init, range) = (self.of(&macros.accu_init), self.of(&macros.iter_range));
        let turns = range.extent.len;
        self.variables.push((macros.accu_var.clone(), Extent::default()));
        self.variables.push((macros.iter_var.clone(), range.extent.element()));
        let (condition, step) = (self.of(&macros.loop_cond), self.step(macros));
        self.variables.truncate(self.variables.len() - 2);
        let Some((step, element)) = step else { return Bound::scalar(u64::MAX) };
        let extent = element.map(|element| Extent::repeated(element, turns)).unwrap_or_default();
        self.variables.push((macros.accu_var.clone(), extent));
        let result = self.of(&macros.result);
        self.variables.pop();
        let turn = sum([condition.cost, step, TURN]);
        let copied = range.extent.items.saturating_add(result.extent.weight().saturating_mul(2));
        let cost = sum([init.cost, range.cost, turns.saturating_mul(turn), copied, result.cost]);
        Bound { cost, extent: result.extent }.and(0)
    }

    /// The cost of a turn of a macro, and of `map` and `filter` what the turn adds to the list.
    fn step(&mut self, macros: &ComprehensionExpr) -> Option<(u64, Option<Extent>)> {
        let Expr::List(_) = &macros.accu_init.expr else {
            // `all`, `exists` and `exists_one` keep a bool or a number.
            return Some((self.of(&macros.loop_step).cost, None));
        };
        let Expr::Call(call) = &macros.loop_step.expr else { return None };
        let (guard, appended) = match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [guard, appended, _]) => (self.of(guard).cost, appended),
            _ => (0, &macros.loop_step),
        };
        let Expr::Call(append) = &appended.expr else { return None };
        let (operators::ADD, [_, list]) = (append.func_name.as_str(), append.args.as_slice()) else { return None };
        let Expr::List(list) = &list.expr else { return None };
        let [element] = list.elements.as_slice() else { return None };
        let element = self.of(element);
        let made = element.extent.weight().saturating_mul(2);
        Some((sum([guard, element.cost, made, STEP]), Some(element.extent)))
    }
}

/// What an index may find, and what of the container a failing one copies: an index that is no name and no place in
/// a list ends in an error that holds the container.
#[expect(clippy::wildcard_enum_match_arm, reason = "all but two kinds of literals are computed, or no index")]
fn indexed(index: &IdedExpr, from: &Extent) -> (Extent, u64) {
    match &index.expr {
        Expr::Literal(LiteralValue::String(name)) => (from.member(name.inner()), 0),
        Expr::Literal(LiteralValue::Int(_)) => (from.element(), 0),
        _ => (from.anything(), from.weight()),
    }
}

fn literal_extent(literal: &LiteralValue) -> Extent {
    match literal {
        LiteralValue::String(text) => Extent::text(text.inner().len()),
        LiteralValue::Bytes(bytes) => Extent::text(bytes.inner().len()),
        LiteralValue::Boolean(_)
        | LiteralValue::Double(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => Extent::default(),
    }
}
