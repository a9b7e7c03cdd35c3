//! JSON as logs have it: with the NaN and Infinity that Python writes, and every digit of a number.
//! serde_json refuses the former and, without a feature that would rebuild half of the workspace,
//! rounds the latter.

use std::borrow::Cow;

/// A value; numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Fields(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Nesting beyond this is refused.
const DEEPEST: usize = 64;

/// The one value in `text`; the error says what was expected at which column.
pub(crate) fn parse(text: &str) -> Result<Json<'_>, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    match reader.rest().is_empty() {
        true => Ok(value),
        false => Err(reader.expected("the end of the line")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expected(&self, what: &str) -> String {
        let found: String = self.rest().chars().take(12).collect();
        let found = if found.is_empty() {
            "the end".into()
        } else {
            format!("{found:?}")
        };
        format!("{what} is expected at column {}, found {found}", self.at + 1)
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, String> {
        if depth > DEEPEST {
            return Err(format!("more than {DEEPEST} levels of nesting"));
        }
        self.space();
        const NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
        if self.eat("{") {
            return self.fields(depth);
        }
        if self.eat("[") {
            return self.list(depth);
        }
        if self.rest().starts_with('"') {
            return Ok(Json::Text(self.string()?));
        }
        for (word, value) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ] {
            if self.eat(word) {
                return Ok(value);
            }
        }
        if let Some(word) = NUMBERS.into_iter().find(|w| self.rest().starts_with(w)) {
            self.at += word.len();
            return Ok(Json::Number(word));
        }
        let of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let rest = self.rest();
        let length = rest.find(|c| !of_number(c)).unwrap_or(rest.len());
        let number = &rest[..length];
        if number.parse::<f64>().is_err() {
            return Err(self.expected("a value"));
        }
        self.at += length;
        Ok(Json::Number(number))
    }

    fn fields(&mut self, depth: usize) -> Result<Json<'a>, String> {
        let mut fields = Vec::new();
        self.space();
        if self.eat("}") {
            return Ok(Json::Fields(fields));
        }
        loop {
            self.space();
            if !self.rest().starts_with('"') {
                return Err(self.expected("a name in quotes"));
            }
            let name = self.string()?;
            self.space();
            if !self.eat(":") {
                return Err(self.expected("':'"));
            }
            fields.push((name, self.value(depth + 1)?));
            self.space();
            if self.eat("}") {
                return Ok(Json::Fields(fields));
            }
            if !self.eat(",") {
                return Err(self.expected("',' or '}'"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, String> {
        let mut list = Vec::new();
        self.space();
        if self.eat("]") {
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.space();
            if self.eat("]") {
                return Ok(Json::List(list));
            }
            if !self.eat(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    /// A string, from its opening quote on; escapes are left to serde_json.
    fn string(&mut self) -> Result<Cow<'a, str>, String> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut end = 1;
        let mut plain = true;
        loop {
            match bytes.get(end) {
                None => {
                    return Err(format!(
                        "a string that begins at column {} does not end",
                        self.at + 1
                    ));
                }
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    end += 2;
                }
                Some(_) => end += 1,
            }
        }
        let quoted = rest.get(..end + 1).ok_or_else(|| self.expected("a string"))?;
        let text = match plain {
            true => Cow::Borrowed(&quoted[1..end]),
            false => match serde_json::from_str::<String>(quoted) {
                Ok(text) => Cow::Owned(text),
                Err(_) => return Err(self.expected("a string")),
            },
        };
        self.at += end + 1;
        Ok(text)
    }
}

impl Json<'_> {
    /// The number, where it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Json::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The value as JSON again.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
        match self {
            Json::Null => "null".into(),
            Json::Bool(v) => v.to_string(),
            Json::Number(v) => v.to_string(),
            Json::Text(v) => quoted(v),
            Json::List(list) => format!("[{}]", list.iter().map(Json::text).collect::<Vec<_>>().join(", ")),
            Json::Fields(fields) => {
                let field = |(name, value): &(Cow<str>, Json)| format!("{}: {}", quoted(name), value.text());
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_python_writes_is_read() {
        let text =
            r#" {"a": NaN, "b": -Infinity, "c\u00e9\n": [1, 2.5e-3, "x", null, true], "d": {}, "e": []} "#;
        let Json::Fields(fields) = parse(text).unwrap() else {
            panic!("fields")
        };
        assert!(fields[0].1.number().unwrap().is_nan());
        assert_eq!(fields[1].1.number(), Some(f64::NEG_INFINITY));
        assert_eq!(fields[2].0, "c\u{e9}\n");
        assert_eq!(fields[2].1.text(), r#"[1, 2.5e-3, "x", null, true]"#);
        assert_eq!(
            parse("0.023255813866853714").unwrap().number(),
            Some(0.023255813866853714)
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_column() {
        for (text, expected) in [
            ("{\"a\": }", "a value is expected at column 7, found \"}\""),
            ("{\"a\" 1}", "':' is expected at column 6"),
            ("{\"a\": 1", "',' or '}' is expected at column 8, found the end"),
            ("{\"a\": \"x", "a string that begins at column 7 does not end"),
            ("{} x", "the end of the line is expected at column 4"),
            ("", "a value is expected at column 1, found the end"),
            ("nan", "a value is expected"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.starts_with(expected), "{text}: {found}");
        }
        assert!(parse(&"[".repeat(100_000)).unwrap_err().contains("nesting"));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "\\PC*") {
            _ = parse(&text);
        }

        #[test]
        fn what_serde_json_writes_is_read(number in any::<f64>(), text in any::<String>()) {
            let json = serde_json::json!({ "n": number, &text: [text] });
            let read = parse(&json.to_string()).map(|j| j.text());
            let read: serde_json::Value = serde_json::from_str(&read.unwrap()).unwrap();
            prop_assert_eq!(read[&text].clone(), json[&text].clone());
        }
    }
}
