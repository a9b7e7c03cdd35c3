//! Sentences, how they are split, and the vocabulary that is learned from them.

use std::sync::Arc;

use data::Tokenizer;
use data::sentences::{Part, Reading, from_bytes, read};

use crate::random::Random;

/// As vaderSentiment's files: identifier, rating, sentence.
fn rated() -> String {
    let words = ["good", "bad", "fine", "poor", "great", "awful", "nice", "sad"];
    let line = |i: usize| {
        let (word, other) = (words[i % 8], words[i / 8 % 8]);
        let rating = if i.is_multiple_of(2) { 2.5 } else { -1.5 };
        format!(
            "{}_{}\t{rating}\tA {word} and \"{other} thing, number {i}.\r\n",
            i / 3,
            i % 3
        )
    };
    (0..300).map(line).collect()
}

#[test]
fn ratings_become_classes_and_documents_stay_in_one_part() {
    let set = from_bytes("rated.txt", rated().as_bytes(), &Reading::default()).unwrap();
    assert_eq!(set.classes, ["negative", "positive"]);
    assert_eq!(set.all.len(), 300);
    assert_eq!(set.all[0].text, "A good and \"good thing, number 0.");
    assert_eq!((set.all[0].class, set.all[1].class), (1, 0));
    for document in set.all.chunks(3) {
        assert!(document.iter().all(|s| s.part == document[0].part));
    }
    let count = |part| set.texts(part).len();
    let counts = [Part::Training, Part::Validation, Part::Test].map(count);
    assert!(counts[0] > 200 && counts[1] > 9 && counts[2] > 9, "{counts:?}");
    // The last third alone: the same parts.
    let rest: String = rated().split_inclusive('\n').skip(200).collect();
    let some = from_bytes("rated.txt", rest.as_bytes(), &Reading::default()).unwrap();
    assert_eq!(some.all, set.all[200..]);
}

#[test]
fn neutral_sentences_are_left_out_or_a_class() {
    let table = "text,rating\nyes,1\nno,-1\nso so,0.2\nnothing,0\nyes,-3\n";
    let of = |keep_neutral| Reading {
        keep_neutral,
        validation: 0.0,
        test: 0.0,
        ..Reading::default()
    };
    let classes = |reading: &Reading| -> Vec<i64> {
        let set = from_bytes("t.csv", table.as_bytes(), reading).unwrap();
        set.all.iter().map(|s| s.class).collect()
    };
    // Of equal texts the first.
    assert_eq!(classes(&of(false)), [1, 0]);
    assert_eq!(classes(&of(true)), [2, 0, 1, 1]);
}

#[test]
fn classes_of_a_table_are_in_order_of_their_names() {
    let table = "Sentence\tKind\tSource\n\"one, two\"\tspam\ta\nthree\tham\tb\nfour\tspam\ta\n";
    let reading = Reading {
        text: "sentence".into(),
        class: Some("kind".into()),
        document: Some("source".into()),
        validation: 0.0,
        test: 0.0,
        ..Reading::default()
    };
    let set = from_bytes("t.tsv", table.as_bytes(), &reading).unwrap();
    assert_eq!(set.classes, ["ham", "spam"]);
    let found: Vec<_> = set.all.iter().map(|s| (s.text.as_str(), s.class)).collect();
    assert_eq!(found, [("one, two", 1), ("three", 0), ("four", 1)]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let problem = |bytes: &[u8], reading: Reading| {
        let found = from_bytes("t.csv", bytes, &reading);
        found.unwrap_err().to_string()
    };
    let usual = Reading::default;
    let check = |bytes: &[u8], parts: &[&str]| {
        let found = problem(bytes, usual());
        assert!(
            found.starts_with("t.csv: ") && parts.iter().all(|p| found.contains(p)),
            "{found}"
        );
    };
    check(b"text,rating\nfine,1\nbad,x\n", &["line 3", "\"x\"", "a rating"]);
    check(b"text,rating\nfine,nan\n", &["line 2", "finite"]);
    check(b"text,rating\nfine,1,2\n", &["line 2", "as many values"]);
    check(b"text,rating\n,1\n", &["line 2", "no text"]);
    check(
        b"words,rating\nfine,1\n",
        &["line 1", "no column \"text\"", "words, rating"],
    );
    check(b"text,rating\nfine,1\nb\xff,1\n", &["line 3", "UTF-8"]);
    check(b"", &["line 1"]);
    check(b"text,rating\nso so,0.1\n", &["none to learn from"]);
    check(b"1\t2.0\tfine\n2\tx\tbad\n", &["line 2", "a rating"]);
    let long = format!("text,rating\n{},1\n", "a".repeat(70_000));
    check(long.as_bytes(), &["line 2", "over the limit"]);
    let share = Reading {
        test: 0.95,
        ..usual()
    };
    assert!(problem(b"text,rating\nfine,1\n", share).contains("together"));
    let share = Reading {
        neutral: -1.0,
        ..usual()
    };
    assert!(problem(b"text,rating\nfine,1\n", share).contains("neutral"));
    let folder = tempfile::tempdir().unwrap();
    let empty = read(folder.path(), &usual()).unwrap_err().to_string();
    assert!(
        empty.contains("no such file") && empty.contains("_GroundTruth.txt"),
        "{empty}"
    );
}

#[test]
fn broken_tables_never_panic() {
    let (mut random, original) = (Random(77), rated().into_bytes());
    let mut refused = 0;
    for round in 0..3000 {
        let broken = random.mutate(&original[..2000], 200);
        let reading = Reading {
            class: (round % 3 == 0).then(|| "rating".into()),
            ..Reading::default()
        };
        if let Err(error) = from_bytes("broken", &broken, &reading) {
            let text = error.to_string();
            assert!(text.starts_with("broken: "), "{text}");
            refused += 1;
        }
    }
    assert!(refused > 300, "{refused}");
}

#[test]
fn a_vocabulary_is_learned_whatever_the_order_of_the_texts() {
    let set = from_bytes("rated.txt", rated().as_bytes(), &Reading::default()).unwrap();
    let mut texts = set.texts(Part::Training);
    let learned = data::text::learn(&texts, 300).unwrap();
    texts.reverse();
    assert!(learned == data::text::learn(&texts, 300).unwrap());
    let tokenizer = Arc::new(Tokenizer::from_bytes(learned.into()).unwrap());
    assert_eq!(tokenizer.vocabulary(), 300);
    let tokens = tokenizer.encode("A GOOD thing", 64).unwrap();
    assert_eq!(tokens.names.concat(), "[CLS] a good thing");
    assert!(tokens.names.len() < 12, "{:?}", tokens.names);
    // A character that no text had is its bytes.
    assert!(tokenizer.encode("☃", 64).unwrap().ids.len() > 3);
    assert!(data::text::learn(&texts, 100).is_err());

    let data = set.dataset(&tokenizer, 8).unwrap();
    assert_eq!(data.check(), Ok(()));
    let parts = [&data.training, &data.validation, &data.test].map(|p| p.len());
    assert_eq!(parts.iter().sum::<usize>(), 300);
    let (ids, mask) = (data.inputs[0].ints(&[0]), data.inputs[1].ints(&[0]));
    assert_eq!((ids[0], ids.len(), mask.iter().sum::<i64>()), (1, 8, 8));
    let wide = set.dataset(&tokenizer, 40).unwrap();
    let (ids, mask) = (wide.inputs[0].ints(&[0]), wide.inputs[1].ints(&[0]));
    let own = mask.iter().sum::<i64>() as usize;
    assert!(own < 40 && ids[own..].iter().all(|&i| i == 0) && ids[..own].iter().all(|&i| i > 0));
    assert!(set.dataset(&tokenizer, 0).is_err());
}
