// Many points (after `points.wgsl`): each adds its light to the pixels that it covers, in whole numbers,
// because sums that do not depend on the order are the only ones that are atomic everywhere. Two numbers a
// pixel: the light, and the colour of the nearest point with its priority above. Sums of three colours
// took twice the time on a processor.

@group(1) @binding(0) var<storage, read_write> pixels: array<atomic<u32>>;

// One point's full light; a pixel holds some 67 million of them.
const UNIT = 64.0;
// Pixels to each side that one point reaches at most.
const REACH = 12.0;

fn add(x: i32, y: i32, light: f32, key: u32) {
    let amount = u32(light * UNIT + 0.5);
    if amount == 0u {
        return;
    }
    let cell = 2u * (u32(y) * look.counts.y + u32(x));
    atomicAdd(&pixels[cell], amount);
    atomicMax(&pixels[cell + 1u], key);
}

@compute @workgroup_size(128)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * look.counts.w + id.x;
    if id.x >= look.counts.w || i >= look.counts.x {
        return;
    }
    let p = fetch(i);
    if p.clip.w <= 0.0 {
        return;
    }
    let ndc = p.clip.xy / p.clip.w;
    let at = vec2(0.5 + 0.5 * ndc.x, 0.5 - 0.5 * ndc.y) * look.frame.xy;
    let radius = min(p.radius, REACH);
    if any(at < vec2(-radius)) || any(at >= look.frame.xy + radius) {
        return;
    }
    let light = mix(look.depth.z, fade(p.nearness), p.counts);
    // Six bits a colour; above them how near, or any number where all are as near; above that whether it counts.
    let rgb = ((p.ink >> 2u) & 63u) | ((p.ink >> 4u) & 0xfc0u) | ((p.ink >> 6u) & 0x3f000u);
    let deep = look.depth.y > look.depth.x;
    let rank = select((i * 2654435769u) >> 19u, u32(p.nearness * 8190.0), deep);
    let key = rgb | (rank << 18u) | select(0u, 0x80000000u, p.counts > 0.5);
    let size = vec2<i32>(look.frame.xy);
    if radius < 0.75 {
        let cell = vec2<i32>(floor(at));
        if all(cell >= vec2(0)) && all(cell < size) {
            // A disc smaller than a pixel gives as much less light.
            add(cell.x, cell.y, light * min(radius * radius * 3.14159265, 1.0), key);
        }
        return;
    }
    let first = max(vec2<i32>(floor(at - radius - 0.5)), vec2(0));
    let last = min(vec2<i32>(floor(at + radius + 0.5)), size - 1);
    for (var y = first.y; y <= last.y; y++) {
        for (var x = first.x; x <= last.x; x++) {
            let distance = length(vec2(f32(x), f32(y)) + 0.5 - at);
            add(x, y, light * cover(radius, distance), key);
        }
    }
}
