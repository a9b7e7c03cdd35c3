//! Random tensors. A stated seed gives the numbers that NumPy's first generator gives.

use model::DType;

use super::cast::onnx_type;
use super::plain::{Call, Plain, elements};

/// The Mersenne twister MT19937 (Matsumoto and Nishimura 1998).
pub struct Twister {
    state: [u32; 624],
    next: usize,
    /// The second number of a pair of normal ones.
    spare: Option<f64>,
}

impl Twister {
    /// Started from `seed`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; 624];
        for i in 1..624 {
            let before = state[i - 1];
            state[i] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(i as u32);
        }
        Twister {
            state,
            next: 624,
            spare: None,
        }
    }

    fn twist(&mut self) {
        for i in 0..624 {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn bits(&mut self) -> u32 {
        if self.next == 624 {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// From 0 to below 1, with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        let (a, b) = ((self.bits() >> 5) as f64, (self.bits() >> 6) as f64);
        (a * 67_108_864.0 + b) / 9_007_199_254_740_992.0
    }

    /// Mean 0 and deviation 1, by the polar method (Marsaglia and Bray 1964).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let r = x * x + y * y;
            if r < 1.0 && r != 0.0 {
                let f = (-2.0 * r.ln() / r).sqrt();
                self.spare = Some(f * x);
                return f * y;
            }
        }
    }
}

/// The generator of a layer: by its seed, or by its name, so that a pass can be repeated; in training
/// another one in each step.
fn generator(c: &Call) -> Result<Twister, String> {
    if let Some(seed) = c.seed {
        return Ok(Twister::new(seed as u32));
    }
    let seed = match c.attrs().opt_float("seed")? {
        Some(seed) => seed as u32,
        // FNV-1a.
        None => c
            .layer
            .name
            .bytes()
            .fold(2_166_136_261u32, |h, b| (h ^ b as u32).wrapping_mul(16_777_619)),
    };
    Ok(Twister::new(seed))
}

/// The shape in an attribute, or that of input 0.
fn shape(c: &Call) -> Result<Vec<usize>, String> {
    let shape = match c.attrs().ints("shape")? {
        Some(sizes) => {
            let one = |&d: &i64| usize::try_from(d).map_err(|_| format!("shape {sizes:?}"));
            sizes.iter().map(one).collect::<Result<Vec<_>, _>>()?
        }
        None => c.input(0)?.shape().to_vec(),
    };
    elements(&shape)?;
    Ok(shape)
}

/// `RandomUniform` and `RandomUniformLike`.
pub fn uniform(c: &Call) -> Result<Vec<Plain>, String> {
    let shape = shape(c)?;
    let (low, high) = (c.attrs().float("low", 0.0)?, c.attrs().float("high", 1.0)?);
    let mut random = generator(c)?;
    let one = |_| (low as f64 + (high - low) as f64 * random.uniform()) as f32;
    let data = (0..elements(&shape)?).map(one).collect();
    Ok(vec![Plain::floats(shape, data)])
}

/// `RandomNormal` and `RandomNormalLike`.
pub fn normal(c: &Call) -> Result<Vec<Plain>, String> {
    let shape = shape(c)?;
    let (mean, scale) = (c.attrs().float("mean", 0.0)?, c.attrs().float("scale", 1.0)?);
    let mut random = generator(c)?;
    let one = |_| (mean as f64 + scale as f64 * random.normal()) as f32;
    let data = (0..elements(&shape)?).map(one).collect();
    Ok(vec![Plain::floats(shape, data)])
}

/// `Bernoulli`: 1 with the probability that the input holds.
pub fn bernoulli(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let mut random = generator(c)?;
    let dtype = match c.attrs().opt_int("dtype")? {
        Some(number) => onnx_type(number).ok_or("an unknown element type")?,
        None => c.dtype(0),
    };
    let drawn: Vec<bool> = x.iter().map(|&p| random.uniform() < p as f64).collect();
    let shape = shape.to_vec();
    Ok(vec![match dtype.is_float() {
        true => Plain::floats(shape, drawn.iter().map(|&v| v as u8 as f32).collect()),
        false => Plain::ints(shape, drawn.iter().map(|&v| v as i64).collect(), dtype),
    }])
}

/// `Multinomial`: classes drawn by unnormalised log probabilities `[batch, classes]`.
pub fn multinomial(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let &[batch, classes] = shape else {
        return Err(format!("rows of log probabilities are expected, {shape:?} found"));
    };
    let count = usize::try_from(c.attrs().int("sample_size", 1)?).map_err(|_| "a negative count")?;
    let dtype = onnx_type(c.attrs().int("dtype", 6)?).filter(|d| d.is_integer());
    let dtype = dtype.unwrap_or(DType::I32);
    elements(&[batch, count])?;
    let mut random = generator(c)?;
    let mut drawn = Vec::with_capacity(batch * count);
    for row in x.chunks_exact(classes.max(1)) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = row.iter().map(|&v| ((v - top) as f64).exp()).collect();
        let total: f64 = weights.iter().sum();
        for _ in 0..count {
            let mut left = random.uniform() * total;
            let found = weights.iter().position(|w| {
                left -= w;
                left < 0.0
            });
            drawn.push(found.unwrap_or(classes.saturating_sub(1)) as i64);
        }
    }
    Ok(vec![Plain::ints(vec![batch, count], drawn, dtype)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of `numpy.random.RandomState(5489)`, which is the reference seed.
    #[test]
    fn the_twister_is_the_reference_one() {
        let mut random = Twister::new(5489);
        assert_eq!(random.bits(), 3_499_211_612);
        assert_eq!(random.bits(), 581_869_302);
        let mut random = Twister::new(0);
        assert!((random.uniform() - 0.548_813_503_927_324_8).abs() < 1e-15);
    }
}
