//! A classifier of pictures.

use super::Build;
use crate::op::{Binary, Op, Unary, Variadic};
use crate::{Network, TensorId};

/// A small residual CNN with batch normalisation (He et al. 2015) for square images: a stem of
/// `width` channels, then blocks of 2 and 4 times as many, each halving the image, global
/// average pooling and a classifier. Weights are drawn as He et al. 2015 (normal, fan in) from `seed`.
pub fn residual_cnn(name: &str, channels: u64, size: u64, classes: u64, width: u64, seed: u64) -> Network {
    residual(name, [channels, size, size], classes, width, true, seed)
}

/// [`residual_cnn`] for images of `shape` `[channels, size, size]`; without `norm` each normalisation
/// is a bias, to see what normalisation does.
pub fn residual(name: &str, shape: [u64; 3], classes: u64, width: u64, norm: bool, seed: u64) -> Network {
    let mut build = Build::new(name, seed);
    let input = build.input("image", &shape);
    let x = build.conv("stem/conv", input, shape[0], width, 3, 1);
    let x = shifted(&mut build, "stem", "norm", x, width, norm);
    let mut x = build.op("stem/relu", "Relu", Op::Unary(Unary::Relu), &[x], &[]);
    let mut from = width;
    for (i, to) in [2 * width, 4 * width].into_iter().enumerate() {
        x = block(&mut build, &format!("block{}", i + 1), x, [from, to], norm);
        from = to;
    }
    let x = build.op("head/pool", "GlobalAveragePool", Op::GlobalAveragePool, &[x], &[]);
    let x = build.flatten("head/flatten", x);
    let weight = build.normal(
        "head/classifier.weight",
        &[classes, from],
        (1.0 / from as f64).sqrt(),
    );
    let bias = build.constant("head/classifier.bias", &[classes], 0.0);
    let x = build.gemm("head/classifier", x, weight, bias);
    build.finish(&[x])
}

/// A normalisation called `part`, or a bias in its place.
fn shifted(build: &mut Build, scope: &str, part: &str, x: TensorId, channels: u64, norm: bool) -> TensorId {
    if norm {
        return build.norm(&format!("{scope}/{part}"), x, channels);
    }
    let name = format!("{scope}/{}", part.replace("norm", "shift"));
    let bias = build.constant(&format!("{name}.bias"), &[channels, 1, 1], 0.0);
    build.op(&name, "Add", Op::Binary(Binary::Add), &[x, bias], &[])
}

/// Two 3 x 3 convolutions beside a 1 x 1 projection; the image is halved.
fn block(build: &mut Build, name: &str, x: TensorId, [from, to]: [u64; 2], norm: bool) -> TensorId {
    let relu = || Op::Unary(Unary::Relu);
    let y = build.conv(&format!("{name}/conv1"), x, from, to, 3, 2);
    let y = shifted(build, name, "norm1", y, to, norm);
    let y = build.op(&format!("{name}/relu1"), "Relu", relu(), &[y], &[]);
    let y = build.conv(&format!("{name}/conv2"), y, to, to, 3, 1);
    let y = shifted(build, name, "norm2", y, to, norm);
    let skip = build.conv(&format!("{name}/skip"), x, from, to, 1, 2);
    let skip = shifted(build, name, "skip_norm", skip, to, norm);
    let sum = build.op(
        &format!("{name}/sum"),
        "Sum",
        Op::Variadic(Variadic::Sum),
        &[y, skip],
        &[],
    );
    build.op(&format!("{name}/relu2"), "Relu", relu(), &[sum], &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_normalisation_there_are_biases_in_its_place() {
        let [with, without] = [true, false].map(|norm| residual("net", [1, 28, 28], 10, 4, norm, 7));
        let count = |network: &Network, wanted: &str| {
            let kinds = network.layers.iter().filter(|l| l.kind == wanted);
            kinds.count()
        };
        assert_eq!((count(&with, "BatchNormalization"), count(&with, "Add")), (7, 0));
        assert_eq!(
            (count(&without, "BatchNormalization"), count(&without, "Add")),
            (0, 7)
        );
        assert_eq!(without.warnings, Vec::<String>::new());
        assert_eq!(with.layers.len(), without.layers.len());
    }

    #[test]
    fn the_residual_cnn_has_the_sizes_it_should() {
        let network = residual_cnn("demo", 1, 28, 10, 16, 7);
        assert_eq!(network.warnings, Vec::<String>::new());
        let cost = crate::cost(&network, &crate::Bindings::from([("N".into(), 1)]));
        let conv = 9 * 16 + (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32) + (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64);
        let norms = 2 * (16 + 3 * 32 + 3 * 64);
        assert_eq!(cost.total.parameters, conv + norms + 64 * 10 + 10);
        assert_eq!(cost.total.buffers, norms);
        let out = network.main().outputs[0];
        assert_eq!(network.tensor(out).spec.to_string(), "float32 [N, 10]");
        let scopes: Vec<&str> = network.scopes.scopes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(scopes, ["", "stem", "block1", "block2", "head"]);
    }
}
