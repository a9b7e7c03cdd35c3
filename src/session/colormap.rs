//! Colour maps in plain Rust, for legends and panels; `shaders/colormap.wgsl` has the same numbers.

/// Viridis, magma and cividis (matplotlib) at nine places, linear RGB.
pub const STOPS: [[f32; 3]; 27] = [
    [0.0580, 0.0004, 0.0887],
    [0.0632, 0.0260, 0.1990],
    [0.0431, 0.0848, 0.2588],
    [0.0252, 0.1697, 0.2716],
    [0.0148, 0.2813, 0.2639],
    [0.0215, 0.4252, 0.2156],
    [0.1123, 0.5852, 0.1212],
    [0.4180, 0.7176, 0.0299],
    [0.9847, 0.7997, 0.0182],
    [0.0001, 0.0000, 0.0011],
    [0.0122, 0.0055, 0.0623],
    [0.0818, 0.0062, 0.2008],
    [0.2261, 0.0192, 0.2212],
    [0.4717, 0.0380, 0.1919],
    [0.7959, 0.0833, 0.1247],
    [0.9700, 0.2485, 0.1207],
    [0.9930, 0.5536, 0.2478],
    [0.9708, 0.9806, 0.5217],
    [0.0000, 0.0164, 0.0756],
    [0.0106, 0.0398, 0.1593],
    [0.0566, 0.0772, 0.1494],
    [0.1198, 0.1295, 0.1592],
    [0.2037, 0.2007, 0.1882],
    [0.3293, 0.2955, 0.1819],
    [0.5017, 0.4209, 0.1503],
    [0.7307, 0.5863, 0.0966],
    [0.9903, 0.8060, 0.0389],
];

/// A sequential map at `t`, 0 low to 1 high: 0 viridis, 1 magma, 2 cividis, 3 grey; linear RGB.
pub fn sequential(t: f32, map: u32) -> [f32; 3] {
    let t = t.clamp(0.0, 1.0);
    if map >= 3 {
        return [t.powf(2.2); 3];
    }
    let at = t * 8.0;
    let low = (at as usize).min(7);
    let stop = map as usize * 9 + low;
    mix(STOPS[stop], STOPS[stop + 1], at - low as f32)
}

/// A map for signed values at `t`, 0 lowest to 1 highest, with the theme's neutral in the middle;
/// linear RGB.
pub fn diverging(t: f32, light: bool) -> [f32; 3] {
    let (neutral, below, above) = match light {
        false => ([0.024, 0.030, 0.043], [0.107, 0.393, 1.0], [1.0, 0.342, 0.059]),
        true => ([0.85, 0.85, 0.83], [0.004, 0.084, 0.393], [0.477, 0.073, 0.0015]),
    };
    let away = (t * 2.0 - 1.0).abs().min(1.0);
    mix(neutral, if t > 0.5 { above } else { below }, away)
}

/// A share `t` of the way from `a` to `b`.
pub fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// 8-bit sRGB of a linear colour.
pub fn srgb(color: [f32; 3]) -> [u8; 3] {
    color.map(|c| {
        let c = match c {
            c if c <= 0.003_130_8 => 12.92 * c,
            c => 1.055 * c.powf(1.0 / 2.4) - 0.055,
        };
        (c.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viridis_is_matplotlibs_at_both_ends() {
        assert_eq!(srgb(sequential(0.0, 0)), [68, 1, 84]);
        let [r, g, b] = srgb(sequential(1.0, 0));
        assert!(r.abs_diff(253) <= 1 && g.abs_diff(231) <= 1 && b.abs_diff(37) <= 1);
    }
}
