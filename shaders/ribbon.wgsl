// Links as ribbons that face the viewer, and the pulses that move along them.

// The beginning of the one in `volume.wgsl`.
struct View {
    clip_from_world: mat4x4<f32>,
    eye: vec4<f32>,
    frame: vec4<f32>,
    background: vec4<f32>,
    // Fog begins and ends at these distances; then the pixels of a point.
    fog: vec4<f32>,
}

struct Segment {
    begin: vec3<f32>,
    // Width in scene units.
    width: f32,
    end: vec3<f32>,
    // Least width on the screen, points.
    least: f32,
    color: vec4<f32>,
    // Places of both ends along the link or the pulse, 0 to 1.
    span: vec2<f32>,
    // 1: a pulse, which fades at both ends.
    pulse: f32,
    pad: f32,
}

@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<storage, read> segments: array<Segment>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) across: f32,
    @location(1) along: f32,
    @location(2) @interpolate(flat) index: u32,
    @location(3) distance: f32,
}

@vertex
fn vertex(@builtin(vertex_index) corner: u32, @builtin(instance_index) index: u32) -> Corner {
    let segment = segments[index];
    var ends = array<f32, 6>(0.0, 1.0, 1.0, 0.0, 1.0, 0.0);
    var sides = array<f32, 6>(-1.0, -1.0, 1.0, -1.0, 1.0, 1.0);
    let end = ends[corner];
    let world = mix(segment.begin, segment.end, end);
    let direction = normalize(segment.end - segment.begin + vec3(1.0e-6, 0.0, 0.0));
    let side = normalize(cross(direction, view.eye.xyz - world));
    let center = view.clip_from_world * vec4(world, 1.0);
    let scale = abs(view.clip_from_world[1][1]) + abs(view.clip_from_world[2][1]);
    let pixels = segment.least * max(view.fog.z, 1.0e-3);
    let least = pixels * max(center.w, 1.0e-3) / (0.5 * view.frame.y * max(scale, 1.0e-6));
    // Near the eye a line stays a line.
    let half_width = 0.5 * clamp(segment.width, least, 3.0 * least);
    // A little longer than the segment, so that corners close.
    let stretch = direction * (end * 2.0 - 1.0) * half_width * 0.5;
    var out: Corner;
    out.position = view.clip_from_world * vec4(world + stretch + side * sides[corner] * half_width, 1.0);
    out.across = sides[corner];
    out.along = mix(segment.span.x, segment.span.y, end);
    out.index = index;
    out.distance = length(world - view.eye.xyz);
    return out;
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    let segment = segments[in.index];
    let soft = fwidth(in.across);
    var cover = 1.0 - smoothstep(1.0 - soft, 1.0, abs(in.across));
    if segment.pulse > 0.5 {
        let ends = 1.0 - abs(in.along * 2.0 - 1.0);
        cover *= smoothstep(0.0, 0.7, ends);
    }
    let fog = smoothstep(view.fog.x, view.fog.y, in.distance) * select(0.6, 0.0, segment.pulse > 0.5);
    return vec4(mix(segment.color.rgb, view.background.rgb, fog), segment.color.a * cover);
}
