// Colour maps: where 0 is the low end of the range and 1 the high end, linear RGB.
// `src/scene/colormap.rs` holds the same numbers for the legend.

// Viridis, magma and cividis (matplotlib) at nine places; 3 is grey.
fn sequential(t: f32, map: u32) -> vec3<f32> {
    var stops = array<vec3<f32>, 27>(
        vec3(0.0580, 0.0004, 0.0887), vec3(0.0632, 0.0260, 0.1990), vec3(0.0431, 0.0848, 0.2588),
        vec3(0.0252, 0.1697, 0.2716), vec3(0.0148, 0.2813, 0.2639), vec3(0.0215, 0.4252, 0.2156),
        vec3(0.1123, 0.5852, 0.1212), vec3(0.4180, 0.7176, 0.0299), vec3(0.9847, 0.7997, 0.0182),
        vec3(0.0001, 0.0000, 0.0011), vec3(0.0122, 0.0055, 0.0623), vec3(0.0818, 0.0062, 0.2008),
        vec3(0.2261, 0.0192, 0.2212), vec3(0.4717, 0.0380, 0.1919), vec3(0.7959, 0.0833, 0.1247),
        vec3(0.9700, 0.2485, 0.1207), vec3(0.9930, 0.5536, 0.2478), vec3(0.9708, 0.9806, 0.5217),
        vec3(0.0000, 0.0164, 0.0756), vec3(0.0106, 0.0398, 0.1593), vec3(0.0566, 0.0772, 0.1494),
        vec3(0.1198, 0.1295, 0.1592), vec3(0.2037, 0.2007, 0.1882), vec3(0.3293, 0.2955, 0.1819),
        vec3(0.5017, 0.4209, 0.1503), vec3(0.7307, 0.5863, 0.0966), vec3(0.9903, 0.8060, 0.0389),
    );
    if map == 3u {
        return vec3(pow(clamp(t, 0.0, 1.0), 2.2));
    }
    let at = clamp(t, 0.0, 1.0) * 8.0;
    let low = min(u32(at), 7u);
    return mix(stops[map * 9u + low], stops[map * 9u + low + 1u], at - f32(low));
}

// Blue below the middle, orange above, the theme's neutral between; `light` is 1 on paper.
fn diverging(t: f32, light: f32) -> vec3<f32> {
    let neutral = mix(vec3(0.024, 0.030, 0.043), vec3(0.85, 0.85, 0.83), light);
    let below = mix(vec3(0.107, 0.393, 1.0), vec3(0.004, 0.084, 0.393), light);
    let above = mix(vec3(1.0, 0.342, 0.059), vec3(0.477, 0.073, 0.0015), light);
    let away = clamp(abs(t * 2.0 - 1.0), 0.0, 1.0);
    return mix(neutral, select(below, above, t > 0.5), away);
}
