//! A filter for a table of runs: `lr < 0.01 and optimizer == "adam" and min(loss/validation) < 0.3`.
//!
//! ```text
//! filter     = all { "or" all }
//! all        = one { "and" one }
//! one        = "not" one | "(" filter ")" | "has(" name ")" | operand [comparison operand]
//! comparison = "<" | "<=" | ">" | ">=" | "==" | "!=" | "~" | "!~"
//! operand    = number | "text" | true | false | name | function "(" name ")"
//! function   = first | last | min | max | mean
//! name       = letters, digits and _ / . : - beginning with a letter or _, or anything in `backticks`
//! ```
//! `&&`, `||`, `!` and `=` are understood, too. `~` takes a regular expression. Neither `evalexpr`
//! (AGPL, and errors without a place) nor a general language fits; this one has errors that point.

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;

mod parse;
mod tokens;

pub use parse::QueryError;

/// Functions of a series, which the caller answers as a name: `min(loss/validation)`.
pub const FUNCTIONS: [&str; 5] = ["first", "last", "min", "max", "mean"];

/// What a name stands for in one run.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    Number(f64),
    Text(String),
    Flag(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Number(v) => v.fmt(f),
            Value::Text(v) => v.fmt(f),
            Value::Flag(v) => v.fmt(f),
        }
    }
}

/// A filter that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(Node);

#[derive(Clone, Debug)]
enum Node {
    Or(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Has(String),
    /// Not false, 0, NaN or empty.
    Holds(Operand),
    Compare(Operand, Comparison, Operand),
    Matches {
        what: Operand,
        pattern: Regex,
    },
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Node::Or(a), Node::Or(b)) | (Node::And(a), Node::And(b)) => a == b,
            (Node::Not(a), Node::Not(b)) => a == b,
            (Node::Has(a), Node::Has(b)) => a == b,
            (Node::Holds(a), Node::Holds(b)) => a == b,
            (Node::Compare(a, b, c), Node::Compare(d, e, f)) => a == d && b == e && c == f,
            (Node::Matches { what: a, pattern: b }, Node::Matches { what: c, pattern: d }) => {
                a == c && b.as_str() == d.as_str()
            }
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    /// As it is asked for: `lr`, `min(loss)`.
    Name(String),
}

impl Operand {
    fn value(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Name(name) => lookup(name),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Different,
}

impl Comparison {
    fn text(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Equal => "==",
            Comparison::Different => "!=",
        }
    }

    /// `order` is `None` for what cannot be compared: that is different, and nothing else.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::Different => order != Some(Ordering::Equal),
        }
    }
}

impl Query {
    /// Understands a filter, or says where it does not.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        parse::parse(text).map(Query)
    }

    /// Whether a run passes; `lookup` answers names, as they stand in [`Query::names`], for this run.
    ///
    /// A comparison with a name that the run does not have is false, whichever it is; ask `has(name)`.
    /// Numbers compare as numbers, also where one side is a text that reads as one; texts by their
    /// characters; NaN equals nothing. A name alone passes unless it is false, 0, NaN or empty.
    pub fn matches(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
        matches(&self.0, lookup)
    }

    /// The names that the filter asks for, in order, each once; functions as `min(loss)`.
    pub fn names(&self) -> Vec<&str> {
        let mut all = Vec::new();
        names(&self.0, &mut all);
        let mut once = Vec::new();
        for name in all {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        once
    }
}

fn names<'a>(node: &'a Node, all: &mut Vec<&'a str>) {
    let mut operand = |o: &'a Operand| {
        if let Operand::Name(name) = o {
            all.push(name);
        }
    };
    match node {
        Node::Or(parts) | Node::And(parts) => parts.iter().for_each(|p| names(p, all)),
        Node::Not(part) => names(part, all),
        Node::Has(name) => all.push(name),
        Node::Holds(a) | Node::Matches { what: a, .. } => operand(a),
        Node::Compare(a, _, b) => {
            operand(a);
            operand(b);
        }
    }
}

fn matches(node: &Node, lookup: &dyn Fn(&str) -> Option<Value>) -> bool {
    match node {
        Node::Or(parts) => parts.iter().any(|p| matches(p, lookup)),
        Node::And(parts) => parts.iter().all(|p| matches(p, lookup)),
        Node::Not(part) => !matches(part, lookup),
        Node::Has(name) => lookup(name).is_some(),
        Node::Holds(a) => a.value(lookup).is_some_and(|v| match v {
            Value::Number(v) => v != 0.0 && !v.is_nan(),
            Value::Text(v) => !v.is_empty(),
            Value::Flag(v) => v,
        }),
        Node::Compare(a, comparison, b) => match (a.value(lookup), b.value(lookup)) {
            (Some(a), Some(b)) => comparison.holds(order(&a, &b)),
            _ => false,
        },
        Node::Matches { what, pattern } => {
            let value = what.value(lookup);
            value.is_some_and(|v| pattern.is_match(&v.to_string()))
        }
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Number(a), Value::Text(b)) => a.partial_cmp(&b.trim().parse().ok()?),
        (Value::Text(a), Value::Number(b)) => a.trim().parse::<f64>().ok()?.partial_cmp(b),
        (Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
        (Value::Flag(a), Value::Number(b)) => f64::from(u8::from(*a)).partial_cmp(b),
        (Value::Number(a), Value::Flag(b)) => a.partial_cmp(&f64::from(u8::from(*b))),
        _ => Some(a.to_string().cmp(&b.to_string())),
    }
}

/// The filter in its plainest form, which is understood as the same.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let list = |f: &mut fmt::Formatter, parts: &[Node], between: &str| {
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    f.write_str(between)?;
                }
                match part {
                    Node::Or(_) | Node::And(_) => write!(f, "({part})")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Node::Or(parts) => list(f, parts, " or "),
            Node::And(parts) => list(f, parts, " and "),
            Node::Not(part) => match **part {
                Node::Or(_) | Node::And(_) => write!(f, "not ({part})"),
                _ => write!(f, "not {part}"),
            },
            Node::Has(name) => write!(f, "has({})", tokens::quoted_name(name)),
            Node::Holds(a) => a.fmt(f),
            Node::Compare(a, comparison, b) => write!(f, "{a} {} {b}", comparison.text()),
            Node::Matches { what, pattern } => {
                write!(f, "{what} ~ {}", tokens::quoted_text(pattern.as_str()))
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Operand::Literal(Value::Text(text)) => f.write_str(&tokens::quoted_text(text)),
            Operand::Literal(Value::Number(v)) => write!(f, "{v:?}"),
            Operand::Literal(value) => value.fmt(f),
            Operand::Name(name) => f.write_str(&tokens::quoted_name(name)),
        }
    }
}
