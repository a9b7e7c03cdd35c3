//! Questions asked of a session: the answers are those of the rooms below, newer questions replace older
//! ones, and what is about another input or network goes.

use compute::{Device, RunOptions, wait};
use probe::attribution::{self, Baseline, Curves, Sanity, Settings, Subject, Target};
use probe::maximize::{self, Aim, Legal, Maximizer, Objective, TopExamples};
use session::asking::{Line, METHODS, Part, Question, Search};
use session::{Command, Level, Session, Source};

fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

fn ask(session: &mut Session, question: Question) {
    session.apply(Command::Ask(question));
    session.wait_for_answers();
}

fn by(method: &str, element: Option<usize>) -> Question {
    Question::Attribute {
        method: method.into(),
        settings: Default::default(),
        layer: None,
        element,
        text: 0,
    }
}

fn errors(session: &Session) -> Vec<String> {
    let errors = session.log.iter().filter(|(l, _)| *l == Level::Error);
    errors.map(|(_, text)| text.clone()).collect()
}

fn problem(session: &Session, line: Line) -> String {
    let course = session.asked.course(line).expect("it was asked");
    assert!(!course.running && !course.done());
    course.problem.clone().expect("it has a problem")
}

fn get<T, E: std::fmt::Debug>(task: impl Future<Output = Result<T, E>>) -> T {
    wait(task).expect("the processor waits").unwrap()
}

/// The session's input as a subject of its own.
fn subject(session: &Session, element: Option<usize>) -> Subject {
    let document = session.document.as_ref().unwrap();
    let samples = document.samples.as_ref().unwrap();
    let session::Input::Sample(i) = session.state.input else {
        panic!("a sample is expected");
    };
    let how = document.preprocess.as_ref().unwrap();
    let array = data::apply(how, &samples.picture(i)).unwrap();
    let network = &document.source;
    let name = network.tensor(network.main().inputs[0]).name.clone();
    let target = Target {
        tensor: None,
        element,
    };
    let options = RunOptions::default();
    get(Subject::open(
        network,
        vec![(name, array)],
        target,
        &Device::Cpu,
        &options,
    ))
}

#[test]
fn maps_curves_and_checks_are_those_of_the_methods() {
    let mut session = demo();
    for (method, element) in [("gradient", None), ("occlusion", Some(3)), ("rise", None)] {
        ask(&mut session, by(method, element));
        let mut subject = subject(&session, element);
        let method = attribution::method(method).unwrap();
        let wanted = get(attribution::attribute(&mut subject, method, &Settings::default()));
        let found = session.asked.map.as_ref().unwrap();
        assert_eq!(found.map, wanted, "{}", method.id);
        assert_eq!((found.method, found.element), (method.id, subject.element()));
        assert_eq!(found.score, subject.score());
        assert_eq!(found.example.values, subject.example());
        assert!(session.asked.course(Line::Map).unwrap().done());
    }
    ask(&mut session, by("integrated", None));
    ask(&mut session, Question::Curves);
    ask(&mut session, Question::Sanity);
    let mut subject = subject(&session, None);
    let method = attribution::method("integrated").unwrap();
    let settings = Settings::default();
    let map = get(attribution::attribute(&mut subject, method, &settings));
    let mut curves = Curves::new(&subject, &map, 48, Baseline::Zero, Baseline::Blurred).unwrap();
    get(curves.go(&mut subject, f64::INFINITY));
    let found = session.asked.curves.as_ref().unwrap();
    assert_eq!(&found.deletion, curves.deletion());
    assert_eq!(&found.insertion, curves.insertion());
    assert!(found.insertion.area() > found.deletion.area());
    let mut sanity = Sanity::new(&subject, map, method, &settings, 1).unwrap();
    while !sanity.finished() {
        get(sanity.go(&subject, f64::INFINITY));
    }
    let found = session.asked.sanity.as_ref().unwrap();
    assert_eq!((found.verdict, found.total), (sanity.verdict(), sanity.total()));
    let said = |s: &[attribution::Stage]| format!("{s:?}");
    assert_eq!(said(&found.stages), said(sanity.stages()));
    // Another map has neither yet.
    ask(&mut session, by("gradient", None));
    assert!(session.asked.curves.is_none() && session.asked.course(Line::Sanity).is_none());
    assert_eq!(errors(&session), Vec::<String>::new());
}

#[test]
fn every_method_answers_or_says_why_not() {
    let mut session = demo();
    let (layer, element) = (Some("block1/conv1".into()), Some(5));
    ask(
        &mut session,
        Question::Every {
            layer,
            element,
            text: 0,
        },
    );
    let every = &session.asked.every;
    let ids = |of: &[_]| {
        of.iter()
            .map(|m: &&session::asking::Method| m.id)
            .collect::<Vec<_>>()
    };
    let methods: Vec<_> = every.iter().map(|(m, _)| *m).collect();
    assert_eq!(ids(&methods), ids(METHODS));
    for (method, found) in every {
        let found = found.as_ref().unwrap_or_else(|e| panic!("{}: {e}", method.id));
        assert_eq!((found.method, found.element), (method.id, 5));
        assert!(found.map.values.iter().all(|v| v.is_finite()), "{}", method.id);
    }
    assert!(session.asked.course(Line::Every).unwrap().done());
}

#[test]
fn pictures_and_examples_are_those_of_the_search() {
    let mut session = demo();
    let layer = || "block1/conv2".to_string();
    let search = Search {
        steps: 12,
        seed: 3,
        ..Search::default()
    };
    let part = Part::Channel(2);
    let question = Question::Maximize {
        layer: layer(),
        part,
        search,
    };
    ask(&mut session, question);
    ask(&mut session, Question::Examples { layer: layer() });
    assert_eq!(errors(&session), Vec::<String>::new());
    let document = session.document.as_ref().unwrap();
    let network = &document.source;
    let of = network.layer(network.layer_named("block1/conv2").unwrap());
    let tensor = of.outputs[0].unwrap();
    let objective = Objective {
        tensor,
        aim: Aim::Channel(2),
    };
    let settings = maximize::Settings {
        seed: 3,
        ..Default::default()
    };
    let (device, options) = (Device::Cpu, RunOptions::default());
    let made = Maximizer::new(network, objective, Legal::default(), settings, &device, &options);
    let mut maximizer = made.unwrap();
    let history: Vec<Vec<f32>> = (0..12).map(|_| get(maximizer.step()).values).collect();
    let found = session.asked.maximized.as_ref().unwrap();
    assert_eq!(found.history, history);
    assert_eq!(found.pictures, maximizer.pixels());
    assert_eq!(found.now, Some(get(maximizer.values_now())));
    let column = data::fashion_sample().dataset(0.0, 0).inputs.remove(0);
    let picks: Vec<u32> = (0..column.len() as u32).collect();
    let open = TopExamples::open(network, tensor, 6, &column, picks, &device, &options);
    let mut top = get(open);
    get(top.go(&column, f64::INFINITY));
    let examples = session.asked.examples.as_ref().unwrap();
    assert_eq!(examples.channels, top.channels());
    assert_eq!(examples.seen, [column.len(); 2]);
    // No mean over places is above the highest place.
    let (best, mean) = found.best.unwrap();
    assert!(best < column.len() && mean <= top.channels()[2][0].value);
}

#[test]
fn newer_questions_and_inputs_replace_older_ones() {
    let mut session = demo();
    session.apply(Command::Ask(by("rise", None)));
    session.apply(Command::Ask(by("gradient", None)));
    session.wait_for_answers();
    assert_eq!(session.asked.map.as_ref().unwrap().method, "gradient");
    assert!(session.asked.course(Line::Map).unwrap().done());
    ask(
        &mut session,
        Question::Examples {
            layer: "block1/conv1".into(),
        },
    );
    // Undo knows nothing of questions.
    let steps = session.history();
    ask(&mut session, by("occlusion", None));
    assert_eq!(session.history(), steps);
    session.apply(Command::Ask(by("rise", None)));
    session.apply(Command::Sample(4));
    session.wait_for_answers();
    assert!(session.asked.map.is_none() && session.asked.course(Line::Map).is_none());
    assert!(session.asked.examples.is_some(), "they are of the network");
    // What was stopped keeps what it has.
    session.apply(Command::Ask(by("rise", None)));
    session.wait();
    session.apply(Command::Ask(Question::Stop(Line::Map)));
    session.wait_for_answers();
    let course = session.asked.course(Line::Map).unwrap();
    assert!(!course.running && !course.done() && course.problem.is_none());
    assert!(session.asked.map.is_some() && course.progress < 1.0);
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait_for_answers();
    assert!(session.asked.examples.is_none() && session.asked.map.is_none());
    assert_eq!(errors(&session), Vec::<String>::new());
}

#[test]
fn what_cannot_be_answered_is_said_in_its_place() {
    let mut session = Session::new();
    ask(&mut session, by("gradient", None));
    assert!(problem(&session, Line::Map).contains("open a network first"));
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    assert!(session.asked.course(Line::Map).is_none());
    for (question, words) in [
        (by("guess", None), "no method"),
        (by("gradient", Some(99)), "there is no element 99"),
        (Question::Curves, "finished map"),
        (
            Question::Attribute {
                method: "rise".into(),
                settings: [("no such".to_string(), 1.0)].into(),
                layer: None,
                element: None,
                text: 0,
            },
            "not one of",
        ),
        (
            Question::Attribute {
                method: "grad_cam".into(),
                settings: Default::default(),
                layer: Some("fc".into()),
                element: None,
                text: 0,
            },
            "nothing is named",
        ),
        (
            Question::Examples {
                layer: "nowhere".into(),
            },
            "nothing is named",
        ),
        (
            Question::Maximize {
                layer: "block1/conv1".into(),
                part: Part::Channel(999),
                search: Search::default(),
            },
            "no channel 999",
        ),
        (
            Question::Maximize {
                layer: "block1/conv1".into(),
                part: Part::All,
                search: Search {
                    steps: 0,
                    ..Search::default()
                },
            },
            "0 steps",
        ),
    ] {
        let line = question.line();
        ask(&mut session, question.clone());
        let said = problem(&session, line);
        assert!(said.contains(words), "{question:?}: {said}");
        assert!(errors(&session).pop().unwrap().contains(words));
    }
}

#[test]
fn questions_are_data() {
    let search = Search::default();
    let questions = [
        by("rise", Some(2)),
        Question::Maximize {
            layer: "fc".into(),
            part: Part::Element(1),
            search,
        },
        Question::Stop(Line::Examples),
    ];
    for question in questions {
        let command = Command::Ask(question);
        let text = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), command);
    }
}

#[test]
fn layers_are_compared_by_what_they_make_of_the_examples() {
    use session::asking::Alike;
    let mut session = demo();
    let ask = |session: &mut Session, measure| {
        session.apply(Command::Ask(Question::Layers { measure }));
        session.wait_for_answers();
        let course = session.asked.course(Line::Layers).unwrap();
        assert!(course.done(), "{:?}", course.problem);
        session.asked.layers.clone().unwrap()
    };
    let found = ask(&mut session, Alike::Cka);
    let count = found.layers.len();
    assert!(count > 10, "{:?}", found.layers);
    for i in 0..count {
        for j in 0..count {
            let value = found.matrix[i * count + j];
            assert!((-1e-6..=1.0 + 1e-5).contains(&value), "{value}");
            assert_eq!(value, found.matrix[j * count + i]);
        }
        assert!((found.matrix[i * count + i] - 1.0).abs() < 1e-5);
    }
    let mut order = found.order.clone();
    order.sort();
    assert_eq!(order, (0..count).collect::<Vec<_>>());
    assert_eq!(found.merges.len(), count - 1);
    // What the network has learned can be read from its last layers better than from its first.
    let test = |i: usize| found.probes[i].unwrap()[1];
    println!("{:?}", found.layers.iter().zip(&found.probes).collect::<Vec<_>>());
    assert!(
        test(count - 1) > test(0) && test(count - 1) > 0.8,
        "{} {}",
        test(0),
        test(count - 1)
    );
    assert!(found.chance > 0.0 && found.chance < 0.2);

    // The same numbers from passes of their own, through the plain formula.
    let document = session.document.as_ref().unwrap();
    let (a, b) = (count - 1, count - 2);
    let tensor = |layer: usize| {
        let id = document.source.layer_named(&found.layers[layer]).unwrap();
        document.source.layer(id).outputs[0].unwrap()
    };
    let samples = document.samples.as_ref().unwrap();
    let how = document.preprocess.as_ref().unwrap();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..samples.len() {
        let array = model::TensorData::from_f32(&how.shape(), &samples.to_f32(i, how).unwrap());
        let name = document
            .source
            .tensor(document.source.main().inputs[0])
            .name
            .clone();
        let trace = compute::run_cpu(&document.source, &[(name, array)], &Default::default()).unwrap();
        x.extend_from_slice(trace.tensors[&tensor(a)].host().unwrap());
        y.extend_from_slice(trace.tensors[&tensor(b)].host().unwrap());
    }
    let rows = samples.len();
    let table = |v| embed::Table::new(v, v.len() / rows).unwrap();
    let wanted = embed::cka(&table(&x), &table(&y)).unwrap() as f32;
    assert_eq!(
        [x.len(), y.len()],
        [rows * found.widths[a], rows * found.widths[b]]
    );
    let value = found.matrix[a * count + b];
    assert!((value - wanted).abs() < 1e-4, "{value} {wanted}");

    let other = ask(&mut session, Alike::Svcca);
    assert_ne!(other.matrix, found.matrix);
    let wanted = embed::svcca(&table(&x), &table(&y), 0.99).unwrap() as f32;
    assert!((other.matrix[a * count + b] - wanted).abs() < 1e-3);
    // Another input changes nothing of it.
    session.apply(Command::Sample(3));
    session.wait();
    assert!(session.asked.layers.is_some());
}

#[test]
fn layers_without_rows_are_told() {
    let mut session = Session::new();
    session.apply(Command::Ask(Question::Layers {
        measure: Default::default(),
    }));
    assert_eq!(
        problem(&session, Line::Layers),
        "open a network first, then ask about it"
    );
}

#[test]
fn a_layer_is_seen_on_several_examples() {
    let mut session = demo();
    let layer = "block1/relu1";
    let maps = |session: &mut Session, examples: &[usize]| {
        let (layer, examples) = (layer.into(), examples.to_vec());
        ask(session, Question::Maps { layer, examples });
    };
    maps(&mut session, &[4, 1, 150]);
    let found = session.asked.maps.clone().unwrap();
    assert_eq!((&found.examples[..], found.values.len()), (&[4, 1, 150][..], 3));
    for (&example, values) in found.examples.iter().zip(&found.values) {
        session.apply(Command::Sample(example));
        session.wait();
        let document = session.document.as_ref().unwrap();
        let id = document.source.layer_named(layer).unwrap();
        let tensor =
            &document.trace.as_ref().unwrap().tensors[&document.source.layer(id).outputs[0].unwrap()];
        assert_eq!(found.shape[..], tensor.shape[1..]);
        let apart = tensor
            .host()
            .unwrap()
            .iter()
            .zip(values.iter())
            .map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) < 1e-4);
    }
    for (examples, told) in [
        (&[][..], "0 examples were given"),
        (&[1, 5000], "example 5000 of 200"),
    ] {
        maps(&mut session, examples);
        let problem = problem(&session, Line::Maps);
        assert!(problem.contains(told), "{problem}");
    }
}

/// What speaks for the answer about a text: integrated gradients of the vectors of its tokens add up to the
/// difference between the text and no words at all (Sundararajan, Taly and Yan 2017, completeness).
#[test]
fn words_of_a_text_are_explained() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("sentiment".into())));
    session.wait();
    let text = |session: &mut Session, texts: &[&str]| {
        session.apply(Command::Text(texts.iter().map(|t| t.to_string()).collect()));
        session.wait();
    };
    text(
        &mut session,
        &["The food was not good, and the waiter was terrible."],
    );
    ask(&mut session, by("integrated", Some(0)));
    assert_eq!(errors(&session), Vec::<String>::new());
    let found = session.asked.map.clone().unwrap();
    let document = session.document.as_ref().unwrap();
    let tokens = document.tokens.as_ref().unwrap()[0].len();
    assert!(tokens > 9 && found.map.values.len().is_multiple_of(tokens));

    let arrays = match &session.state.input {
        session::Input::Text(texts) => document.feed(texts).unwrap().arrays,
        _ => panic!("a text flows"),
    };
    let (network, mut fed) = attribution::by_vectors(&document.source, &arrays).unwrap();
    let network = std::sync::Arc::new(network);
    let score = |fed: &[(String, model::TensorData)]| {
        let trace = compute::run_cpu(&network, fed, &RunOptions::default()).unwrap();
        trace.tensors[&network.main().outputs[0]].host().unwrap()[0]
    };
    let whole = score(&fed);
    // With vectors instead of tokens it is the same network.
    let output = document.trace.as_ref().unwrap().tensors[&network.main().outputs[0]]
        .host()
        .unwrap()[0];
    assert!((whole - output).abs() < 1e-5 && (found.score - output).abs() < 1e-5);
    let shape: Vec<u64> = fed[0].1.shape.clone();
    fed[0].1 = model::TensorData::from_f32(&shape, &vec![0.0; found.map.values.len()]);
    let (sum, none) = (found.map.values.iter().sum::<f32>(), score(&fed));
    println!("{sum} of {whole} - {none}");
    assert!(
        (sum - (whole - none)).abs() < 0.05 * (whole - none).abs().max(0.1),
        "{sum} {whole} {none}"
    );

    // Of two texts, each as if it were alone.
    let sentence = "The waiter was terrible.";
    let of = |session: &mut Session, at: usize| {
        let mut question = by("gradient_input", Some(0));
        if let Question::Attribute { text, .. } = &mut question {
            *text = at;
        }
        ask(session, question);
        session.asked.map.clone()
    };
    text(&mut session, &[sentence]);
    let alone = of(&mut session, 0).unwrap();
    text(
        &mut session,
        &["Not a long time ago, the food was good here.", sentence],
    );
    let second = of(&mut session, 1).unwrap();
    assert_eq!(second, alone);
    assert!(second.map.values.len().is_multiple_of(second.tokens.len()));
    assert_ne!(of(&mut session, 0).unwrap(), alone);
    of(&mut session, 2);
    let problem = problem(&session, Line::Map);
    assert!(problem.contains("text 2 of 2"), "{problem}");
}

/// A head that is put out is out for whoever asks: what the tokens add sums up to what the network without it
/// answers, less what it answers to no words.
#[test]
fn what_is_put_out_adds_nothing() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("sentiment".into())));
    session.wait();
    session.apply(Command::Text(vec![
        "The food was not good, but the waiter was nice.".into(),
    ]));
    session.wait();
    ask(&mut session, by("integrated", Some(0)));
    let before = session.asked.map.clone().unwrap();

    let document = session.document.as_ref().unwrap();
    let site = &document.attention()[0];
    let (tensor, heads) = (site.weights.unwrap(), document.heads(site, 0).unwrap().heads);
    let layer = document.source.layer(site.layer).name.clone();
    let head = |head| session::Ablated {
        layer: layer.clone(),
        head,
    };
    let heads_of = (0..heads).map(head).collect();
    session.apply(Command::Ablate(heads_of));
    assert!(session.asked.map.is_none(), "an answer about another network");
    session.wait();
    ask(&mut session, by("integrated", Some(0)));
    assert_eq!(errors(&session), Vec::<String>::new());
    let found = session.asked.map.clone().unwrap();
    let document = session.document.as_ref().unwrap();
    let trace = document.trace.as_ref().unwrap();
    let output = document.source.main().outputs[0];
    let answer = trace.tensors[&output].host().unwrap()[0];
    assert!((found.score - answer).abs() < 1e-5, "{} {answer}", found.score);
    assert!((found.score - before.score).abs() > 1e-3);

    let session::Input::Text(texts) = &session.state.input else {
        panic!("a text flows")
    };
    let arrays = document.feed(texts).unwrap().arrays;
    let (network, mut fed) = attribution::by_vectors(&document.source, &arrays).unwrap();
    let shape = fed[0].1.shape.clone();
    fed[0].1 = model::TensorData::from_f32(&shape, &vec![0.0; found.map.values.len()]);
    let options = RunOptions {
        patches: [compute::Patch {
            tensor,
            axis: 1,
            start: 0,
            count: heads,
            every: 0,
            factor: 0.0,
        }]
        .into(),
        ..RunOptions::default()
    };
    let trace = compute::run_cpu(&network.into(), &fed, &options).unwrap();
    let none = trace.tensors[&output].host().unwrap()[0];
    let (sum, whole) = (found.map.values.iter().sum::<f32>(), answer - none);
    println!(
        "{sum} of {whole}, with the heads {}",
        before.map.values.iter().sum::<f32>()
    );
    assert!((sum - whole).abs() < 0.05 * whole.abs().max(0.1), "{sum} {whole}");

    session.apply(Command::Undo);
    session.wait();
    ask(&mut session, by("integrated", Some(0)));
    assert_eq!(session.asked.map.clone().unwrap(), before);
}

/// Filters of a deep layer, followed down to the input: those of the room below.
#[test]
fn filters_are_followed_to_the_input() {
    let mut session = demo();
    let document = session.document.as_ref().unwrap();
    let network = document.source.clone();
    let convolves = |l: &&model::LayerId| matches!(network.layer(**l).op, model::Op::Conv { .. });
    let deep = *network.main().layers.iter().rfind(convolves).unwrap();
    let layer = network.layer(deep).name.clone();
    let project = |session: &mut Session, layer: &str| {
        let layer = layer.into();
        ask(session, Question::Project { layer });
    };
    project(&mut session, &layer);
    assert_eq!(errors(&session), Vec::<String>::new());
    assert!(session.asked.course(Line::Project).unwrap().done());
    let (of, found) = session.asked.projected.clone().unwrap();
    let (device, options) = (Device::Cpu, RunOptions::default());
    let tensor = network.layer(deep).outputs[0].unwrap();
    let mut wanted = probe::Projection::new(&network, tensor, None, &device, &options).unwrap();
    wait(wanted.go(f64::INFINITY)).unwrap().unwrap();
    assert_eq!((of, &*found), (layer, wanted.found()));
    assert_eq!(found.filters.len(), found.channels);

    project(&mut session, "nowhere");
    assert!(problem(&session, Line::Project).contains("nothing is named"));
    assert!(session.asked.projected.is_none());
}

/// The demo as many exporters would have it: one example a pass. Examples go in several at a time all the same,
/// and what comes of them is the same.
#[test]
fn networks_of_one_example_take_several() {
    let onnx = formats::FORMATS.iter().find(|f| f.name == "ONNX").unwrap();
    let bytes = include_bytes!("../../../models/fashion-mnist.onnx");
    let mut network = formats::open_bytes("one.onnx", bytes[..].into(), None).unwrap();
    let input = network.main().inputs[0];
    network.tensors[input.0 as usize].spec.axes.as_mut().unwrap()[0].size = model::Dim::Known(1);
    let mut one = Session::new();
    one.apply(Command::Open(Source::Bytes {
        name: "one.onnx".into(),
        bytes: onnx.write(&network).unwrap().into(),
    }));
    one.wait();
    let mut any = demo();
    let layer = || "block1/conv2".to_string();
    for session in [&mut one, &mut any] {
        let spec = {
            let source = &session.document.as_ref().unwrap().source;
            source.tensor(source.main().inputs[0]).spec.to_string()
        };
        println!("{spec}");
        let examples = (0..14).collect();
        ask(
            session,
            Question::Maps {
                layer: layer(),
                examples,
            },
        );
        let measure = Default::default();
        ask(session, Question::Layers { measure });
        assert_eq!(errors(session), Vec::<String>::new());
    }
    let [a, b] = [&one, &any].map(|s| s.asked.maps.clone().unwrap());
    assert_eq!((a.shape, a.values.len()), (b.shape, 14));
    for (a, b) in a.values.iter().zip(&b.values) {
        assert!(
            a.iter()
                .zip(b.iter())
                .all(|(a, b)| (a - b).abs() < 1e-4 * b.abs().max(1.0))
        );
    }
    let [a, b] = [&one, &any].map(|s| s.asked.layers.clone().unwrap());
    assert_eq!(a.layers, b.layers);
    assert!(
        a.matrix
            .iter()
            .zip(&b.matrix)
            .all(|(a, b)| (a - b).abs() < 1e-4 || a.is_nan() && b.is_nan())
    );
}
