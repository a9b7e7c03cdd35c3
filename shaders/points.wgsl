// Clouds of points. What is read of a point is in `fetch`; two ways of drawing it follow: discs with depth
// (`vertex`, `solid`, `soft`), and light added up by pixel (`gather`), which `resolve` brings to the screen.

struct Look {
    clip_from_world: mat4x4<f32>,
    // Width and height in pixels, radius of a point in pixels, how far points are from the places before to those now.
    frame: vec4<f32>,
    // Distance (clip w) of the nearest and of the farthest point, opacity of a point that is left out,
    // light that one point gives.
    depth: vec4<f32>,
    // Points, pixels in a row, 1 where some points are chosen, points in a row of work groups.
    counts: vec4<u32>,
    // Linear colour behind everything; opacity of a pixel that a lone point falls on, at least.
    behind: vec4<f32>,
}

@group(0) @binding(0) var<uniform> look: Look;
// Three numbers a point.
@group(0) @binding(1) var<storage, read> before: array<f32>;
@group(0) @binding(2) var<storage, read> now: array<f32>;
// Red, green and blue from the lowest byte on, as sRGB; then seven bits of size and one that says chosen.
@group(0) @binding(3) var<storage, read> inks: array<u32>;

struct Point {
    clip: vec4<f32>,
    // Pixels.
    radius: f32,
    // 0 far, 1 near.
    nearness: f32,
    // 0 left out, 1 counts.
    counts: f32,
    ink: u32,
}

fn fetch(i: u32) -> Point {
    var at = vec3(now[3u * i], now[3u * i + 1u], now[3u * i + 2u]);
    if look.frame.w < 1.0 {
        at = mix(vec3(before[3u * i], before[3u * i + 1u], before[3u * i + 2u]), at, look.frame.w);
    }
    let ink = inks[i];
    var p: Point;
    p.clip = look.clip_from_world * vec4(at, 1.0);
    let depth = look.depth.y - look.depth.x;
    p.nearness = select(1.0, clamp((look.depth.y - p.clip.w) / depth, 0.0, 1.0), depth > 0.0);
    // Size 64 is a point as large as all; each 16 more double it.
    let size = exp2((f32((ink >> 24u) & 127u) - 64.0) / 16.0);
    p.radius = look.frame.z * size * mix(0.6, 1.4, select(0.5, p.nearness, depth > 0.0));
    p.counts = f32(look.counts.z == 0u || (ink >> 31u) == 1u);
    p.ink = ink;
    return p;
}

fn linear(ink: u32) -> vec3<f32> {
    let srgb = vec3(f32(ink & 255u), f32((ink >> 8u) & 255u), f32((ink >> 16u) & 255u)) / 255.0;
    return select(pow((srgb + 0.055) / 1.055, vec3(2.4)), srgb / 12.92, srgb < vec3(0.04045));
}

// Farther points give less.
fn fade(nearness: f32) -> f32 {
    return mix(0.35, 1.0, nearness);
}

fn cover(radius: f32, distance: f32) -> f32 {
    return clamp(radius - distance + 0.5, 0.0, 1.0);
}

struct Corner {
    @builtin(position) position: vec4<f32>,
    // From the middle of the disc, pixels.
    @location(0) apart: vec2<f32>,
    // Linear colour; 1 where the point counts.
    @location(1) @interpolate(flat) color: vec4<f32>,
    @location(2) @interpolate(flat) radius: f32,
}

@vertex
fn vertex(@builtin(vertex_index) number: u32) -> Corner {
    // Two triangles a point, without instances: software draws each of those by itself.
    var corners = array<u32, 6>(0u, 1u, 2u, 2u, 1u, 3u);
    let corner = corners[number % 6u];
    let side = vec2(f32(corner & 1u), f32(corner >> 1u)) * 2.0 - 1.0;
    let p = fetch(number / 6u);
    // Half a pixel more, for the soft edge.
    let reach = p.radius + 0.75;
    var out: Corner;
    out.apart = side * reach;
    out.position = p.clip + vec4(out.apart * 2.0 / look.frame.xy * p.clip.w, 0.0, 0.0);
    out.color = vec4(mix(look.behind.rgb, linear(p.ink), fade(p.nearness)), p.counts);
    out.radius = p.radius;
    return out;
}

// The inside of points that count, which hides what is behind.
@fragment
fn solid(in: Corner) -> @location(0) vec4<f32> {
    if in.color.a < 0.5 || cover(in.radius, length(in.apart)) < 0.99 {
        discard;
    }
    return vec4(in.color.rgb, 1.0);
}

// Soft edges, and points that are left out: they hide nothing.
@fragment
fn soft(in: Corner) -> @location(0) vec4<f32> {
    let covered = cover(in.radius, length(in.apart));
    if covered < 0.02 || (in.color.a > 0.5 && covered >= 0.99) {
        discard;
    }
    let alpha = covered * select(look.depth.z, 1.0, in.color.a > 0.5);
    return vec4(in.color.rgb * alpha, alpha);
}
