// Statistics of one tensor by one workgroup; `Summary::of` in src/model/trace.rs is the plain version.

struct Tensor {
    // First element within the buffer.
    first: u32,
    len: u32,
    // Where the result goes.
    slot: u32,
    pad: u32,
}

struct Result {
    min: f32,
    max: f32,
    mean: f32,
    deviation: f32,
    zeros: u32,
    finite: u32,
    low: f32,
    high: f32,
}

const THREADS = 256u;
const SAMPLE = 2048u;
// Sorts behind every number.
const NOTHING = 0xffffffffu;

@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> results: array<Result>;
@group(0) @binding(2) var<uniform> tensor: Tensor;

var<workgroup> least: array<f32, THREADS>;
var<workgroup> most: array<f32, THREADS>;
var<workgroup> sums: array<f32, THREADS>;
var<workgroup> zeros: array<u32, THREADS>;
var<workgroup> counts: array<u32, THREADS>;
var<workgroup> keys: array<u32, SAMPLE>;

// Arithmetic on NaN and infinity may be optimised away, so bits decide.
fn finite(bits: u32) -> bool {
    return (bits & 0x7f800000u) != 0x7f800000u;
}

// Unsigned order as the floats' order.
fn key(bits: u32) -> u32 {
    if (!finite(bits)) {
        return NOTHING;
    }
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn value(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) == 1u));
}

// The upper half of a product of 32-bit numbers.
fn upper(a: u32, b: u32) -> u32 {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
    return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
}

fn place(i: u32) -> u32 {
    if (tensor.len <= SAMPLE) {
        return i;
    }
    return upper(i * 2654435769u, tensor.len);
}

@compute @workgroup_size(THREADS)
fn summarise(@builtin(local_invocation_index) me: u32) {
    // The largest number: one digit more, and Tint takes it for a larger one.
    var a = 3.4028234e38;
    var b = -3.4028234e38;
    var sum = 0.0;
    var zero = 0u;
    var count = 0u;
    for (var i = me; i < tensor.len; i += THREADS) {
        let bits = values[tensor.first + i];
        if (finite(bits)) {
            let v = bitcast<f32>(bits);
            a = min(a, v);
            b = max(b, v);
            sum += v;
            zero += u32(v == 0.0);
            count += 1u;
        }
    }
    least[me] = a;
    most[me] = b;
    sums[me] = sum;
    zeros[me] = zero;
    counts[me] = count;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) {
            least[me] = min(least[me], least[me + half]);
            most[me] = max(most[me], most[me + half]);
            sums[me] += sums[me + half];
            zeros[me] += zeros[me + half];
            counts[me] += counts[me + half];
        }
    }
    let total = workgroupUniformLoad(&counts[0]);
    let mean = workgroupUniformLoad(&sums[0]) / f32(max(total, 1u));
    var squares = 0.0;
    for (var i = me; i < tensor.len; i += THREADS) {
        let bits = values[tensor.first + i];
        if (finite(bits)) {
            let d = bitcast<f32>(bits) - mean;
            squares += d * d;
        }
    }
    workgroupBarrier();
    sums[me] = squares;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (me < half) {
            sums[me] += sums[me + half];
        }
    }

    // Bitonic sort (Batcher 1968) of the sample.
    for (var i = me; i < SAMPLE; i += THREADS) {
        keys[i] = NOTHING;
        if (i < tensor.len) {
            keys[i] = key(values[tensor.first + place(i)]);
        }
    }
    for (var size = 2u; size <= SAMPLE; size *= 2u) {
        for (var step = size / 2u; step > 0u; step /= 2u) {
            workgroupBarrier();
            for (var i = me; i < SAMPLE; i += THREADS) {
                let other = i ^ step;
                if (other > i) {
                    let x = keys[i];
                    let y = keys[other];
                    if ((x > y) == ((i & size) == 0u)) {
                        keys[i] = y;
                        keys[other] = x;
                    }
                }
            }
        }
    }
    workgroupBarrier();
    if (me == 0u) {
        // Numbers in the sample: the first place that holds none.
        var low = 0u;
        var high = SAMPLE;
        while (low < high) {
            let middle = (low + high) / 2u;
            if (keys[middle] == NOTHING) {
                high = middle;
            } else {
                low = middle + 1u;
            }
        }
        var r: Result;
        r.zeros = zeros[0];
        r.finite = total;
        if (total > 0u) {
            r.min = least[0];
            r.max = most[0];
            r.mean = mean;
            r.deviation = sqrt(sums[0] / f32(total));
            r.low = r.min;
            r.high = r.max;
        }
        if (low > 0u) {
            r.low = value(keys[((low - 1u) * 5u + 500u) / 1000u]);
            r.high = value(keys[((low - 1u) * 995u + 500u) / 1000u]);
        }
        results[tensor.slot] = r;
    }
}
