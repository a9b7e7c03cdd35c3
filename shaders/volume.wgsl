// Layers as boxes (after `colormap.wgsl`): each fragment finds the tensor cell that it shows and reads it from the arena.

struct View {
    clip_from_world: mat4x4<f32>,
    eye: vec4<f32>,
    // Width and height in pixels, time in seconds, 1 for the light theme.
    frame: vec4<f32>,
    background: vec4<f32>,
    // Fog begins and ends at these distances from the eye.
    fog: vec4<f32>,
    // How far the flow has come, in columns; 1 where it runs from the output to the input.
    flow: vec4<f32>,
    // Numbers of the selected box and of the one under the pointer; 0 for none.
    marked: vec4<u32>,
}

struct Volume {
    center: vec3<f32>,
    first: u32,
    size: vec3<f32>,
    flags: u32,
    counts: vec3<u32>,
    elements: u32,
    strides: vec3<u32>,
    slabs: u32,
    low: f32,
    high: f32,
    // Place along the flow, in columns.
    rank: f32,
    number: u32,
    color: vec4<f32>,
}

const VALUES = 1u;
const SIGNED = 2u;
const PICTURE = 4u;
const LIT = 8u;
const MAGNITUDE = 64u;
const FAINT = 128u;
// Two bits: which sequential map.
const MAP = 256u;
// Four bits: how many levels of means follow the values.
const LEVELS = 4096u;

@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<storage, read> volumes: array<Volume>;
@group(1) @binding(1) var<storage, read> arena: array<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) local: vec3<f32>,
    @location(1) world: vec3<f32>,
    @location(2) @interpolate(flat) normal: vec3<f32>,
    @location(3) @interpolate(flat) index: u32,
}

@vertex
fn vertex(@builtin(vertex_index) corner: u32, @builtin(instance_index) index: u32) -> Corner {
    // Six faces of two triangles each: axis, side, then the corner within the face.
    let face = corner / 6u;
    let axis = face / 2u;
    let side = f32(face % 2u);
    var uvs = array<vec2<f32>, 6>(
        vec2(0.0, 0.0), vec2(1.0, 0.0), vec2(1.0, 1.0),
        vec2(0.0, 0.0), vec2(1.0, 1.0), vec2(0.0, 1.0),
    );
    var uv = uvs[corner % 6u];
    if side == 0.0 {
        uv = uv.yx;
    }
    var local = vec3(side, uv.x, uv.y);
    var normal = vec3(2.0 * side - 1.0, 0.0, 0.0);
    if axis == 1u {
        local = vec3(uv.y, side, uv.x);
        normal = normal.yxz;
    } else if axis == 2u {
        local = vec3(uv.x, uv.y, side);
        normal = normal.yzx;
    }
    let volume = volumes[index];
    var out: Corner;
    out.world = volume.center + (local - 0.5) * volume.size;
    out.position = view.clip_from_world * vec4(out.world, 1.0);
    out.local = local;
    out.normal = normal;
    out.index = index;
    return out;
}

// The cell at `at`, moved inside the box.
fn cell(volume: Volume, at: vec3<f32>) -> vec3<u32> {
    return vec3<u32>(clamp(vec3<i32>(floor(at)), vec3(0), vec3<i32>(volume.counts) - 1));
}

// Red, green and blue planes.
fn picture(volume: Volume, at: vec3<f32>) -> vec3<f32> {
    let element = volume.first + dot(vec3(cell(volume, at).xy, 0u), volume.strides);
    let plane = volume.strides.z;
    let rgb = vec3(arena[element], arena[element + plane], arena[element + 2u * plane]);
    return pow(clamp((rgb - volume.low) / (volume.high - volume.low), vec3(0.0), vec3(1.0)), vec3(2.2));
}

fn color_of(volume: Volume, value: f32) -> vec3<f32> {
    let t = (value - volume.low) / max(volume.high - volume.low, 1.0e-20);
    if (volume.flags & PICTURE) != 0u {
        return vec3(pow(clamp(t, 0.0, 1.0), 2.2));
    }
    if (volume.flags & SIGNED) != 0u {
        return diverging(t, view.frame.w);
    }
    return sequential(t, (volume.flags / MAP) & 3u);
}

// Where the values of a face lie: of its cells, or of the means of many of them (`means.wgsl`).
struct Face {
    first: u32,
    strides: vec3<u32>,
    counts: vec3<u32>,
    elements: u32,
    level: u32,
}

// The level whose cells are about as large as a pixel along the axis with the fewest under it.
fn face(volume: Volume, at: vec3<f32>, span: vec3<f32>, normal: vec3<f32>, magnitude: bool) -> Face {
    let across = span + abs(normal) * 1.0e9;
    let least = max(min(across.x, min(across.y, across.z)), 1.0);
    let level = min(u32(log2(least) + 0.6), (volume.flags / LEVELS) & 15u);
    if level == 0u {
        return Face(volume.first, volume.strides, volume.counts, volume.elements, 0u);
    }
    let axis = select(select(2u, 1u, abs(normal.y) > 0.5), 0u, abs(normal.x) > 0.5);
    let u = (axis + 1u) % 3u;
    let v = (axis + 2u) % 3u;
    let side = select(0u, 1u, at[axis] > 0.5 * f32(volume.counts[axis]));
    let levels = volume.first + volume.elements;
    let first = levels + u32(arena[levels + (2u * axis + side) * 8u + level - 1u]);
    let counts = (volume.counts + (1u << level) - 1u) >> vec3(level);
    var strides = vec3(0u);
    strides[u] = 2u;
    strides[v] = 2u * counts[u];
    return Face(first + select(0u, 1u, magnitude), strides, counts, 0xffffffffu, level);
}

// What the cells around `at` show. Where several fall under a pixel (`span`, by axis), up to four
// samples an axis stand for all of them: the colour is that of their mean, found once a pixel.
fn blend(volume: Volume, at: vec3<f32>, span: vec3<f32>, normal: vec3<f32>) -> vec3<f32> {
    if (volume.flags & PICTURE) != 0u && volume.counts.z == 3u {
        return planes(volume, at, span);
    }
    let magnitude = (volume.flags & MAGNITUDE) != 0u;
    let face = face(volume, at, span, normal, magnitude);
    let scale = 1.0 / f32(1u << face.level);
    let covered = span * scale;
    // A pixel that covers little more than a cell shows the one in its middle.
    let taps = vec3<u32>(clamp(ceil(covered - 0.4), vec3(1.0), vec3(4.0)));
    let step = covered / vec3<f32>(taps);
    let begin = at * scale - 0.5 * covered + 0.5 * step;
    let last = vec3<f32>(face.counts) - 1.0;
    var total = 0.0;
    var finite = 0.0;
    var broken = 0.0;
    for (var k = 0u; k < taps.z; k++) {
        for (var j = 0u; j < taps.y; j++) {
            for (var i = 0u; i < taps.x; i++) {
                let place = floor(begin + vec3(f32(i), f32(j), f32(k)) * step);
                let element = dot(vec3<u32>(clamp(place, vec3(0.0), last)), face.strides);
                if element >= face.elements {
                    continue;
                }
                let value = arena[face.first + element];
                // NaN is not equal to itself; infinities leave the range.
                if abs(value) < 3.0e38 {
                    total += select(value, abs(value), magnitude);
                    finite += 1.0;
                } else if face.level == 0u || !(value < 0.0) {
                    // A mean below the range stands for no cells at all.
                    broken += 1.0;
                }
            }
        }
    }
    let all = f32(taps.x * taps.y * taps.z);
    let empty = all - finite - broken;
    let rgb = color_of(volume, total / max(finite, 1.0)) * finite;
    return (rgb + vec3(0.9, 0.1, 0.6) * broken + view.background.rgb * empty) / all;
}

// A colour picture around `at`, blended over up to four samples an axis.
fn planes(volume: Volume, at: vec3<f32>, span: vec3<f32>) -> vec3<f32> {
    let taps = vec3<i32>(clamp(ceil(span), vec3(1.0), vec3(4.0)));
    var rgb = vec3(0.0);
    for (var j = 0; j < taps.y; j++) {
        for (var i = 0; i < taps.x; i++) {
            let offset = (vec2(f32(i), f32(j)) + 0.5) / vec2<f32>(taps.xy) - 0.5;
            rgb += picture(volume, at + vec3(offset * span.xy, 0.0));
        }
    }
    return rgb / f32(taps.x * taps.y);
}

// The flow front: cells before it are lit. 0 is dark, 1 is all lit.
fn front(volume: Volume) -> f32 {
    let past = clamp(view.flow.x - volume.rank, -1.0, 2.0);
    let come = clamp(select(past, 1.0 - past, view.flow.y > 0.5), -0.1, 1.1);
    return select(come, 1.1, (volume.flags & LIT) != 0u);
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    let volume = volumes[in.index];
    let counts = vec3<f32>(volume.counts);
    // Rows count from the top and slabs from the front.
    let place = vec3(in.local.x, 1.0 - in.local.y, 1.0 - in.local.z);
    let at = place * counts;
    // Cells under one pixel, by axis; an axis along the normal does not vary.
    let varies = 1.0 - abs(in.normal);
    // From the interpolated place alone: what helper invocations read from a buffer is not defined.
    let slope = fwidth(in.local);
    let span = max(slope * counts, vec3(1.0e-6)) * varies;
    let face = slope + abs(in.normal);
    let edge = min(in.local, 1.0 - in.local) / max(face, vec3(1.0e-6)) + abs(in.normal) * 1.0e6;

    var rgb = volume.color.rgb;
    if (volume.flags & VALUES) != 0u {
        rgb = blend(volume, at, span, in.normal);
        // Thin seams between cells once these are large enough, wider ones between slabs.
        let pixels = 1.0 / max(span, vec3(1.0e-6));
        let seam = (0.5 - abs(fract(at) - 0.5)) * pixels;
        let lines = (1.0 - smoothstep(vec3(0.4), vec3(1.1), seam)) * smoothstep(vec3(7.0), vec3(16.0), pixels) * varies;
        rgb = mix(rgb, rgb * 0.45, max(lines.x, max(lines.y, lines.z)) * 0.6);
        if volume.slabs == 1u {
            let gap = abs(fract(at.z) - 0.5) * 2.0;
            let open = smoothstep(0.62, 0.78, gap) * smoothstep(2.5, 5.0, pixels.z) * varies.z;
            rgb = mix(rgb, view.background.rgb, open * 0.85);
        }
    }

    // Light from above and in front.
    let light = 0.80 + 0.20 * in.normal.z + 0.26 * in.normal.y + 0.04 * in.normal.x;
    rgb *= mix(light, 1.0, select(0.0, 0.9, in.normal.z > 0.5));
    // The flow has not come past the front yet.
    let along = select(in.local.x, 1.0 - in.local.x, view.flow.y > 0.5) * 0.96 + 0.02;
    let reach = front(volume);
    let lit = 1.0 - smoothstep(reach - 0.02, reach + 0.02, along);
    rgb = mix(mix(view.background.rgb, rgb, 0.22), rgb, lit);

    let nearest = min(edge.x, min(edge.y, edge.z));
    let chosen = volume.number != 0u && volume.number == view.marked.x;
    let hovered = volume.number != 0u && volume.number == view.marked.y;
    let width = select(0.9, 2.6, chosen || hovered);
    let rim = 1.0 - smoothstep(width - 0.5, width + 0.5, nearest);
    let rim_color = select(mix(volume.color.rgb, vec3(1.0), 0.35), vec3(1.0, 0.82, 0.25), chosen);
    rgb = mix(rgb, rim_color, rim * select(0.75, 1.0, chosen));

    if (volume.flags & FAINT) != 0u {
        rgb = mix(view.background.rgb, rgb, 0.16);
    }
    let distance = length(in.world - view.eye.xyz);
    let fog = smoothstep(view.fog.x, view.fog.y, distance) * 0.85;
    return vec4(mix(rgb, view.background.rgb, fog), 1.0);
}
