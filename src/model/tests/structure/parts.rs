//! Parts, and near misses that are none.

use model::op::{Binary, Unary};
use model::{Network, TensorId};

use crate::build::{Net, count, names};

/// The network of `[1, 4, 8]` that `make` continues.
fn network(make: impl FnOnce(&mut Net, TensorId) -> TensorId) -> Network {
    let (mut net, x) = Net::new(&[1, 4, 8]);
    // A part that is the whole network is not boxed.
    let x = (0..4).fold(x, |x, _| net.unary(Unary::Abs, x));
    let y = make(&mut net, x);
    let y = (0..4).fold(y, |y, _| net.unary(Unary::Abs, y));
    net.done(y)
}

#[track_caller]
fn check(kind: &str, expected: &[&str], make: impl FnOnce(&mut Net, TensorId) -> TensorId) {
    let network = network(make);
    assert_eq!(names(&network, kind), expected);
}

#[test]
fn attention_holds_its_projections() {
    let network = network(|n, x| n.attention(x));
    assert_eq!(names(&network, "attention"), ["attention"]);
    let scope = network
        .scopes
        .scopes
        .iter()
        .find(|s| s.kind == "attention")
        .unwrap();
    // Four projections with their biases, the key's transposition, two products, scale, softmax.
    assert_eq!(scope.layers.len(), 13);
}

#[test]
fn attention_says_where_its_weights_queries_and_keys_are() {
    let network = network(|n, x| n.attention(x));
    let sites = model::attention_sites(&network);
    assert_eq!(sites.len(), 1);
    let kind = |t: Option<TensorId>| {
        let producer = network.tensor(t.unwrap()).producer.unwrap();
        network.layer(producer).kind.clone()
    };
    let site = &sites[0];
    assert_eq!(network.layer(site.layer).outputs[0], site.weights);
    assert_eq!(kind(site.keys), "Transpose");
    assert_eq!(kind(site.weights), "Softmax");
    assert_ne!(site.queries, site.keys);
    assert!(site.name.contains("attention"), "{}", site.name);
}

#[test]
fn near_misses_of_attention() {
    // The softmax of scores from stored weights: a choice of experts.
    check("attention", &[], |n, x| {
        let w = n.stored(&[8, 4], 0.1);
        let scores = n.product(x, w);
        let weights = n.softmax(scores, -1);
        let v = n.linear(x, 8, 8);
        n.product(weights, v)
    });
    // The softmax over queries instead of keys.
    check("attention", &[], |n, x| {
        let k = n.transposed(x);
        let scores = n.product(x, k);
        let weights = n.softmax(scores, 1);
        n.product(weights, x)
    });
    // No softmax between the products.
    check("attention", &[], |n, x| {
        let k = n.transposed(x);
        let scores = n.product(x, k);
        let weights = n.unary(Unary::Sigmoid, scores);
        n.product(weights, x)
    });
    // The weights are projected, not mixed with values.
    check("attention", &[], |n, x| {
        let k = n.transposed(x);
        let scores = n.product(x, k);
        let weights = n.softmax(scores, -1);
        n.linear(weights, 4, 8)
    });
}

#[test]
fn mlps_plain_and_gated() {
    check("MLP", &["MLP"], |n, x| n.mlp(x, 32));
    check("MLP", &["MLP"], |n, x| {
        let (a, b) = (n.linear(x, 8, 32), n.linear(x, 8, 32));
        let s = n.unary(Unary::Sigmoid, a);
        let silu = n.binary(Binary::Mul, a, s);
        let y = n.binary(Binary::Mul, silu, b);
        n.linear(y, 32, 8)
    });
    // Nothing between the projections, or a sum with something else.
    check("MLP", &[], |n, x| {
        let y = n.linear(x, 8, 32);
        n.linear(y, 32, 8)
    });
    check("MLP", &[], |n, x| {
        let (a, b) = (n.linear(x, 8, 8), n.unary(Unary::Exp, x));
        let y = n.unary(Unary::Relu, a);
        let y = n.binary(Binary::Add, y, b);
        n.linear(y, 8, 8)
    });
    // The hidden layer is read elsewhere too.
    check("MLP", &[], |n, x| {
        let h = n.linear(x, 8, 8);
        let y = n.unary(Unary::Relu, h);
        let y = n.linear(y, 8, 8);
        n.binary(Binary::Add, y, h)
    });
}

#[test]
fn normalizations_by_variance_and_by_mean_square() {
    check("normalization", &["LayerNorm"], |n, x| n.norm(x));
    let rms = |square: bool| {
        move |n: &mut Net, x: TensorId| {
            let other = if square { x } else { n.unary(Unary::Exp, x) };
            let square = n.binary(Binary::Mul, x, other);
            let mean = n.mean(square);
            let epsilon = n.number(1e-6);
            let sum = n.binary(Binary::Add, mean, epsilon);
            let root = n.unary(Unary::Sqrt, sum);
            let inverse = n.unary(Unary::Reciprocal, root);
            let y = n.binary(Binary::Mul, x, inverse);
            let gain = n.stored(&[8], 1.0);
            n.binary(Binary::Mul, y, gain)
        }
    };
    check("normalization", &["RMSNorm"], rms(true));
    check("normalization", &[], rms(false));
    // A standard deviation that nothing is divided by.
    check("normalization", &[], |n, x| {
        let mean = n.mean(x);
        let centred = n.binary(Binary::Sub, x, mean);
        let square = n.binary(Binary::Mul, centred, centred);
        let variance = n.mean(square);
        n.unary(Unary::Sqrt, variance)
    });
}

#[test]
fn activations_written_out() {
    let gelu = |own: bool| {
        move |n: &mut Net, x: TensorId| {
            let other = if own { x } else { n.unary(Unary::Exp, x) };
            let (root, one, half) = (n.number(2f32.sqrt()), n.number(1.0), n.number(0.5));
            let y = n.binary(Binary::Div, x, root);
            let y = n.unary(Unary::Erf, y);
            let y = n.binary(Binary::Add, y, one);
            let y = n.binary(Binary::Mul, other, y);
            n.binary(Binary::Mul, y, half)
        }
    };
    check("activation", &["GELU"], gelu(true));
    // A gate: the factor comes from elsewhere.
    check("activation", &["SiLU"], |n, x| {
        let s = n.unary(Unary::Sigmoid, x);
        n.binary(Binary::Mul, x, s)
    });
    check("activation", &[], |n, x| {
        let (a, b) = (n.linear(x, 8, 8), n.linear(x, 8, 8));
        let s = n.unary(Unary::Sigmoid, a);
        n.binary(Binary::Mul, s, b)
    });
}

#[test]
fn blocks_and_the_stream_through_them() {
    let (mut net, mut x) = Net::new(&[1, 4, 8]);
    let mut stream = vec![x];
    for wide in [16, 32] {
        let y = net.norm(x);
        let y = net.attention(y);
        x = net.binary(Binary::Add, x, y);
        stream.push(x);
        let y = net.norm(x);
        let y = net.mlp(y, wide);
        x = net.binary(Binary::Add, x, y);
        stream.push(x);
    }
    let network = net.done(x);
    for (kind, expected) in [
        ("attention", 2),
        ("MLP", 2),
        ("normalization", 4),
        ("residual block", 4),
        ("repeat", 0),
    ] {
        assert_eq!(count(&network, kind), expected, "{kind}");
    }
    assert_eq!(network.stream, stream);
}

/// A step of an LSTM: the state of both, and the output.
fn lstm(n: &mut Net, x: TensorId, (h, c): (TensorId, TensorId)) -> (TensorId, TensorId) {
    let gate = |n: &mut Net, unary| {
        let (w, u) = (n.stored(&[8, 8], 0.1), n.stored(&[8, 8], 0.1));
        let (a, b) = (n.product(x, w), n.product(h, u));
        let sum = n.binary(Binary::Add, a, b);
        n.unary(unary, sum)
    };
    let (i, f) = (gate(n, Unary::Sigmoid), gate(n, Unary::Sigmoid));
    let (o, g) = (gate(n, Unary::Sigmoid), gate(n, Unary::Tanh));
    let (kept, new) = (n.binary(Binary::Mul, f, c), n.binary(Binary::Mul, i, g));
    let c = n.binary(Binary::Add, kept, new);
    let t = n.unary(Unary::Tanh, c);
    (n.binary(Binary::Mul, o, t), c)
}

#[test]
fn an_unrolled_lstm_is_folded() {
    let (mut net, x) = Net::new(&[1, 8]);
    let mut state = (net.input("h", &[1, 8]), net.input("c", &[1, 8]));
    for _ in 0..6 {
        let x = net.unary(Unary::Exp, x);
        state = lstm(&mut net, x, state);
    }
    let network = net.done(state.0);
    assert_eq!(count(&network, "recurrent cell"), 6);
    assert_eq!(names(&network, "repeat"), ["step x 6"]);
}

#[test]
fn a_gru_is_a_cell_and_a_highway_is_none() {
    let gru = |n: &mut Net, x: TensorId, carried: bool| {
        let z = n.linear(x, 8, 8);
        let z = n.unary(Unary::Sigmoid, z);
        let new = n.linear(x, 8, 8);
        let new = n.unary(if carried { Unary::Tanh } else { Unary::Relu }, new);
        let one = n.number(1.0);
        let rest = n.binary(Binary::Sub, one, z);
        let (a, b) = (n.binary(Binary::Mul, rest, new), n.binary(Binary::Mul, z, x));
        n.binary(Binary::Add, a, b)
    };
    check("recurrent cell", &["GRU cell"], |n, x| gru(n, x, true));
    check("recurrent cell", &[], |n, x| gru(n, x, false));
}
