//! A variational autoencoder.

use super::Build;
use crate::op::{Binary, Op, Unary};
use crate::{Network, TensorData};

/// Encoder and decoder of fully connected layers around `latent` normal variables (Kingma and
/// Welling 2014), for examples of any `shape` with values from 0 to 1. Its outputs are the
/// reconstruction, the mean and the log variance of the posterior.
pub fn vae(name: &str, shape: &[u64], hidden: u64, latent: u64, seed: u64) -> Network {
    let mut build = Build::new(name, seed);
    let size: u64 = shape.iter().product();
    let input = build.input("input", shape);
    let x = build.flatten("encoder/flatten", input);
    let x = build.linear("encoder/linear", x, size, hidden);
    let x = build.unary("encoder/relu", "Relu", Unary::Relu, x);
    let mean = build.linear("encoder/mean", x, hidden, latent);
    let variance = build.linear("encoder/log_variance", x, hidden, latent);
    // The reparameterisation trick: mean + exp(log variance / 2) * noise.
    let noise = Op::Other {
        name: "RandomNormalLike".into(),
        domain: String::new(),
    };
    let noise = build.op("sample/noise", "RandomNormalLike", noise, &[mean], &[]);
    let half = build.fixed("sample/half", TensorData::from_f32(&[], &[0.5]));
    let binary = |kind| Op::Binary(kind);
    let x = build.op(
        "sample/halved",
        "Mul",
        binary(Binary::Mul),
        &[variance, half],
        &[],
    );
    let x = build.unary("sample/deviation", "Exp", Unary::Exp, x);
    let x = build.op("sample/scaled", "Mul", binary(Binary::Mul), &[x, noise], &[]);
    let x = build.op("sample/latent", "Add", binary(Binary::Add), &[mean, x], &[]);
    let x = build.linear("decoder/linear", x, latent, hidden);
    let x = build.unary("decoder/relu", "Relu", Unary::Relu, x);
    let mut x = build.linear("decoder/output", x, hidden, size);
    if shape.len() != 1 {
        let sizes: Vec<i64> = [-1].into_iter().chain(shape.iter().map(|&d| d as i64)).collect();
        let sizes = build.ints("decoder/shape", &sizes);
        let op = Op::Reshape {
            shape: None,
            allow_zero: false,
        };
        x = build.op("decoder/reshape", "Reshape", op, &[x, sizes], &[]);
    }
    let x = build.unary("decoder/sigmoid", "Sigmoid", Unary::Sigmoid, x);
    build.finish(&[x, mean, variance])
}
