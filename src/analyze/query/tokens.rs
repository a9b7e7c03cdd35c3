//! Words, numbers, texts and signs of a filter.

use super::{FUNCTIONS, QueryError};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    /// A name; true where it stood in backticks, so that it is no keyword.
    Name(String, bool),
    Sign(&'static str),
    End,
}

impl Token {
    /// For an error.
    pub(super) fn named(&self) -> String {
        match self {
            Token::Number(v) => format!("the number {v}"),
            Token::Text(v) => format!("the text {v:?}"),
            Token::Name(v, _) => format!("`{v}`"),
            Token::Sign(v) => format!("`{v}`"),
            Token::End => "the end".to_string(),
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Name(name, false) if name.eq_ignore_ascii_case(word))
    }
}

/// Longer ones first.
const SIGNS: [&str; 14] = [
    "<=", ">=", "==", "!=", "!~", "&&", "||", "<", ">", "=", "~", "!", "(", ")",
];

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn within_name(c: char) -> bool {
    c.is_alphanumeric() || "_/.:-".contains(c)
}

/// All tokens with the byte at which they begin; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c == '"' || c == '\'' || c == '`' {
            let (inside, length) = quoted(rest, c).ok_or_else(|| QueryError {
                at,
                expected: format!("a closing {c}"),
                found: "the end".to_string(),
            })?;
            match c {
                '`' if inside.is_empty() => return Err(error(at, "a name", "nothing between `")),
                '`' => (Token::Name(inside, true), length),
                _ => (Token::Text(inside), length),
            }
        } else if c.is_ascii_digit() || ".-+".contains(c) {
            number(rest).ok_or_else(|| error(at, "a number", &shown(rest)))?
        } else if begins_name(c) {
            let length = rest.find(|c| !within_name(c)).unwrap_or(rest.len());
            (Token::Name(rest[..length].to_string(), false), length)
        } else {
            let sign = SIGNS.into_iter().find(|s| rest.starts_with(s));
            let sign = sign.ok_or_else(|| error(at, "a value, a name or a comparison", &shown(rest)))?;
            (Token::Sign(sign), sign.len())
        };
        out.push((at, token));
        at += length;
    }
    out.push((text.len(), Token::End));
    Ok(out)
}

fn error(at: usize, expected: &str, found: &str) -> QueryError {
    QueryError {
        at,
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// The first word, for an error.
fn shown(rest: &str) -> String {
    let word: String = rest.chars().take_while(|c| !c.is_whitespace()).take(20).collect();
    format!("`{word}`")
}

/// What stands between two equal quotes, and how many bytes with them; a backslash takes the next
/// quote or backslash as it is.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => match chars.next_if(|(_, c)| *c == quote || *c == '\\') {
                Some((_, next)) => inside.push(next),
                None => inside.push('\\'),
            },
            c if c == quote => return Some((inside, i + c.len_utf8())),
            c => inside.push(c),
        }
    }
    None
}

/// A number as Rust reads it, as far as it reaches; a word that goes on after it is an error.
fn number(text: &str) -> Option<(Token, usize)> {
    let mut end = 0;
    for (i, c) in text.char_indices() {
        let exponent = i > 0 && matches!(text.as_bytes()[i - 1], b'e' | b'E');
        let fits = match c {
            '+' | '-' => i == 0 || exponent,
            'n' | 'f' | 'i' => end <= 3,
            c => c.is_ascii_digit() || ".eE".contains(c),
        };
        if !fits {
            break;
        }
        end = i + c.len_utf8();
    }
    let clear = !text[end..]
        .chars()
        .next()
        .is_some_and(|c| within_name(c) || c == '"');
    let value = text[..end].parse().ok().filter(|_| clear)?;
    Some((Token::Number(value), end))
}

/// A text literal.
pub(super) fn quoted_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name as it may be written: plain, in backticks, or the argument of a function so.
pub(super) fn quoted_name(name: &str) -> String {
    if let Some((function, argument)) = call(name) {
        return format!("{function}({})", quoted_name_alone(argument));
    }
    quoted_name_alone(name)
}

fn quoted_name_alone(name: &str) -> String {
    let plain = name.starts_with(begins_name) && name.chars().all(within_name);
    let keyword = ["and", "or", "not", "true", "false", "inf", "nan"];
    if plain && !keyword.iter().any(|k| name.eq_ignore_ascii_case(k)) {
        return name.to_string();
    }
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// The parts of `min(loss)`.
fn call(name: &str) -> Option<(&str, &str)> {
    let (function, rest) = name.split_once('(')?;
    let argument = rest.strip_suffix(')').filter(|a| !a.is_empty())?;
    FUNCTIONS.contains(&function).then_some((function, argument))
}
