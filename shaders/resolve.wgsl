// Light of points to the screen (after `points.wgsl`): the more of it, the more is seen, ever more slowly, so
// that dense places differ too.

@group(1) @binding(0) var<storage, read> light: array<vec2<u32>>;

const ONE = 64.0;

@vertex
fn whole(@builtin(vertex_index) corner: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(corner & 1u) * 4.0 - 1.0, f32(corner >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

@fragment
fn resolve(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = light[u32(position.y) * look.counts.y + u32(position.x)];
    if pixel.x == 0u {
        discard;
    }
    let points = f32(pixel.x) / ONE;
    let much = points * look.depth.w;
    // Reinhard et al. 2002; a lone point is not lost.
    let alpha = max(much / (1.0 + much), look.behind.w * min(points, 1.0));
    // Six bits become eight.
    let six = vec3(pixel.y & 63u, (pixel.y >> 6u) & 63u, (pixel.y >> 12u) & 63u);
    let eight = (six << vec3(2u)) | (six >> vec3(4u));
    let rgb = linear(eight.x | (eight.y << 8u) | (eight.z << 16u));
    return vec4(rgb * alpha, alpha);
}
