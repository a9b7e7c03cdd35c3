//! What the processor can do at best: the roofs that the speed of layers is measured against.

use burn_flex::{Flex, FlexDevice};
use web_time::Instant;

use crate::ops::matmul::product;
use crate::threads::chunks;
use crate::value::float;

/// The best of two kinds of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofs {
    /// Floating-point operations a second, of a large matrix product.
    pub flops: f64,
    /// Bytes a second that pass between memory and processor, of a large copy.
    pub bandwidth: f64,
}

impl Roofs {
    /// Operations a second that are possible at `intensity`, operations per byte.
    pub fn at(&self, intensity: f64) -> f64 {
        self.flops.min(self.bandwidth * intensity)
    }

    /// Operations per byte from which on arithmetic is the limit and no longer memory.
    pub fn ridge(&self) -> f64 {
        self.flops / self.bandwidth
    }
}

/// Rows and columns of the matrices.
const SIDE: usize = 768;
/// Elements that are copied: far more than caches hold.
const COPIED: usize = 8 << 20;
/// Elements that one core copies at a time.
const CHUNK: usize = 1 << 16;
/// Seconds that each kind of work is repeated.
const SPAN: f64 = 0.25;

/// Measures both, with the means that layers are computed with. Takes about a second; a page rests
/// meanwhile.
///
/// # Errors
/// A sentence where the product fails.
pub fn measure() -> Result<Roofs, String> {
    let square = || float::<Flex>(vec![0.5; SIDE * SIDE], &[SIDE, SIDE], &FlexDevice);
    let (a, b) = (square(), square());
    let flops = best(2.0 * (SIDE as f64).powi(3), || {
        product::<Flex>(a.clone(), b.clone()).map(|y| drop(std::hint::black_box(y)))
    })?;
    let from = vec![1.0f32; COPIED];
    let mut to = vec![0.0f32; COPIED];
    // Each element is read and written.
    let bandwidth = best(8.0 * COPIED as f64, || {
        chunks(&mut to, CHUNK, |i, part| {
            part.copy_from_slice(&from[i * CHUNK..][..part.len()]);
        });
        std::hint::black_box(&to);
        Ok(())
    })?;
    Ok(Roofs { flops, bandwidth })
}

/// The best rate of `work`, which does `amount` each time; the first time is not counted.
fn best(amount: f64, mut work: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    work()?;
    let (start, mut best) = (Instant::now(), 0f64);
    while best == 0.0 || start.elapsed().as_secs_f64() < SPAN {
        let begin = Instant::now();
        work()?;
        best = best.max(amount / begin.elapsed().as_secs_f64().max(1e-9));
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roof_bends_where_arithmetic_takes_over() {
        let roofs = Roofs {
            flops: 100e9,
            bandwidth: 20e9,
        };
        assert_eq!(roofs.ridge(), 5.0);
        assert_eq!(roofs.at(0.5), 10e9);
        assert_eq!(roofs.at(5.0), 100e9);
        assert_eq!(roofs.at(80.0), 100e9);
    }

    #[test]
    fn measured_roofs_are_those_of_a_processor() {
        let roofs = measure().unwrap();
        // From a phone to a large server.
        assert!((1e7..1e15).contains(&roofs.flops), "{roofs:?}");
        assert!((1e7..1e13).contains(&roofs.bandwidth), "{roofs:?}");
    }
}
