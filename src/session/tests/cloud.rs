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
