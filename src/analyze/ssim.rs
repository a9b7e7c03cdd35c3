//! How alike two pictures look.

/// Side of the windows that are compared.
const WINDOW: usize = 7;

/// Structural similarity of two pictures of `width` columns, -1 to 1, 1 for equal ones (Wang, Bovik,
/// Sheikh and Simoncelli, "Image quality assessment", 2004): the mean over all windows of 7 x 7 that are
/// inside (`skimage.metrics.structural_similarity` with its defaults). `range` is the distance between
/// the smallest and the largest value that a picture can have.
///
/// `None` where the sizes differ or are no multiple of `width`, and where no window fits inside.
pub fn ssim(a: &[f32], b: &[f32], width: usize, range: f64) -> Option<f64> {
    if a.len() != b.len() || width == 0 || !a.len().is_multiple_of(width) {
        return None;
    }
    let height = a.len() / width;
    if height < WINDOW || width < WINDOW {
        return None;
    }
    let count = (WINDOW * WINDOW) as f64;
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let mut sum = 0.0;
    for y in 0..=height - WINDOW {
        for x in 0..=width - WINDOW {
            let [mut sa, mut sb, mut saa, mut sbb, mut sab] = [0.0; 5];
            for row in y..y + WINDOW {
                let cells = row * width + x..row * width + x + WINDOW;
                for (&u, &v) in a[cells.clone()].iter().zip(&b[cells]) {
                    let (u, v) = (f64::from(u), f64::from(v));
                    sa += u;
                    sb += v;
                    saa += u * u;
                    sbb += v * v;
                    sab += u * v;
                }
            }
            let (ma, mb) = (sa / count, sb / count);
            // Of a sample: divided by one less than the count, as scikit-image.
            let scale = 1.0 / (count - 1.0);
            let (va, vb) = ((saa - count * ma * ma) * scale, (sbb - count * mb * mb) * scale);
            let vab = (sab - count * ma * mb) * scale;
            let means = (2.0 * ma * mb + c1) / (ma * ma + mb * mb + c1);
            sum += means * (2.0 * vab + c2) / (va + vb + c2);
        }
    }
    let windows = (height - WINDOW + 1) * (width - WINDOW + 1);
    Some(sum / windows as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `structural_similarity(a, b, data_range = 1.0)` of scikit-image 0.24.
    #[test]
    fn pictures_are_compared_as_scikit_image_does() {
        let of = |step: usize| -> Vec<f32> { (0..108).map(|i| (i * step % 108) as f32 / 108.0).collect() };
        let (a, b) = (of(37), of(55));
        assert!((ssim(&a, &b, 12, 1.0).unwrap() + 0.074_272_421).abs() < 1e-5);
        assert!((ssim(&a, &a, 12, 1.0).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(ssim(&a, &b, 7, 1.0), None);
        assert_eq!(ssim(&a[..72], &b[..72], 12, 1.0), None, "six rows hold no window");
    }
}
