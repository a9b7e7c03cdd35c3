//! From tokens to a filter.

use regex::{Regex, RegexBuilder};

use super::tokens::{Token, tokens};
use super::{Comparison, FUNCTIONS, Node, Operand, Value};

/// Deepest nesting of parentheses and negations, so that no filter fills the stack.
const DEPTH: usize = 64;

/// Why a filter was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter, at byte {at}: found {found}, expected {expected}")]
pub struct QueryError {
    /// Byte of the text, at a character's beginning; its length for the end.
    pub at: usize,
    /// What could have stood there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

pub(super) fn parse(text: &str) -> Result<Node, QueryError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let node = parser.any()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.expected("and, or, or the end")),
    }
}

struct Parser {
    /// Never empty: the last is the end.
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        // The end stays.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take_if(&mut self, word: &str, sign: &str) -> bool {
        let is = self.peek().is_word(word) || matches!(self.peek(), Token::Sign(s) if *s == sign);
        if is {
            self.take();
        }
        is
    }

    fn expected(&self, expected: &str) -> QueryError {
        let (at, token) = &self.tokens[self.next];
        let (at, found, expected) = (*at, token.named(), expected.to_string());
        QueryError { at, expected, found }
    }

    fn close(&mut self) -> Result<(), QueryError> {
        match self.peek() {
            Token::Sign(")") => {
                self.take();
                Ok(())
            }
            _ => Err(self.expected("`)`")),
        }
    }

    fn any(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.all()?];
        while self.take_if("or", "||") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Node::Or))
    }

    fn all(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.one()?];
        while self.take_if("and", "&&") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, Node::And))
    }

    fn one(&mut self) -> Result<Node, QueryError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.expected("fewer parentheses and negations inside each other"));
        }
        let node = self.one_inside();
        self.depth -= 1;
        node
    }

    fn one_inside(&mut self) -> Result<Node, QueryError> {
        if self.take_if("not", "!") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.take_if("", "(") {
            let node = self.any()?;
            self.close()?;
            return Ok(node);
        }
        let opens = matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))));
        if self.peek().is_word("has") && opens {
            self.take();
            self.take();
            let name = self.called_name()?;
            self.close()?;
            return Ok(Node::Has(name));
        }
        let left = self.operand()?;
        let comparison = match self.peek() {
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            Token::Sign("==" | "=") => Comparison::Equal,
            Token::Sign("!=") => Comparison::Different,
            Token::Sign("~") => {
                self.take();
                let pattern = self.pattern()?;
                return Ok(Node::Matches { what: left, pattern });
            }
            Token::Sign("!~") => {
                self.take();
                let pattern = self.pattern()?;
                return Ok(Node::Not(Box::new(Node::Matches { what: left, pattern })));
            }
            _ => match left {
                Operand::Literal(Value::Number(_) | Value::Text(_)) => {
                    return Err(self.expected("a comparison (<, <=, >, >=, ==, !=, ~, !~)"));
                }
                _ => return Ok(Node::Holds(left)),
            },
        };
        self.take();
        Ok(Node::Compare(left, comparison, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, QueryError> {
        let literal = |v| Ok(Operand::Literal(v));
        let opens = matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))));
        match self.peek().clone() {
            Token::Number(v) => {
                self.take();
                literal(Value::Number(v))
            }
            Token::Text(v) => {
                self.take();
                literal(Value::Text(v))
            }
            Token::Name(function, false) if opens => {
                if !FUNCTIONS.contains(&function.as_str()) {
                    let known = FUNCTIONS.join(", ");
                    return Err(self.expected(&format!("a name, or one of the functions {known}")));
                }
                self.take();
                self.take();
                let name = self.name("the name of a series")?;
                self.close()?;
                Ok(Operand::Name(format!("{function}({name})")))
            }
            Token::Name(name, false) => {
                let word = name.to_ascii_lowercase();
                let value = match word.as_str() {
                    "true" | "false" => Value::Flag(word == "true"),
                    "inf" => Value::Number(f64::INFINITY),
                    "nan" => Value::Number(f64::NAN),
                    "and" | "or" | "not" => return Err(self.expected("a value or a name")),
                    _ => {
                        self.take();
                        return Ok(Operand::Name(name));
                    }
                };
                self.take();
                literal(value)
            }
            Token::Name(name, true) => {
                self.take();
                Ok(Operand::Name(name))
            }
            _ => Err(self.expected("a value or a name")),
        }
    }

    fn name(&mut self, expected: &str) -> Result<String, QueryError> {
        match self.peek().clone() {
            Token::Name(name, _) => {
                self.take();
                Ok(name)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// A name, or a function of one.
    fn called_name(&mut self) -> Result<String, QueryError> {
        let opens = matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign("("))));
        match opens {
            true => match self.operand()? {
                Operand::Name(name) => Ok(name),
                Operand::Literal(_) => Err(self.expected("a name")),
            },
            false => self.name("a name"),
        }
    }

    fn pattern(&mut self) -> Result<Regex, QueryError> {
        let Token::Text(text) = self.peek().clone() else {
            return Err(self.expected("a regular expression in quotes"));
        };
        // A pattern that unfolds to more would take seconds to build.
        let built = RegexBuilder::new(&text)
            .size_limit(1 << 20)
            .nest_limit(100)
            .build();
        let pattern = built.map_err(|e| {
            let reason = e.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            QueryError {
                found: format!("{text:?} ({reason})"),
                ..self.expected("a regular expression")
            }
        })?;
        self.take();
        Ok(pattern)
    }
}

fn joined(mut parts: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
