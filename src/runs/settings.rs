//! Lightning's `hparams.yaml`: hyperparameters beside a log.

use model::Record;
use model::run::Setting;
use serde_yaml_ng::Value;

use crate::error::Notes;
use crate::source::Source;

/// A file of hyperparameters beyond this many bytes is something else.
const LARGEST: u64 = 1 << 20;
/// Hyperparameters that are taken from a file.
const MOST: usize = 10_000;

/// The hyperparameters in a file, nested ones joined by `/`; nothing is executed or made of what
/// Python's YAML calls objects.
pub(crate) fn read(source: &Source, notes: &mut Notes) -> Vec<Record> {
    let bytes = source.stat().and_then(|stat| {
        let len = stat.len.min(LARGEST + 1) as usize;
        source.open()?.take(0, len)
    });
    let bytes = match bytes {
        Ok(bytes) if bytes.len() as u64 > LARGEST => {
            notes.add(
                "",
                format!("hyperparameters of more than {LARGEST} bytes are not read"),
            );
            return Vec::new();
        }
        Ok(bytes) => bytes,
        Err(e) => {
            notes.add("", format!("the file cannot be read: {e}"));
            return Vec::new();
        }
    };
    // The crate drops tags of YAML's own namespace, where PyYAML puts Python's objects; local ones
    // it keeps, so that they can be refused.
    let yaml = String::from_utf8_lossy(&bytes).replace(" !!python/", " !python/");
    match serde_yaml_ng::from_str::<Value>(&yaml) {
        Ok(value) => {
            let mut records = Vec::new();
            flatten(String::new(), value, &mut records, notes);
            records
        }
        Err(e) => {
            let place = e.location().map(|l| format!("line {}", l.line()));
            notes.add(
                place.unwrap_or_default(),
                format!("hyperparameters cannot be read: {e}"),
            );
            Vec::new()
        }
    }
}

fn flatten(name: String, value: Value, records: &mut Vec<Record>, notes: &mut Notes) {
    if records.len() >= MOST {
        notes.once("", format!("only {MOST} hyperparameters are read"));
        return;
    }
    let value = match value {
        Value::Mapping(fields) => {
            for (key, value) in fields {
                let key = match key {
                    Value::String(key) => key,
                    key => text(&key),
                };
                let name = if name.is_empty() {
                    key
                } else {
                    format!("{name}/{key}")
                };
                flatten(name, value, records, notes);
            }
            return;
        }
        Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            notes.add(
                "",
                format!("{name:?} is an object of Python ({tag}), which is not read"),
            );
            return;
        }
        // An empty document is a null without a name.
        Value::Null if name.is_empty() => return,
        Value::Bool(v) => Setting::Flag(v),
        Value::Number(v) => Setting::Number(v.as_f64().unwrap_or(f64::NAN)),
        Value::String(v) => Setting::Text(v),
        other => Setting::Text(text(&other)),
    };
    if name.is_empty() {
        notes.add("", "hyperparameters are expected as NAME: VALUE");
        return;
    }
    records.push(Record::Hyperparameter { name, value });
}

/// A value on one line.
fn text(value: &Value) -> String {
    match value {
        Value::Sequence(list) => format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::String(text) => text.clone(),
        Value::Null => "null".into(),
        Value::Bool(v) => v.to_string(),
        Value::Number(v) => v.to_string(),
        other => serde_yaml_ng::to_string(other)
            .unwrap_or_default()
            .trim()
            .replace('\n', ", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: &[(&str, &str)], warnings: usize) {
        let mut notes = Notes::default();
        let source = Source::Bytes(yaml.as_bytes().to_vec().into());
        let records = read(&source, &mut notes);
        let pair = |r: &Record| match r {
            Record::Hyperparameter { name, value } => (name.clone(), value.to_string()),
            other => panic!("{other:?}"),
        };
        let found: Vec<_> = records.iter().map(pair).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            notes.warnings(std::path::Path::new("x")).count(),
            warnings,
            "{notes:?}"
        );
    }

    #[test]
    fn nested_settings_get_names_and_objects_are_refused() {
        let yaml =
            "lr: 0.001\nmodel:\n  width: 64\n  act: relu\nflag: true\nbetas: [0.9, 0.999]\nnone: null\n";
        let expected = [
            ("lr", "0.001"),
            ("model/width", "64"),
            ("model/act", "relu"),
            ("flag", "true"),
            ("betas", "[0.9, 0.999]"),
            ("none", "null"),
        ];
        check(yaml, &expected, 0);
        let bad = "a: 1\nb: !!python/object/apply:os.system ['true']\nc: !!python/tuple [1, 2]\n";
        check(bad, &[("a", "1")], 2);
        check("", &[], 0);
        check("just text", &[], 1);
        check("a: [1", &[], 1);
    }

    #[test]
    fn aliases_do_not_multiply() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
        for i in 1..12 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            yaml += &format!("a{i}: &a{i} [{list}]\n");
        }
        check(&yaml, &[], 1);
    }
}
