//! How alike pictures are to a layer (Olah et al. 2017, "Diversity"): the cosine between their Gram
//! matrices, which say what channels are active together and not where.

/// The mean cosine over all pairs of `count` pictures, and the gradient of the sum over the pairs of each
/// picture, divided by `count`. `values` are what the layer computes, of `shape` with the batch first and
/// channels next.
pub(super) fn slopes(shape: &[usize], values: &[f32], count: usize) -> (f32, Vec<f32>) {
    let each = values.len() / count.max(1);
    let channels = shape.get(1).copied().unwrap_or(1).max(1);
    let places = each / channels;
    let grams: Vec<(Vec<f32>, f32)> = values
        .chunks(each.max(1))
        .map(|layer| {
            let mut gram = vec![0f32; channels * channels];
            for i in 0..channels {
                for j in 0..=i {
                    let (a, b) = (&layer[i * places..][..places], &layer[j * places..][..places]);
                    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    (gram[i * channels + j], gram[j * channels + i]) = (dot, dot);
                }
            }
            // A layer where nothing is active is unlike all others.
            let length = gram.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
            gram.iter_mut().for_each(|v| *v /= length);
            (gram, length)
        })
        .collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (mut sum, mut out) = (0.0, Vec::with_capacity(values.len()));
    for (i, (gram, length)) in grams.iter().enumerate() {
        let mut others = vec![0f32; gram.len()];
        for (j, (other, _)) in grams.iter().enumerate() {
            if i != j {
                others.iter_mut().zip(other).for_each(|(o, v)| *o += v);
            }
        }
        let along = dot(gram, &others);
        sum += along;
        // Of the normalised matrix, then of the product of the layer with itself. Each pair counts in
        // both of its pictures.
        let scale = 4.0 / (length * count as f32);
        let slope: Vec<f32> = others
            .iter()
            .zip(gram)
            .map(|(o, g)| scale * (o - along * g))
            .collect();
        let layer = &values[i * each..(i + 1) * each];
        for c in 0..channels {
            let mut plane = vec![0f32; places];
            for (k, from) in layer.chunks(places.max(1)).enumerate() {
                let by = slope[c * channels + k];
                plane.iter_mut().zip(from).for_each(|(p, v)| *p += by * v);
            }
            out.extend(plane);
        }
    }
    let pairs = (count * count.saturating_sub(1)).max(1) as f32;
    (sum / pairs, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_cosines() {
        let mut random = model::Random::new(&[9]);
        let shape = [3, 2, 2, 2];
        let values: Vec<f32> = (0..24).map(|_| random.normal() as f32).collect();
        let sum = |v: &[f32]| slopes(&shape, v, 3).0 * 6.0 / 3.0;
        let (_, found) = slopes(&shape, &values, 3);
        for i in [0, 7, 13, 23] {
            let mut moved = values.clone();
            moved[i] += 1e-2;
            let above = sum(&moved);
            moved[i] -= 2e-2;
            let wanted = (above - sum(&moved)) / 2e-2;
            assert!((found[i] - wanted).abs() < 2e-3, "{i}: {} {wanted}", found[i]);
        }
        let same = values[..8].repeat(2);
        let (alike, flat) = slopes(&[2, 2, 2, 2], &same, 2);
        assert!((alike - 1.0).abs() < 1e-5 && flat.iter().all(|s| s.abs() < 1e-4));
    }
}
