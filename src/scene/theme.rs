//! Colours, all linear RGB.

use session::Mark;
use session::hues::{self, Family};

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

    /// True for the light one.
    fn light(self) -> bool {
        self == Theme::Light
    }

    /// What differs between networks.
    pub(crate) fn mark(self, mark: Mark) -> [f32; 3] {
        linear(mark.hue(self.light()))
    }

    /// A link.
    pub fn link(self, skip: bool, chosen: bool) -> [f32; 4] {
        let [r, g, b] = linear(match (chosen, skip, self) {
            (true, ..) => hues::chosen(self.light()),
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

/// The colour of an operator, that of its family.
pub fn family_color(kind: &str, theme: Theme) -> [f32; 3] {
    hue(hues::family(kind), theme)
}

/// The colour of a family of operators.
pub(crate) fn hue(family: &Family, theme: Theme) -> [f32; 3] {
    let color = linear(family.hue);
    match theme {
        Theme::Dark => color,
        Theme::Light => color.map(|c| c * 0.75),
    }
}
