// Links as ribbons that face the viewer, with a pulse that moves along them.

struct View {
    clip_from_world: mat4x4<f32>,
    eye: vec4<f32>,
    frame: vec4<f32>,
    background: vec4<f32>,
    fog: vec4<f32>,
}

struct Segment {
    begin: vec3<f32>,
    // Width in scene units.
    width: f32,
    end: vec3<f32>,
    // Place of the pulse along the whole link, 0 to 1; outside: none.
    pulse: f32,
    color: vec4<f32>,
    // Places of both ends along the whole link.
    span: vec2<f32>,
    pad: vec2<f32>,
}

@group(0) @binding(0) var<uniform> view: View;
@group(1) @binding(0) var<storage, read> segments: array<Segment>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) across: f32,
    @location(1) along: f32,
    @location(2) @interpolate(flat) index: u32,
    @location(3) distance: f32,
    @location(4) @interpolate(flat) half_width: f32,
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
    // Never thinner than a pixel and a half.
    let scale = abs(view.clip_from_world[1][1]) + abs(view.clip_from_world[2][1]);
    let least = 1.5 * max(center.w, 1.0e-3) / (0.5 * view.frame.y * max(scale, 1.0e-6));
    let half_width = 0.5 * max(segment.width, least);
    // A little longer than the segment, so that corners close.
    let stretch = direction * (end * 2.0 - 1.0) * half_width * 0.5;
    var out: Corner;
    out.position = view.clip_from_world * vec4(world + stretch + side * sides[corner] * half_width, 1.0);
    out.across = sides[corner];
    out.along = mix(segment.span.x, segment.span.y, end);
    out.index = index;
    out.distance = length(world - view.eye.xyz);
    out.half_width = half_width;
    return out;
}

@fragment
fn fragment(in: Corner) -> @location(0) vec4<f32> {
    let segment = segments[in.index];
    let soft = fwidth(in.across);
    let cover = 1.0 - smoothstep(1.0 - soft, 1.0, abs(in.across));
    let near = 1.0 - smoothstep(0.0, 0.12, abs(in.along - segment.pulse));
    let fog = smoothstep(view.fog.x, view.fog.y, in.distance) * 0.85;
    let rgb = mix(segment.color.rgb, vec3(1.0, 0.9, 0.6), near * 0.9);
    let alpha = mix(segment.color.a, 1.0, near) * cover;
    return vec4(mix(rgb, view.background.rgb, fog), alpha);
}
