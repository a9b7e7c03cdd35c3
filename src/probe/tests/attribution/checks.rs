//! What stands beside a map: deletion and insertion, and the sanity check.

use super::*;

/// Cells that a good map marks decide: without them the class goes at once, and with them it is there
/// early, compared with cells in a random order.
#[test]
fn what_a_map_marks_matters_to_the_network() {
    let mut subject = fashion(25, Target::default());
    let run = |subject: &mut Subject, map: &Map| {
        let mut curves = Curves::new(subject, map, 28, Baseline::Zero, Baseline::Blurred).unwrap();
        while !curves.finished() {
            get(curves.go(subject, 0.0));
        }
        let (deletion, insertion) = (curves.deletion(), curves.insertion());
        assert_eq!((deletion.points.len(), insertion.points.len()), (29, 29));
        assert!(
            (deletion.points[0][1] - insertion.points[28][1]).abs() < 1e-4,
            "both are the example itself"
        );
        [deletion.area(), insertion.area()]
    };
    let mut random = model::Random::new(&[3]);
    let noise = Map {
        channels: 1,
        height: 28,
        width: 28,
        values: (0..784).map(|_| random.uniform() as f32).collect(),
    };
    let [deleted, inserted] = run(&mut subject, &noise);
    println!("noise: {deleted} {inserted}");
    for id in ["integrated", "occlusion", "rise"] {
        let map = made(&mut subject, id, &Settings::default());
        let [low, high] = run(&mut subject, &map);
        println!("{id}: {low} {high}");
        assert!(
            low < deleted && high > inserted,
            "{id}: {low} {deleted}, {high} {inserted}"
        );
    }
    let other = Map::default();
    assert!(Curves::new(&subject, &other, 28, Baseline::Zero, Baseline::Mean).is_err());
}

/// The gradient's map is another one when the weights are random; that of guided backpropagation keeps
/// much of what it shows (Adebayo et al. 2018).
#[test]
fn the_sanity_check_tells_maps_of_the_network_from_maps_of_the_picture() {
    let mut subject = fashion(25, Target::default());
    let mut check = |id: &str| {
        let settings = Settings::default();
        let map = made(&mut subject, id, &settings);
        let mut sanity = Sanity::new(&subject, map, method(id).unwrap(), &settings, 1).unwrap();
        assert!(sanity.verdict().is_none());
        while !sanity.finished() {
            get(sanity.go(&subject, 0.0));
        }
        assert_eq!(sanity.stages().len(), sanity.total());
        assert!(sanity.total() > 4, "one stage for each layer with weights");
        for s in sanity.stages() {
            println!(
                "{id} {}: {:.2} {:.2} {:.2}",
                s.name, s.magnitudes, s.signed, s.similarity
            );
        }
        (sanity.stages()[0].clone(), sanity.verdict().unwrap())
    };
    let (gradient, verdict) = check("gradient");
    let (guided, other) = check("guided");
    assert_eq!((verdict, other), (Verdict::Depends, Verdict::Hardly));
    // With the last layer alone random.
    assert!(
        gradient.similarity < 0.3 && guided.similarity > 0.7,
        "{gradient:?} {guided:?}"
    );
}
