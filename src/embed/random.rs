//! Random numbers that are a function of a seed and a place, so that threads do not change them.

/// SplitMix64 (Steele, Lea and Flood 2014): the state is a counter.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed and any number of places.
    pub fn new(parts: &[u64]) -> Self {
        let mut state = 0x51_7c_c1_b7_27_22_0a_95;
        for &part in parts {
            state = mix(state ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        Random(state)
    }

    /// 64 bits.
    #[inline(always)]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to `end`, without it; 0 for `end` 0. The bias of the multiplication is below 2^-32 × `end`.
    #[inline(always)]
    pub fn below(&mut self, end: usize) -> usize {
        (((self.bits() >> 32) * end as u64) >> 32) as usize
    }

    /// From 0 to 1, without it.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Mean 0, variance 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    /// `count` different numbers below `end`, ascending; all where there are no more.
    pub fn sample(&mut self, count: usize, end: usize) -> Vec<usize> {
        if count >= end {
            return (0..end).collect();
        }
        // Selection sampling (Knuth, volume 2, algorithm S).
        let mut chosen = Vec::with_capacity(count);
        for i in 0..end {
            if self.below(end - i) < count - chosen.len() {
                chosen.push(i);
            }
        }
        chosen
    }
}

#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_samples() {
        let mut random = Random::new(&[3, 4]);
        let values: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f64>() / 2e4;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 2e4;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
        let some = random.sample(5, 9);
        assert!(some.len() == 5 && some.windows(2).all(|w| w[0] < w[1]) && some[4] < 9);
        assert_eq!(random.sample(4, 2), [0, 1]);
        assert_eq!(Random::new(&[1, 2]).bits(), Random::new(&[1, 2]).bits());
        assert_ne!(Random::new(&[1, 2]).bits(), Random::new(&[2, 1]).bits());
    }
}
