//! A classifier of pictures.

use super::Build;
use crate::op::{Op, Unary, Variadic};
use crate::{Network, TensorId};

/// A small residual CNN with batch normalisation (He et al. 2015) for square images: a stem of
/// `width` channels, then blocks of 2 and 4 times as many, each halving the image, global
/// average pooling and a classifier. Weights are drawn as He et al. 2015 (normal, fan in) from `seed`.
pub fn residual_cnn(name: &str, channels: u64, size: u64, classes: u64, width: u64, seed: u64) -> Network {
    let mut build = Build::new(name, seed);
    let input = build.input("image", &[channels, size, size]);
    let x = build.conv("stem/conv", input, channels, width, 3, 1);
    let x = build.norm("stem/norm", x, width);
    let mut x = build.op("stem/relu", "Relu", Op::Unary(Unary::Relu), &[x], &[]);
    let mut from = width;
    for (i, to) in [2 * width, 4 * width].into_iter().enumerate() {
        x = block(&mut build, &format!("block{}", i + 1), x, from, to);
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

/// Two 3 x 3 convolutions beside a 1 x 1 projection; the image is halved.
fn block(build: &mut Build, name: &str, x: TensorId, from: u64, to: u64) -> TensorId {
    let relu = || Op::Unary(Unary::Relu);
    let y = build.conv(&format!("{name}/conv1"), x, from, to, 3, 2);
    let y = build.norm(&format!("{name}/norm1"), y, to);
    let y = build.op(&format!("{name}/relu1"), "Relu", relu(), &[y], &[]);
    let y = build.conv(&format!("{name}/conv2"), y, to, to, 3, 1);
    let y = build.norm(&format!("{name}/norm2"), y, to);
    let skip = build.conv(&format!("{name}/skip"), x, from, to, 1, 2);
    let skip = build.norm(&format!("{name}/skip_norm"), skip, to);
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
