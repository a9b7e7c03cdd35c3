//! A multilayer perceptron.

use super::Build;
use crate::Network;
use crate::op::Unary;

/// Fully connected layers with rectifiers between them, for examples of any `shape`. `dropout` is the
/// share of hidden values that fall away while it learns; 0 leaves the operator out.
pub fn mlp(name: &str, shape: &[u64], hidden: &[u64], outputs: u64, dropout: f32, seed: u64) -> Network {
    let mut build = Build::new(name, seed);
    let mut x = build.input("input", shape);
    if shape.len() != 1 {
        x = build.flatten("flatten", x);
    }
    let mut from: u64 = shape.iter().product();
    for (i, &to) in hidden.iter().enumerate() {
        let at = format!("hidden{}", i + 1);
        x = build.linear(&format!("{at}/linear"), x, from, to);
        x = build.unary(&format!("{at}/relu"), "Relu", Unary::Relu, x);
        if dropout > 0.0 {
            x = build.dropout(&format!("{at}/dropout"), x, dropout);
        }
        from = to;
    }
    let x = build.linear("output", x, from, outputs);
    build.finish(&[x])
}
