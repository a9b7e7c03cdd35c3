//! Quantities of the demo's layers against numbers worked out by hand.

use layout::{Arrangement, Node};
use session::{Command, Quantity, Session, Source};

fn demo() -> Session {
    let mut session = Session::new();
    session.apply(Command::Open(Source::Bundled("fashion-mnist".into())));
    session.wait();
    session
}

fn value(session: &Session, name: &str, quantity: Quantity) -> Option<f64> {
    let document = session.document.as_ref().unwrap();
    let node = document.find(name).unwrap();
    document.amounts(quantity).get(node)
}

#[test]
fn a_convolution_costs_what_its_shapes_say() {
    let session = demo();
    let document = session.document.as_ref().unwrap();
    let of = |q| value(&session, "block1/conv1", q).unwrap();
    let layer = document.network.layer_named("block1/conv1").unwrap();
    let layer = document.network.layer(layer);
    let size = |t: Option<model::TensorId>| -> Vec<u64> {
        let spec = &document.network.tensor(t.unwrap()).spec;
        spec.shape(&document.bindings).unwrap()
    };
    let (x, w, y) = (
        size(layer.inputs[0]),
        size(layer.inputs[1]),
        size(layer.outputs[0]),
    );
    let product = |s: &[u64]| s.iter().product::<u64>() as f64;
    let bias = if layer.inputs.len() > 2 { w[0] as f64 } else { 0.0 };
    assert_eq!(of(Quantity::Parameters), product(&w) + bias);
    let flops = 2.0 * product(&y) * product(&w[1..]) + if bias > 0.0 { product(&y) } else { 0.0 };
    assert_eq!(of(Quantity::Flops), flops);
    assert_eq!(of(Quantity::Weights), 4.0 * (product(&w) + bias));
    assert_eq!(of(Quantity::Activations), 4.0 * product(&y));
    let moved = 4.0 * (product(&x) + product(&w) + bias + product(&y));
    assert!((of(Quantity::Intensity) - flops / moved).abs() < 1e-9);
    assert!(of(Quantity::Time) > 0.0);
}

#[test]
fn shares_add_up_and_scopes_are_sums_of_their_layers() {
    let session = demo();
    let document = session.document.as_ref().unwrap();
    for quantity in Quantity::all() {
        let amounts = document.amounts(quantity);
        let layers = document.network.main().layers.iter();
        let inside = |path: &'static str| move |name: &str| name.starts_with(path);
        let known: Vec<(String, f64)> = layers
            .filter_map(|l| {
                let name = document.network.layer(*l).name.clone();
                Some((name, amounts.get(Node::Layer(*l))?))
            })
            .collect();
        if quantity.adds() {
            let scope = document.scope("block1").unwrap();
            let own = known.iter().filter(|(n, _)| inside("block1/")(n)).map(|(_, v)| v);
            let sum: f64 = own.sum();
            let found = amounts.get(Node::Scope(scope)).unwrap();
            assert!((found - sum).abs() <= 1e-9 * sum, "{quantity:?} {found} {sum}");
            let all: f64 = known.iter().map(|(_, v)| v).sum();
            assert!((amounts.total.unwrap() - all).abs() <= 1e-9 * all, "{quantity:?}");
        }
    }
    // Half of what a rectifier writes is about zero, and never less than what it cuts off.
    let relu = value(&session, "block1/relu1", Quantity::Sparsity).unwrap();
    let trace = document.trace.as_ref().unwrap();
    let layer = document.network.layer_named("block1/relu1").unwrap();
    let output = document.network.layer(layer).outputs[0].unwrap();
    let values = trace.tensors[&output].host().unwrap();
    let zeros = values.iter().filter(|v| **v == 0.0).count() as f64 / values.len() as f64;
    assert!(zeros > 0.05 && (relu - zeros).abs() < 1e-6, "{relu} {zeros}");
}

#[test]
fn without_a_pass_what_it_tells_is_not_known() {
    let mut session = demo();
    session.apply(Command::Size(Some(Quantity::Sparsity)));
    let sized = session.layout().unwrap().clone();
    let document = session.document.as_ref().unwrap();
    let conv = document.find("block1/conv1").unwrap();
    assert!(document.told(Quantity::Parameters, conv).unwrap().ends_with("%)"));
    // Only structure: a network without weights.
    let bare = r#"{"layers":[{"name":"in","type":"input","shape":[1,8]},{"name":"d","type":"dense","units":4}],
        "connections":[{"from":"in","to":"d"}]}"#;
    session.apply(Command::Open(Source::Bytes {
        name: "bare.json".into(),
        bytes: bare.as_bytes().to_vec().into(),
    }));
    session.wait();
    assert_eq!(value(&session, "d", Quantity::Time), None);
    assert_eq!(value(&session, "d", Quantity::Sparsity), None);
    assert_eq!(value(&session, "d", Quantity::Parameters), Some(36.0));
    assert!(!std::sync::Arc::ptr_eq(&sized, session.layout().unwrap()));
}

#[test]
fn size_and_colour_are_undone_and_written_in_tours() {
    let mut session = demo();
    for arrangement in Arrangement::ALL {
        session.apply(Command::Arrange(arrangement));
        let plain = session.layout().unwrap().clone();
        session.apply(Command::Size(Some(Quantity::Parameters)));
        let sized = session.layout().unwrap().clone();
        assert_ne!(plain.volumes, sized.volumes, "{arrangement:?}");
        // More parameters, more space, and nothing vanishes.
        let amounts = session.document.as_ref().unwrap().amounts(Quantity::Parameters);
        let mut by: Vec<(f64, f32)> = sized
            .volumes
            .iter()
            .map(|v| (amounts.get(v.node).unwrap_or(0.0), v.size.x * v.size.y * v.size.z))
            .collect();
        by.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert!(
            by.windows(2).all(|w| w[0].1 <= w[1].1 * 1.0001),
            "{arrangement:?} {by:?}"
        );
        assert!(by[0].1 > 0.0);
        session.apply(Command::Undo);
        assert_eq!(plain.volumes, session.layout().unwrap().volumes);
    }
    session.apply(Command::Color(Some(Quantity::Flops)));
    assert_eq!(session.state.color, Some(Quantity::Flops));
    session.apply(Command::Undo);
    assert_eq!(session.state.color, None);
    let text = ron::to_string(&Command::Color(Some(Quantity::Time))).unwrap();
    assert_eq!(text, "Color(Some(Time))");
}
