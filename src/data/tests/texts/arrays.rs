//! From texts to the inputs of a network.

use data::text::Fed;
use data::{DataError, Tokenizer};
use model::{DType, Dim, Graph, Network, Tensor, TensorKind, TensorSpec, TextInputs};

use crate::Given;

/// A network of these inputs: name, element type, sizes with 0 for a free one.
fn network(inputs: &[(&str, DType, [u64; 2])]) -> Network {
    let mut network = Network {
        graphs: vec![Graph::default()],
        ..Network::default()
    };
    for (name, dtype, sizes) in inputs {
        let dims = sizes.iter().map(|&n| match n {
            0 => Dim::Symbol("free".into()),
            n => Dim::Known(n),
        });
        let id = network.add_tensor(Tensor {
            name: name.to_string(),
            spec: TensorSpec::new(*dtype, dims),
            kind: TensorKind::Input,
            data: None,
            producer: None,
        });
        network.graphs[0].inputs.push(id);
    }
    network
}

/// Names and texts.
type Files<'a> = &'a [(&'a str, &'a str)];

fn words(settings: Files) -> Tokenizer {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\nsat\n##s\n";
    let mut files = settings.to_vec();
    files.push(("vocab.txt", vocabulary));
    Given::of(&files).tokenizer()
}

fn feed(tokenizer: &Tokenizer, texts: &[&str], inputs: &[(&str, DType, [u64; 2])]) -> Result<Fed, DataError> {
    let network = network(inputs);
    let texts: Vec<String> = texts.iter().map(|t| t.to_string()).collect();
    tokenizer.feed(&texts, &network, &TextInputs::of(&network).unwrap())
}

fn ints(fed: &Fed, name: &str) -> (Vec<u64>, Vec<i64>) {
    let (_, array) = fed.arrays.iter().find(|(n, _)| n == name).unwrap();
    let values = array
        .to_i64()
        .or_else(|| Some(array.to_f32()?.iter().map(|&v| v as i64).collect()));
    (array.shape.clone(), values.unwrap())
}

#[test]
fn several_texts_are_filled_to_one_length_and_masked() {
    let inputs = [
        ("input_ids", DType::I64, [0, 0]),
        ("attention_mask", DType::F32, [0, 0]),
        ("token_type_ids", DType::I32, [0, 0]),
        ("position_ids", DType::I64, [0, 0]),
    ];
    let fed = feed(&words(&[]), &["The cats sat", "cat"], &inputs).unwrap();
    assert_eq!(
        ints(&fed, "input_ids"),
        (vec![2, 6], vec![2, 5, 6, 8, 7, 3, 2, 6, 3, 0, 0, 0])
    );
    assert_eq!(
        ints(&fed, "attention_mask").1,
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    );
    assert_eq!(ints(&fed, "token_type_ids").1, [0; 12]);
    assert_eq!(ints(&fed, "position_ids").1, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    let kinds: Vec<DType> = fed.arrays.iter().map(|(_, a)| a.dtype).collect();
    assert_eq!(kinds, [DType::I64, DType::F32, DType::I32, DType::I64]);
    assert_eq!(fed.tokens[0], ["[CLS]", "the", "cat", "##s", "sat", "[SEP]"]);
    assert_eq!(
        fed.tokens[1],
        ["[CLS]", "cat", "[SEP]", "[PAD]", "[PAD]", "[PAD]"]
    );
    assert_eq!(fed.notes, Vec::<String>::new());
}

#[test]
fn sizes_that_the_network_fixes_are_kept_and_told() {
    let inputs = |n| {
        [
            ("input_ids", DType::I64, [1, n]),
            ("attention_mask", DType::I64, [1, n]),
        ]
    };
    let fed = feed(&words(&[]), &["the cat"], &inputs(6)).unwrap();
    assert_eq!(ints(&fed, "input_ids"), (vec![1, 6], vec![2, 5, 6, 3, 0, 0]));
    assert_eq!(
        fed.notes,
        ["filled with \"[PAD]\" to 6 tokens, which the network fixes"]
    );
    let fed = feed(&words(&[]), &["the cat sat the cat"], &inputs(4)).unwrap();
    assert_eq!(ints(&fed, "input_ids").1, [2, 5, 6, 3]);
    assert_eq!(
        fed.notes,
        ["the text has 7 tokens: cut to 4 (which the network fixes)"]
    );
    let problem = feed(&words(&[]), &["the", "cat"], &inputs(4))
        .unwrap_err()
        .to_string();
    assert_eq!(problem, "texts: found 2, expected 1, which the network fixes");
}

#[test]
fn too_long_texts_are_cut_to_what_the_model_takes() {
    let free = [
        ("input_ids", DType::I64, [0, 0]),
        ("attention_mask", DType::I64, [0, 0]),
    ];
    let cases: [(Files, usize, &str); 4] = [
        (
            &[("tokenizer_config.json", r#"{"model_max_length": 5}"#)],
            5,
            "(model_max_length in tokenizer_config.json)",
        ),
        (
            &[
                (
                    "tokenizer_config.json",
                    r#"{"model_max_length": 1000000000000000019884624838656}"#,
                ),
                ("config.json", r#"{"max_position_embeddings": 6}"#),
            ],
            6,
            "(max_position_embeddings in config.json)",
        ),
        (
            &[(
                "config.json",
                r#"{"model_type": "roberta", "max_position_embeddings": 8, "pad_token_id": 1}"#,
            )],
            6,
            "cut to 6",
        ),
        (&[], 2048, "no file states how many"),
    ];
    for (settings, most, expected) in cases {
        let fed = feed(&words(settings), &[&"the cat ".repeat(1200)], &free).unwrap();
        assert_eq!(fed.tokens[0].len(), most);
        assert_eq!(fed.tokens[0][most - 1], "[SEP]");
        assert!(fed.notes[0].contains(expected), "{:?}", fed.notes);
        assert!(
            fed.notes[0].starts_with("the text has 2402 tokens"),
            "{:?}",
            fed.notes
        );
    }
}

#[test]
fn a_network_without_a_mask_says_what_that_means() {
    let inputs = [("input_ids", DType::I64, [0, 0])];
    let fed = feed(&words(&[]), &["the cat sat", "the"], &inputs).unwrap();
    assert!(fed.notes[0].contains("takes no mask"), "{:?}", fed.notes);
    let fed = feed(&words(&[]), &["the cat sat"], &inputs).unwrap();
    assert_eq!(fed.notes, Vec::<String>::new());
}

#[test]
fn a_decoder_begins_with_its_first_token() {
    let inputs = [
        ("input_ids", DType::I64, [0, 0]),
        ("decoder_input_ids", DType::I64, [0, 0]),
        ("decoder_attention_mask", DType::I64, [0, 0]),
    ];
    let settings = [("config.json", r#"{"decoder_start_token_id": 4}"#)];
    let fed = feed(&words(&settings), &["the", "cat"], &inputs).unwrap();
    assert_eq!(ints(&fed, "decoder_input_ids"), (vec![2, 1], vec![4, 4]));
    assert_eq!(ints(&fed, "decoder_attention_mask"), (vec![2, 1], vec![1, 1]));
}

#[test]
fn what_cannot_be_fed_is_told() {
    let free = [("input_ids", DType::I64, [0, 0])];
    let check = |tokenizer: &Tokenizer, texts: &[&str], expected: &str| {
        let problem = feed(tokenizer, texts, &free).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    check(&words(&[]), &[], "texts: found 0, expected one or more");
    check(
        &words(&[]),
        &[&"a".repeat(1 << 21)],
        "2097152 bytes is over the limit of 1048576",
    );
    let bytes = Given::folder("gpt2").tokenizer();
    check(&bytes, &["a", ""], "text 2 of 0 bytes, of which no token is made");
}
