//! Colours, all linear RGB.

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark blue-grey.
    #[default]
    Dark,
    /// Paper.
    Light,
}

fn linear(hex: u32) -> [f32; 3] {
    [16, 8, 0].map(|shift| {
        let c = (hex >> shift & 0xff) as f32 / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    })
}

impl Theme {
    /// Behind everything.
    pub fn background(self) -> [f32; 3] {
        linear(match self {
            Theme::Dark => 0x14181f,
            Theme::Light => 0xf4f5f7,
        })
    }

    /// sRGB of text: strong and faint.
    pub fn text(self) -> [[u8; 3]; 2] {
        match self {
            Theme::Dark => [[0xe6, 0xea, 0xf0], [0x9a, 0xa5, 0xb4]],
            Theme::Light => [[0x1c, 0x22, 0x2b], [0x5c, 0x66, 0x75]],
        }
    }

    /// `color` as a ground on which this theme's text is legible.
    pub fn ground(self, color: [f32; 3]) -> [f32; 3] {
        let paper = self.background();
        let share = match self {
            Theme::Dark => 0.28,
            Theme::Light => 0.45,
        };
        std::array::from_fn(|i| paper[i] + (color[i] - paper[i]) * share)
    }

    /// What is added (0), removed (1) or changed (2) between networks.
    pub(crate) fn mark(self, kind: usize) -> [f32; 3] {
        linear(match self {
            Theme::Dark => [0x3fc28f, 0xf0705a, 0xf2b234][kind],
            Theme::Light => [0x0f8a5f, 0xc8432c, 0xa96f00][kind],
        })
    }

    /// A link.
    pub fn link(self, skip: bool, chosen: bool) -> [f32; 4] {
        let [r, g, b] = linear(match (chosen, skip, self) {
            (true, _, Theme::Dark) => 0xffd257,
            (true, _, Theme::Light) => 0xc98600,
            (_, true, Theme::Dark) => 0x63b4d4,
            (_, true, Theme::Light) => 0x2f7f9e,
            (_, false, Theme::Dark) => 0x8592a3,
            (_, false, Theme::Light) => 0x5f6a78,
        });
        [r, g, b, 0.9]
    }

    /// A link of the residual stream.
    pub fn stream(self) -> [f32; 4] {
        let [r, g, b] = linear(match self {
            Theme::Dark => 0x8fd0ea,
            Theme::Light => 0x1f6c8c,
        });
        [r, g, b, 0.95]
    }

    /// A pulse on a link.
    pub fn pulse(self) -> [f32; 4] {
        let [r, g, b] = linear(match self {
            Theme::Dark => 0xfff2c8,
            Theme::Light => 0xd96a00,
        });
        [r, g, b, 1.0]
    }
}

/// A calm colour for each family of operators (Okabe and Ito's colour-blind safe hues, softened).
pub fn family_color(kind: &str, theme: Theme) -> [f32; 3] {
    let kind = kind.to_ascii_lowercase();
    let is = |names: &[&str]| names.iter().any(|n| kind.contains(n));
    let hex = if is(&["input", "output"]) {
        0xaab4c2
    } else if is(&["conv"]) {
        0x5b9bd5
    } else if is(&["norm", "lrn"]) {
        0x7d8fa3
    } else if is(&["pool", "resize", "upsample"]) {
        0xb48ac9
    } else if is(&[
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
    ]) {
        0xe0995e
    } else if is(&["add", "concat", "sum", "mul", "sub", "div"]) {
        0x56b8a6
    } else if is(&[
        "relu", "sigmoid", "tanh", "softmax", "elu", "clip", "erf", "swish",
    ]) {
        0x8fbc6b
    } else if is(&["block", "stage", "module", "scope", "repeat"]) {
        0xd9b45b
    } else {
        0x8a93a0
    };
    let color = linear(hex);
    match theme {
        Theme::Dark => color,
        Theme::Light => color.map(|c| c * 0.75),
    }
}
