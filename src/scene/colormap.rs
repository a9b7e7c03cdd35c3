//! The colour maps in plain Rust; `shaders/colormap.wgsl` has the same numbers.

pub use session::colormap::{sequential, srgb};

use session::colormap::mix;

use crate::Theme;

/// The diverging map at `t`: blue at 0, the theme's neutral at 0.5, orange at 1; linear RGB.
pub fn diverging(t: f32, theme: Theme) -> [f32; 3] {
    let [neutral, below, above] = match theme {
        Theme::Dark => [[0.024, 0.030, 0.043], [0.107, 0.393, 1.0], [1.0, 0.342, 0.059]],
        Theme::Light => [[0.85, 0.85, 0.83], [0.004, 0.084, 0.393], [0.477, 0.073, 0.0015]],
    };
    let away = (t * 2.0 - 1.0).abs().clamp(0.0, 1.0);
    mix(neutral, if t > 0.5 { above } else { below }, away)
}

#[cfg(test)]
mod tests {
    use session::colormap::STOPS;

    use super::*;

    /// Every triple of numbers in the shader, in order.
    fn shader() -> Vec<[f32; 3]> {
        let text = include_str!("../../shaders/colormap.wgsl");
        let triples = text.split("vec3(").skip(1).filter_map(|rest| {
            let numbers: Vec<f32> = rest
                .split(')')
                .next()?
                .split(',')
                .filter_map(|n| n.trim().parse().ok())
                .collect();
            <[f32; 3]>::try_from(numbers).ok()
        });
        triples.collect()
    }

    #[test]
    fn the_shader_has_the_same_numbers() {
        let found = shader();
        assert_eq!(found[..27], STOPS);
        let ends = [
            diverging(0.5, Theme::Dark),
            diverging(0.5, Theme::Light),
            diverging(0.0, Theme::Dark),
            diverging(0.0, Theme::Light),
            diverging(1.0, Theme::Dark),
            diverging(1.0, Theme::Light),
        ];
        assert_eq!(found[27..].len(), ends.len());
        for (found, end) in found[27..].iter().flatten().zip(ends.iter().flatten()) {
            assert!((found - end).abs() < 1e-6, "{found} {end}");
        }
    }
}
