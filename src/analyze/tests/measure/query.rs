use analyze::{Query, Value};
use proptest::prelude::*;

/// What one run has.
fn lookup(name: &str) -> Option<Value> {
    Some(match name {
        "lr" => Value::Number(0.003),
        "optimizer" => Value::Text("adam".into()),
        "name" => Value::Text("cnn/seed2".into()),
        "nesterov" => Value::Flag(true),
        "batch-size" => Value::Number(64.0),
        "min(loss/validation)" => Value::Number(0.25),
        "last(loss/validation)" => Value::Number(f64::NAN),
        "learning rate" => Value::Number(0.1),
        "version" => Value::Text("10".into()),
        "empty" => Value::Text(String::new()),
        "zero" => Value::Number(0.0),
        _ => return None,
    })
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let query = Query::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(query.matches(&lookup), expected, "{text}");
    // The plainest form means the same. (NaN does not equal itself, so the text is compared.)
    let again = query.to_string();
    let second = Query::parse(&again).map(|q| q.to_string());
    assert_eq!(second.as_ref(), Ok(&again), "{text}");
}

#[test]
fn filters_say_what_they_read() {
    let example =
        r#"lr < 0.01 and optimizer == "adam" and min(loss/validation) < 0.3 and name ~ "seed[0-3]""#;
    check(example, true);
    let names = ["lr", "optimizer", "min(loss/validation)", "name"];
    assert_eq!(Query::parse(example).unwrap().names(), names);
    assert_eq!(
        Query::parse("a > 1 or a < 0 or has(b)").unwrap().names(),
        ["a", "b"]
    );
    for (text, expected) in [
        ("lr < 1e-2", true),
        ("lr<.003", false),
        ("lr <= 0.003", true),
        ("lr >= 3e-3 && lr > -1", true),
        ("0.01 > lr", true),
        ("lr == 0.003", true),
        ("lr != 0.003", false),
        ("batch-size = 64", true),
        ("`batch-size` = 6.4e1", true),
        ("`learning rate` == 0.1", true),
        ("optimizer == 'adam'", true),
        ("optimizer != \"sgd\"", true),
        ("optimizer < \"b\"", true),
        ("name !~ \"seed[3-9]$\"", true),
        ("lr ~ \"^0\\.003$\"", true),
        ("nesterov", true),
        ("not nesterov", false),
        ("!nesterov || lr > 1", false),
        ("nesterov == true and nesterov != false and nesterov == 1", true),
        ("empty or zero or `last`", false),
        // Numbers that were recorded as text.
        ("version > 9", true),
        ("version == \"10\"", true),
        ("optimizer > 9", false),
        // What a run does not have is neither equal nor different.
        ("depth == 3", false),
        ("depth != 3", false),
        ("not depth == 3", true),
        ("depth ~ \"\"", false),
        ("has(depth)", false),
        (
            "has(lr) and has(min(loss/validation)) and not has(max(loss/validation))",
            true,
        ),
        // NaN.
        ("last(loss/validation) < 1 or last(loss/validation) >= 1", false),
        ("last(loss/validation) == nan", false),
        ("last(loss/validation) != 0", true),
        ("min(loss/validation) < inf and lr > -inf", true),
        // `and` binds more tightly than `or`, `not` most.
        ("lr > 1 and lr > 2 or lr < 1", true),
        ("lr > 1 and (lr > 2 or lr < 1)", false),
        ("not lr > 1 and lr < 1", true),
        ("not (lr > 1 or lr < 1)", false),
        ("NOT lr > 1 AND lr < 1", true),
        ("((((lr < 1))))", true),
        ("`and` == 1 or `has` == 1 or lr<1", true),
    ] {
        check(text, expected);
    }
}

#[test]
fn errors_point() {
    for (text, at, message) in [
        (
            "",
            0,
            "filter, at byte 0: found the end, expected a value or a name",
        ),
        (
            "lr <",
            4,
            "filter, at byte 4: found the end, expected a value or a name",
        ),
        (
            "lr < and",
            5,
            "filter, at byte 5: found `and`, expected a value or a name",
        ),
        (
            "lr 3",
            3,
            "filter, at byte 3: found the number 3, expected and, or, or the end",
        ),
        (
            "lr < 3 lr",
            7,
            "filter, at byte 7: found `lr`, expected and, or, or the end",
        ),
        ("(lr < 3", 7, "filter, at byte 7: found the end, expected `)`"),
        (
            "lr < 3)",
            6,
            "filter, at byte 6: found `)`, expected and, or, or the end",
        ),
        (
            "3 and lr",
            2,
            "filter, at byte 2: found `and`, expected a comparison (<, <=, >, >=, ==, !=, ~, !~)",
        ),
        (
            "lr < 1.2.3",
            5,
            "filter, at byte 5: found `1.2.3`, expected a number",
        ),
        ("lr < 3x", 5, "filter, at byte 5: found `3x`, expected a number"),
        (
            "näme == \"ö",
            9,
            "filter, at byte 9: found the end, expected a closing \"",
        ),
        (
            "lr § 3",
            3,
            "filter, at byte 3: found `§`, expected a value, a name or a comparison",
        ),
        (
            "`` < 3",
            0,
            "filter, at byte 0: found nothing between `, expected a name",
        ),
        (
            "median(loss) < 3",
            0,
            "filter, at byte 0: found `median`, expected a name, or one of the functions first, last, min, max, mean",
        ),
        (
            "min(3) < 3",
            4,
            "filter, at byte 4: found the number 3, expected the name of a series",
        ),
        (
            "has(3)",
            4,
            "filter, at byte 4: found the number 3, expected a name",
        ),
        (
            "name ~ lr",
            7,
            "filter, at byte 7: found `lr`, expected a regular expression in quotes",
        ),
        (
            "name ~ \"a(\"",
            7,
            "filter, at byte 7: found \"a(\" (unclosed group), expected a regular expression",
        ),
    ] {
        let error = Query::parse(text).unwrap_err();
        assert_eq!((error.at, &error.to_string()[..]), (at, message), "{text}");
    }
    let deep = format!("{}lr{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(
        Query::parse(&deep)
            .unwrap_err()
            .to_string()
            .contains("fewer parentheses")
    );
    assert!(Query::parse(&"not ".repeat(100_000)).is_err());
    let long = vec!["lr < 1"; 10_000].join(" and ");
    assert!(Query::parse(&long).unwrap().matches(&lookup));
    let large = "name ~ \"(a{1000}){1000}\"";
    assert!(Query::parse(large).is_err());
}

/// Pieces of filters, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("and"),
        Just("or"),
        Just("not"),
        Just("has("),
        Just("min("),
        Just(")"),
        Just("("),
        Just("<"),
        Just("<="),
        Just("=="),
        Just("!="),
        Just("~"),
        Just("!~"),
        Just("!"),
        Just("&&"),
        Just("lr"),
        Just("loss/validation"),
        Just("`a b`"),
        Just("`"),
        Just("\"te\\\"xt\""),
        Just("\"["),
        Just("'é'"),
        Just("1e"),
        Just("-3.5e-7"),
        Just("."),
        Just("-"),
        Just("inf"),
        Just("nan"),
        Just("true"),
        Just("\\"),
        Just("\"[a-z]+\""),
        Just("\u{301}"),
        Just(" "),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|p| p.join(" "))
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    match Query::parse(text) {
        Ok(query) => {
            query.matches(&lookup);
            let again = query.to_string();
            // NaN does not equal itself, so the text is compared.
            let second = Query::parse(&again).map(|q| q.to_string());
            prop_assert_eq!(second, Ok(again), "from {:?}", text);
        }
        Err(error) => {
            prop_assert!(text.is_char_boundary(error.at), "{text:?}: {error}");
            prop_assert!(!error.expected.is_empty() && !error.found.is_empty());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_parse_or_point(text in pieces()) {
        survives(&text)?;
    }

    #[test]
    fn any_text_parses_or_points(text in "\\PC{0,40}") {
        survives(&text)?;
    }
}
