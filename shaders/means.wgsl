// Levels of means: for each face of a box, the mean of every 2x2, 4x4, ... of its cells.

struct Job {
    // First element of the tensor within the page.
    first: u32,
    elements: u32,
    // Where the level's cells go: pairs of the mean and the mean magnitude.
    out: u32,
    // Twice the axis that the face is normal to, plus 1 for the far end of it.
    face: u32,
    counts: vec3<u32>,
    level: u32,
    strides: vec3<u32>,
    pad: u32,
}

@group(0) @binding(0) var<storage, read> jobs: array<Job>;
// A job and the first of its cells, for each workgroup.
@group(0) @binding(1) var<storage, read> groups: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> arena: array<f32>;

// Larger than any value that is drawn: a cell with a NaN or an infinity in it, and one without elements.
const BROKEN = 3.4e38;
const EMPTY = -3.4e38;

@compute @workgroup_size(64)
fn means(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = workgroup.y * workgroups.x + workgroup.x;
    if index >= arrayLength(&groups) {
        return;
    }
    let group = groups[index];
    let job = jobs[group.x];
    let axis = job.face / 2u;
    let u = (axis + 1u) % 3u;
    let v = (axis + 2u) % 3u;
    let block = 1u << job.level;
    let columns = (job.counts[u] + block - 1u) / block;
    let rows = (job.counts[v] + block - 1u) / block;
    let at = group.y + local;
    if at >= columns * rows {
        return;
    }
    let begin = vec2(at % columns, at / columns) * block;
    let end = min(begin + block, vec2(job.counts[u], job.counts[v]));
    let side = (job.face & 1u) * (job.counts[axis] - 1u) * job.strides[axis];
    var total = 0.0;
    var magnitude = 0.0;
    var finite = 0.0;
    var broken = false;
    for (var row = begin.y; row < end.y; row++) {
        for (var column = begin.x; column < end.x; column++) {
            let element = side + column * job.strides[u] + row * job.strides[v];
            if element >= job.elements {
                continue;
            }
            let value = arena[job.first + element];
            if abs(value) < 3.0e38 {
                total += value;
                magnitude += abs(value);
                finite += 1.0;
            } else {
                broken = true;
            }
        }
    }
    var mean = vec2(total, magnitude) / max(finite, 1.0);
    if broken {
        mean = vec2(BROKEN);
    } else if finite == 0.0 {
        mean = vec2(EMPTY);
    }
    arena[job.out + 2u * at] = mean.x;
    arena[job.out + 2u * at + 1u] = mean.y;
}
