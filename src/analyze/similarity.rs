//! How alike vectors are.

/// Cosine of the angle between two vectors, -1 to 1
/// (`1 - scipy.spatial.distance.cosine(a, b)`).
///
/// `None` when the lengths differ. NaN when either vector is 0 or empty, or holds a value that
/// is not finite.
pub fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x), f64::from(y));
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    // `clamp` keeps NaN.
    Some((dot / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0))
}

/// Cosine of every pair of rows: `rows.len() / width` rows of `width` values, row-major in;
/// N x N values, row-major, out. `None` when `width` is 0 or does not divide the length.
pub fn cosine_matrix(rows: &[f32], width: usize) -> Option<Vec<f64>> {
    if width == 0 || !rows.len().is_multiple_of(width) {
        return None;
    }
    let count = rows.len() / width;
    let row = |i: usize| &rows[i * width..(i + 1) * width];
    let mut out = vec![0.0; count.checked_mul(count)?];
    for i in 0..count {
        for j in 0..=i {
            let value = cosine(row(i), row(j))?;
            out[i * count + j] = value;
            out[j * count + i] = value;
        }
    }
    Some(out)
}
