//! Clouds of points: from the data set, from tokens, parameters and files.

use session::cloud::{Cloud, Origin, Projection, Wanted};
use session::{Command, Level, Session, Source};

fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

fn project(session: &mut Session, wanted: Wanted) -> &Cloud {
    session.apply(Command::Project(Some(wanted)));
    session.wait_for_cloud();
    session.cloud.as_ref().expect("a cloud")
}

fn errors(session: &Session) -> Vec<String> {
    let of = session.log.iter().filter(|(l, _)| *l == Level::Error);
    of.map(|(_, text)| text.clone()).collect()
}

/// The layer before the answer.
fn pooled(session: &Session) -> String {
    let network = &session.document.as_ref().unwrap().network;
    let layers = &network.main().layers;
    network.layer(layers[layers.len() - 2]).name.clone()
}

#[test]
fn a_layer_makes_a_point_of_each_example() {
    let mut session = demo();
    let layer = pooled(&session);
    let cloud = project(&mut session, Wanted::new(Origin::Layer(layer.clone())));
    assert_eq!((cloud.problem.as_deref(), cloud.stage.as_ref()), (None, None));
    let (subject, places) = (cloud.subject.clone(), cloud.places.clone());
    let samples = subject.examples.clone().unwrap();
    assert_eq!((subject.len(), subject.classes.len()), (samples.len(), 10));
    assert_eq!(places.len(), 3 * samples.len());
    // The point of an example is what the layer makes of it.
    session.apply(Command::Sample(17));
    session.wait();
    let document = session.document.as_ref().unwrap();
    let id = document
        .network
        .layer(document.network.layer_named(&layer).unwrap())
        .outputs[0]
        .unwrap();
    let found = document.trace.as_ref().unwrap().tensors[&id].host().unwrap();
    let row = &subject.values[17 * subject.width..18 * subject.width];
    assert!(found.iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-4));
    // And its place is that of `embed`, which is compared with scikit-learn.
    let table = embed::Table::new(&subject.values, subject.width).unwrap();
    let pca = embed::Pca::fit(&table, 3, 0).unwrap();
    let expected = pca.project(&table).unwrap();
    assert!(
        expected
            .iter()
            .zip(places.iter())
            .all(|(a, b)| (a - b).abs() < 1e-3)
    );
    let near = subject.nearest(17, 5, false).unwrap();
    let exact = embed::exact_for(&table, &[17], 5, embed::Metric::Euclidean).unwrap();
    let rows: Vec<u32> = near.iter().map(|n| n.0 as u32).collect();
    assert_eq!(rows, exact.of(0).0);
}

#[test]
fn neighbours_stay_together_and_groups_get_names() {
    let mut session = demo();
    let layer = pooled(&session);
    let mut wanted = Wanted::new(Origin::Layer(layer));
    (wanted.projection, wanted.dimensions) = (Projection::Umap, 2);
    let cloud = project(&mut session, wanted.clone());
    let [trust, recall] = cloud.quality.expect("few enough points");
    assert!(trust > 0.9 && recall > 0.2, "{trust} {recall}");
    assert!(cloud.places.iter().all(|v| v.is_finite()));
    assert_eq!(cloud.clusters.len(), cloud.subject.len());
    let name = cloud.cluster_names.first().expect("a group");
    assert!(
        cloud.subject.classes.iter().any(|c| name.starts_with(c.as_str())),
        "{name}"
    );
    // Another question about the same points does not run them again, and t-SNE ends too.
    let points = cloud.subject.clone();
    (wanted.projection, wanted.neighbours) = (Projection::Tsne, 20);
    let cloud = project(&mut session, wanted);
    assert!(std::sync::Arc::ptr_eq(&points, &cloud.subject));
    assert!(cloud.quality.unwrap()[0] > 0.9);
    // It is taken away.
    session.apply(Command::Project(None));
    session.wait_for_cloud();
    assert!(session.cloud.is_none());
}

#[test]
fn rows_of_a_parameter_are_points() {
    let mut session = demo();
    let network = &session.document.as_ref().unwrap().network;
    let found = network.tensors.iter().find(|t| {
        let data = t.data.as_ref().map(|d| d.shape.clone());
        data.is_some_and(|s| s.len() == 2 && s[0] == 10)
    });
    let name = found.expect("the weights of ten classes").name.clone();
    let cloud = project(&mut session, Wanted::new(Origin::Parameter(name)));
    assert_eq!(cloud.subject.len(), 10);
    assert_eq!(cloud.subject.name(9), "Ankle boot");
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let mut session = demo();
    let of = |session: &mut Session, text: &str| {
        let source = Source::Bytes {
            name: "points.csv".into(),
            bytes: text.as_bytes().to_vec().into(),
        };
        let cloud = project(session, Wanted::new(Origin::File(source)));
        (cloud.problem.clone().unwrap_or_default(), cloud.places.len())
    };
    for (text, wanted) in [
        ("a,b\n1,2\n3,\n5,6\n", "NaN in row 1, column 1"),
        ("1,2\n", "expected at least 2 rows"),
        ("word\nx\n", "columns of numbers"),
    ] {
        let (problem, _) = of(&mut session, text);
        assert!(problem.contains(wanted), "{problem}");
    }
    // Identical points stand on one place.
    let (problem, places) = of(&mut session, "1,2\n1,2\n1,2\n");
    assert_eq!((problem.as_str(), places), ("", 9));
    for (origin, wanted) in [
        (Origin::Layer("nothing".into()), "there is no layer"),
        (Origin::Tokens(pooled(&session)), "no text"),
        (Origin::Parameter("nothing".into()), "there is no tensor"),
    ] {
        session.apply(Command::Project(Some(Wanted::new(origin))));
        session.wait_for_cloud();
        let told = errors(&session).pop().unwrap();
        assert!(told.contains(wanted), "{told}");
    }
    let wanted = Wanted {
        dimensions: 4,
        ..Wanted::new(Origin::Layer(pooled(&session)))
    };
    session.apply(Command::Project(Some(wanted)));
    assert!(errors(&session).pop().unwrap().contains("2 or 3"));
}

/// Two groups of five along a line of three dimensions, with heading.
fn table() -> Origin {
    let mut text = "a,b,c,kind\n".to_string();
    for i in 0..10 {
        let (side, kind) = if i < 5 { (0.0, "left") } else { (8.0, "right") };
        let k = (i % 5) as f32;
        text += &format!("{},{},{},{kind}\n", side + 0.1 * k, k, 2.0 * side - 0.3 * k);
    }
    Origin::File(Source::Bytes {
        name: "t.csv".into(),
        bytes: text.into_bytes().into(),
    })
}

#[test]
fn axes_are_the_columns_themselves() {
    let mut session = Session::new();
    let mut wanted = Wanted::new(table());
    (wanted.projection, wanted.dimensions, wanted.axes) = (Projection::Axes, 2, [2, 0, 1]);
    let cloud = project(&mut session, wanted.clone());
    assert_eq!(cloud.axes, ["c", "a"]);
    let expected = cloud
        .subject
        .values
        .chunks_exact(3)
        .flat_map(|row| [row[2], row[0]]);
    assert!(cloud.places.iter().copied().eq(expected));
    wanted.axes = [0, 1, 7];
    wanted.dimensions = 3;
    let told = project(&mut session, wanted).problem.clone().unwrap();
    assert!(
        told.contains("no dimension 7") && told.contains("have 3"),
        "{told}"
    );
}

#[test]
fn a_direction_leads_from_the_chosen_points_to_the_rest() {
    let mut session = Session::new();
    let mut wanted = Wanted::new(table());
    wanted.projection = Projection::Direction;
    wanted.group = (0..5).collect();
    let cloud = project(&mut session, wanted.clone());
    assert_eq!((cloud.problem.as_deref(), cloud.axes.len()), (None, 3));
    // The mean of the chosen ones is at 0, that of the rest as far as both means are apart.
    let mean = |from: usize| (from..from + 5).map(|i| cloud.places[3 * i]).sum::<f32>() / 5.0;
    let apart = (8.0f32 * 8.0 + 16.0 * 16.0).sqrt();
    assert!(
        mean(0).abs() < 1e-4 && (mean(5) - apart).abs() < 1e-3,
        "{} {}",
        mean(0),
        mean(5)
    );
    // What is left does not tell the groups apart.
    let second = |from: usize| (from..from + 5).map(|i| cloud.places[3 * i + 1]).sum::<f32>() / 5.0;
    assert!((second(0) - second(5)).abs() < 1e-3);
    for (group, expected) in [
        (vec![], "0 of 10 are chosen"),
        ((0..10).collect(), "10 of 10"),
        (vec![12], "no point 12"),
    ] {
        wanted.group = group.into();
        let told = project(&mut session, wanted.clone()).problem.clone().unwrap();
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn kmeans_finds_groups_and_calls_them_by_what_they_are() {
    let mut session = Session::new();
    session.apply(Command::Group(2));
    assert!(errors(&session).pop().unwrap().contains("no points to group"));
    project(&mut session, Wanted::new(table()));
    let group = |session: &mut Session, count: usize| {
        session.apply(Command::Group(count));
        session.wait_for_cloud();
        session.cloud.as_ref().unwrap().kmeans.clone()
    };
    let found = group(&mut session, 2).unwrap();
    assert_eq!((found.clusters, found.of.len(), found.names.len()), (2, 10, 2));
    let mut names = found.names.clone();
    names.sort();
    assert_eq!(names, ["left (100 %)", "right (100 %)"]);
    let expected = |i: usize| if i < 5 { "left (100 %)" } else { "right (100 %)" };
    assert!((0..10).all(|i| found.names[found.of[i].unwrap() as usize] == expected(i)));
    let cloud = session.cloud.as_ref().unwrap();
    assert!(cloud.stage.is_none() && !cloud.places.is_empty() && cloud.explained.len() == 3);
    // Another projection keeps the groups; another number finds others; the sum of squares shrinks.
    let mut wanted = cloud.wanted.clone();
    wanted.projection = Projection::Axes;
    assert_eq!(project(&mut session, wanted).kmeans, Some(found.clone()));
    let more = group(&mut session, 4).unwrap();
    assert!(more.inertia < found.inertia && more.version != found.version);
    for count in [0, 11] {
        group(&mut session, count);
        let told = errors(&session).pop().unwrap();
        assert!(told.contains("1 to 10 are expected"), "{told}");
    }
    // Without classes and names a group is called by the dimension that tells it.
    let text = "size,weight\n1,5\n1.1,5\n9,5.1\n9.1,5\n";
    let source = Source::Bytes {
        name: "t.csv".into(),
        bytes: text.as_bytes().to_vec().into(),
    };
    project(&mut session, Wanted::new(Origin::File(source)));
    let mut names = group(&mut session, 2).unwrap().names;
    names.sort();
    assert_eq!(names, ["high size", "low size"]);
}

#[test]
fn what_is_to_c_as_a_is_to_b() {
    let mut session = Session::new();
    let text = "word\tx\ty\nking\t5\t1\nman\t1\t1\nwoman\t1\t4\nqueen\t5\t4.1\nmat\t-3\t0\n";
    let source = Source::Bytes {
        name: "words.tsv".into(),
        bytes: text.as_bytes().to_vec().into(),
    };
    let cloud = project(&mut session, Wanted::new(Origin::File(source)));
    let terms = [(0, 1.0), (1, -1.0), (2, 1.0)];
    let near = cloud.subject.combine(&terms, 8, false).unwrap();
    assert_eq!(cloud.subject.name(near[0].0), "queen");
    assert!((near[0].1 - 0.1).abs() < 1e-5);
    // Those that are summed are no answer, and there are no more than there are.
    assert_eq!(near.iter().map(|n| n.0).collect::<Vec<_>>(), [3, 4]);
    let cosine = cloud.subject.combine(&terms, 1, true).unwrap();
    assert_eq!((cosine.len(), cosine[0].0), (1, 3));
    let told = cloud
        .subject
        .combine(&[(0, 1.0), (0, -1.0)], 1, true)
        .unwrap_err();
    assert!(told.contains("no direction"), "{told}");
    assert!(
        cloud
            .subject
            .combine(&[(9, 1.0)], 1, false)
            .unwrap_err()
            .contains("no point 9")
    );
}

#[test]
fn predictions_tell_loss_and_entropy() {
    let mut session = demo();
    for _ in 0..2000 {
        session.update(0.01);
        session.wait();
        let known = &session.document.as_ref().unwrap().predictions;
        if known.first().is_some_and(|p| p.guesses.len() >= 10) {
            break;
        }
    }
    let document = session.document.as_ref().unwrap();
    let samples = document.samples.as_ref().unwrap();
    let guesses = &document.predictions[0].guesses;
    assert!(guesses.len() >= 10);
    for (guess, label) in guesses.iter().zip(&samples.labels) {
        let most = (samples.classes.len() as f32).ln() + 1e-4;
        assert!(
            (0.0..=most).contains(&guess.entropy) && guess.loss >= 0.0,
            "{guess:?}"
        );
        if guess.class == usize::from(*label) {
            assert!((guess.loss + guess.probability.ln()).abs() < 1e-4, "{guess:?}");
        } else {
            assert!(guess.loss > std::f32::consts::LN_2 - 1e-4, "{guess:?}");
        }
    }
}

/// Points of a layer are those of the weights on show: scrubbing the timeline moves them to where the network
/// had them at that step, and back.
#[test]
fn points_follow_the_weights_of_the_timeline() {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session.apply(Command::History(Some(Source::Bundled(
        session::histories::DEMO.into(),
    ))));
    session.wait_for_histories();
    let mut wanted = Wanted::new(Origin::Layer("head/pool".into()));
    wanted.dimensions = 2;
    session.apply(Command::Project(Some(wanted)));
    session.wait_for_cloud();
    // Distances between points: alignment turns clouds onto each other.
    let distances = |session: &Session| -> Vec<f32> {
        let cloud = session.cloud.as_ref().unwrap();
        assert!(cloud.problem.is_none() && cloud.stage.is_none());
        let at = |i: usize| [cloud.places[2 * i], cloud.places[2 * i + 1]];
        let pairs = (1..cloud.subject.len()).map(|i| (at(i - 1), at(i)));
        pairs.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect()
    };
    let mut at = |step: Option<i64>| {
        let board = session::Board {
            chosen: Some("fashion-mnist".into()),
            moment: step,
            ..session::Board::default()
        };
        session.apply(Command::Board(board.into()));
        for _ in 0..4 {
            session.update(0.01);
            session.wait();
        }
        session.wait_for_cloud();
        distances(&session)
    };
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let (now, first) = (at(None), at(Some(0)));
    let reach = now.iter().copied().fold(0.0, f32::max);
    assert!(apart(&now, &first) > 0.1 * reach);
    assert!(apart(&at(None), &now) < 1e-3 * reach);
}
