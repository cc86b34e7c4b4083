//! A filter's expression as it runs: every name and function in it is known, and none of them is a clock, a source
//! of randomness or a pattern compiled anew for each element.

use std::sync::Arc;

use cel::{
    IdedExpr,
    common::{
        ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators},
        types::CelInt,
    },
};

use super::pattern::Pattern;
use crate::limits::{FILTER_DEPTH, FILTER_NODES, FILTER_PATTERNS};

/// A map's names in order, or the list itself: maps are kept without an order, which must not decide a match.
pub(super) const ELEMENTS: &str = "@elements";
/// Whether a text holds a match of the pattern at an index of [`Sealed::patterns`].
pub(super) const MATCHES: &str = "@matches";
/// What a filter may name.
pub(super) const VARIABLES: [&str; 3] = ["activity", "object", "transitions"];

const TYPES: [&str; 10] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
const FUNCTIONS: [&str; 9] = ["bool", "bytes", "double", "dyn", "int", "size", "string", "type", "uint"];
const UNARY: [&str; 3] = [operators::LOGICAL_NOT, operators::NEGATE, operators::NOT_STRICTLY_FALSE];
const BINARY: [&str; 15] = [
    operators::ADD,
    operators::DIVIDE,
    operators::EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::INDEX,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::MODULO,
    operators::MULTIPLY,
    operators::NOT_EQUALS,
    operators::SUBSTRACT,
];

/// A checked expression and the patterns it refers to.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) expression: IdedExpr,
    pub(super) patterns: Arc<[Pattern]>,
}

/// Checks an expression as parsed and turns it into what runs.
pub(super) fn seal(mut expression: IdedExpr) -> Result<Sealed, String> {
    let mut seal = Seal { patterns: Vec::new(), bound: Vec::new(), nodes: 0 };
    seal.visit(&mut expression, 0)?;
    Ok(Sealed { expression, patterns: seal.patterns.into() })
}

struct Seal {
    patterns: Vec<Pattern>,
    /// The variables of the macros around.
    bound: Vec<String>,
    nodes: usize,
}

impl Seal {
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if depth > FILTER_DEPTH {
            return Err(format!("depth: more than {FILTER_DEPTH} levels"));
        }
        if self.nodes > FILTER_NODES {
            return Err(format!("nodes: more than {FILTER_NODES}"));
        }
        let inside = depth + 1;
        match &mut node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.known(name),
            Expr::Select(select) => self.visit(&mut select.operand, inside),
            Expr::Call(call) => self.call(call, inside),
            Expr::List(list) if list.optional_indices.is_empty() => {
                list.elements.iter_mut().try_for_each(|element| self.visit(element, inside))
            }
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) if !entry.optional => {
                    self.visit(&mut entry.key, inside)?;
                    self.visit(&mut entry.value, inside)
                }
                EntryExpr::MapEntry(_) | EntryExpr::StructField(_) => Err("an optional entry".to_owned()),
            }),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, inside),
            Expr::List(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("optional elements and message types are not known here".to_owned())
            }
        }
    }

    fn known(&self, name: &str) -> Result<(), String> {
        let is_known =
            VARIABLES.contains(&name) || TYPES.contains(&name) || self.bound.iter().any(|bound| bound == name);
        if is_known { Ok(()) } else { Err(format!("name: {name} is not known; there are {}", VARIABLES.join(", "))) }
    }

    fn call(&mut self, call: &mut CallExpr, depth: usize) -> Result<(), String> {
        if call.func_name == "matches" {
            return self.pattern(call, depth);
        }
        let name = call.func_name.as_str();
        let is_known = match (&call.target, call.args.len()) {
            (None, 1) => FUNCTIONS.contains(&name) || UNARY.contains(&name),
            (None, 2) => BINARY.contains(&name),
            (None, 3) => name == operators::CONDITIONAL,
            (Some(_), 0) => name == "size",
            (Some(_), 1) => ["contains", "endsWith", "startsWith"].contains(&name),
            (None | Some(_), _) => false,
        };
        if !is_known {
            let count = call.args.len();
            return Err(format!("function: {name} is not known with {count} arguments"));
        }
        call.target.iter_mut().map(Box::as_mut).chain(&mut call.args).try_for_each(|part| self.visit(part, depth))
    }

    /// `text.matches(pattern)` and `matches(text, pattern)` become a look at a pattern that is compiled already.
    fn pattern(&mut self, call: &mut CallExpr, depth: usize) -> Result<(), String> {
        let target = call.target.take().map(|target| *target);
        let mut arguments: Vec<IdedExpr> = target.into_iter().chain(std::mem::take(&mut call.args)).collect();
        let [text, pattern] = arguments.as_mut_slice() else {
            return Err("pattern: matches takes a text and a pattern".to_owned());
        };
        let Expr::Literal(LiteralValue::String(literal)) = &pattern.expr else {
            return Err("pattern: matches takes a pattern that is written out".to_owned());
        };
        let index = i64::try_from(self.patterns.len()).map_err(|error| error.to_string())?;
        if self.patterns.len() >= FILTER_PATTERNS {
            return Err(format!("pattern: over {FILTER_PATTERNS} patterns"));
        }
        self.patterns.push(Pattern::compile(literal.inner())?);
        pattern.expr = Expr::Literal(LiteralValue::Int(CelInt::from(index)));
        self.visit(text, depth)?;
        MATCHES.clone_into(&mut call.func_name);
        call.args = arguments;
        Ok(())
    }

    fn comprehension(&mut self, macros: &mut ComprehensionExpr, depth: usize) -> Result<(), String> {
        if macros.iter_var2.is_some() {
            return Err("function: a macro of two variables is not known".to_owned());
        }
        self.visit(&mut macros.iter_range, depth + 1)?;
        self.visit(&mut macros.accu_init, depth)?;
        let range = std::mem::take(&mut macros.iter_range);
        let (id, func_name) = (range.id, ELEMENTS.to_owned());
        macros.iter_range = IdedExpr { id, expr: Expr::Call(CallExpr { func_name, target: None, args: vec![range] }) };
        self.bound.push(macros.accu_var.clone());
        self.bound.push(macros.iter_var.clone());
        self.visit(&mut macros.loop_cond, depth)?;
        self.visit(&mut macros.loop_step, depth)?;
        self.bound.pop();
        self.visit(&mut macros.result, depth)?;
        self.bound.pop();
        Ok(())
    }
}
