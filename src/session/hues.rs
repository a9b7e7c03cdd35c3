//! Colours that mean the same in the scene and in every panel, sRGB as `0xrrggbb`.

use crate::Mark;

/// What is chosen: a link in the scene, a bar in a chart.
pub fn chosen(light: bool) -> u32 {
    if light { 0xc98600 } else { 0xffd257 }
}

impl Mark {
    /// Its colour: hues that differ for colour-blind eyes too. A sign goes with it.
    pub fn hue(self, light: bool) -> u32 {
        match (self, light) {
            (Mark::Added, false) => 0x3fc28f,
            (Mark::Added, true) => 0x0f8a5f,
            (Mark::Removed, false) => 0xf0705a,
            (Mark::Removed, true) => 0xc8432c,
            (Mark::Changed(_), false) => 0xf2b234,
            (Mark::Changed(_), true) => 0xa96f00,
        }
    }
}

/// Colours of runs in charts, in turn: hues that differ for colour-blind eyes too, softened.
const RUNS: [u32; 10] = [
    0x5fa8e6, 0xe8a33d, 0x45b795, 0xd97fb0, 0xa99be8, 0xe0704f, 0x9fb84a, 0x4cc3d4, 0xc9b06b, 0xa3adba,
];

/// Colour of the runs of group `group`. On light paper it is darker.
pub fn run(group: usize, light: bool) -> u32 {
    let hue = RUNS[group % RUNS.len()];
    let part = |shift: u32| (hue >> shift) & 0xff;
    let ink = |c: u32| if light { c * 7 / 10 } else { c };
    ink(part(16)) << 16 | ink(part(8)) << 8 | ink(part(0))
}

/// A family of operators.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// What they do.
    pub name: &'static str,
    /// Parts of their names, in lower case.
    kinds: &'static [&'static str],
    /// Calm colours, Okabe and Ito's colour-blind safe hues, softened; a light theme darkens them.
    pub hue: u32,
}

/// The families; the first that fits counts, and the last one fits all.
pub static FAMILIES: [Family; 9] = [
    Family {
        name: "input and output",
        kinds: &["input", "output"],
        hue: 0xaab4c2,
    },
    Family {
        name: "convolution",
        kinds: &["conv"],
        hue: 0x5b9bd5,
    },
    Family {
        name: "normalization",
        kinds: &["norm", "lrn"],
        hue: 0x7d8fa3,
    },
    Family {
        name: "pooling and resizing",
        kinds: &["pool", "resize", "upsample"],
        hue: 0xb48ac9,
    },
    Family {
        name: "matrix product",
        kinds: &[
            "gemm",
            "matmul",
            "dense",
            "linear",
            "attention",
            "gather",
            "embedding",
            "mlp",
            "lstm",
            "gru",
            "rnn",
        ],
        hue: 0xe0995e,
    },
    Family {
        name: "arithmetic",
        kinds: &["add", "concat", "sum", "mul", "sub", "div"],
        hue: 0x56b8a6,
    },
    Family {
        name: "activation",
        kinds: &[
            "relu", "sigmoid", "tanh", "softmax", "elu", "clip", "erf", "swish",
        ],
        hue: 0x8fbc6b,
    },
    Family {
        name: "scope",
        kinds: &["block", "stage", "module", "scope", "repeat"],
        hue: 0xd9b45b,
    },
    Family {
        name: "other",
        kinds: &[""],
        hue: 0x8a93a0,
    },
];

/// The family of an operator or of a kind of scope.
pub fn family(kind: &str) -> &'static Family {
    let kind = kind.to_ascii_lowercase();
    let fits = |f: &&Family| f.kinds.iter().any(|k| kind.contains(k));
    FAMILIES.iter().find(fits).unwrap_or(&FAMILIES[8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_family_and_every_family_its_own_hue() {
        let pairs = [
            ("Conv", "convolution"),
            ("BatchNormalization", "normalization"),
            ("MatMul", "matrix product"),
            ("Softmax", "activation"),
            ("residual block", "scope"),
            ("Shape", "other"),
            ("", "other"),
        ];
        for (kind, name) in pairs {
            assert_eq!(family(kind).name, name, "{kind}");
        }
        for (i, a) in FAMILIES.iter().enumerate() {
            assert!(FAMILIES[..i].iter().all(|b| a.hue != b.hue), "{}", a.name);
        }
    }
}
