//! Updates in one pass over memory, where tensors are slices of it. What [`Optimizer::update`] does
//! on any backend is the reference that the test compares with.

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

use super::optimizer::{Optimizer, Rates, State};
use crate::ops::host::slice;
use crate::threads::chunks;
use crate::value::{dims, float};

/// Elements of a task.
const PIECE: usize = 1 << 13;

/// The parameter after an update and its new state; `None` where they do not lie in host memory.
pub(crate) fn update<B: Backend>(
    optimizer: &Optimizer,
    now: &FloatTensor<B>,
    gradient: &FloatTensor<B>,
    state: &mut State<B>,
    rates: Rates,
) -> Option<FloatTensor<B>> {
    let (values, slopes) = (slice::<B>(now)?, slice::<B>(gradient)?);
    let kept: Option<Vec<&[f32]>> = state.tensors.iter().map(slice::<B>).collect();
    let (kept, fresh) = (kept?, state.tensors.is_empty());
    let count = optimizer.states().len();
    if values.len() != slopes.len() || !(fresh || kept.len() == count) {
        return None;
    }
    let step = state.updates as i32 + 1;
    let [rate, decay] = [rates.rate, rates.decay].map(|v| v as f32);
    let first = match *optimizer {
        Optimizer::Adagrad { initial, .. } => initial as f32,
        _ => 0.0,
    };
    // Parameter and states side by side in each piece.
    let mut out: Vec<Vec<f32>> = vec![vec![0.0; values.len()]; 1 + count];
    let mut each = |f: &(dyn Fn(f32, f32, &mut [f32; 3]) -> f32 + Sync)| {
        let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
        for vector in &mut out {
            for (i, piece) in vector.chunks_mut(PIECE).enumerate() {
                match parts.get_mut(i) {
                    Some(part) => part.push(piece),
                    None => parts.push(vec![piece]),
                }
            }
        }
        chunks(&mut parts, 1, |i, parts| {
            let part = &mut parts[0];
            for k in 0..part[0].len() {
                let at = i * PIECE + k;
                let mut own = [first; 3];
                for (own, kept) in own.iter_mut().zip(&kept) {
                    *own = kept[at];
                }
                part[0][k] = f(values[at], slopes[at], &mut own);
                for (to, own) in part[1..].iter_mut().zip(own) {
                    to[k] = own;
                }
            }
        });
    };
    match *optimizer {
        Optimizer::Sgd {} => each(&|x, g, _| x - rate * (g + decay * x)),
        Optimizer::Momentum { momentum, dampening } => {
            let keep = rates.momentum.unwrap_or(momentum) as f32;
            let (keep, share) = match fresh {
                true => (0.0, 1.0),
                false => (keep, 1.0 - dampening as f32),
            };
            each(&|x, g, s| {
                s[0] = keep * s[0] + share * (g + decay * x);
                x - rate * s[0]
            })
        }
        Optimizer::Nesterov { momentum } => {
            let keep = rates.momentum.unwrap_or(momentum) as f32;
            each(&|x, g, s| {
                let g = g + decay * x;
                s[0] = keep * s[0] + g;
                x - rate * (g + keep * s[0])
            })
        }
        Optimizer::Adam(m) | Optimizer::AdamW(m) => {
            let coupled = matches!(optimizer, Optimizer::Adam(_));
            let (added, left) = match coupled {
                true => (decay, 1.0),
                false => (0.0, (1.0 - rates.rate * rates.decay) as f32),
            };
            let beta1 = rates.momentum.unwrap_or(m.beta1);
            let (b1, b2, epsilon) = (beta1 as f32, m.beta2 as f32, m.epsilon as f32);
            let (c1, c2) = ((1.0 - beta1) as f32, (1.0 - m.beta2) as f32);
            let root = (1.0 / (1.0 - m.beta2.powi(step)).sqrt()) as f32;
            let rate = (rates.rate / (1.0 - beta1.powi(step))) as f32;
            each(&|x, g, s| {
                let g = g + added * x;
                s[0] = b1 * s[0] + c1 * g;
                s[1] = b2 * s[1] + c2 * g * g;
                left * x - rate * s[0] / (s[1].sqrt() * root + epsilon)
            })
        }
        Optimizer::RmsProp {
            alpha,
            epsilon,
            momentum,
            centered,
        } => {
            let keep = rates.momentum.unwrap_or(momentum) as f32;
            let (alpha, share, epsilon) = (alpha as f32, (1.0 - alpha) as f32, epsilon as f32);
            each(&|x, g, s| {
                let g = g + decay * x;
                s[0] = alpha * s[0] + share * g * g;
                let mut spread = s[0];
                if centered {
                    s[1] = alpha * s[1] + share * g;
                    spread -= s[1] * s[1];
                }
                let ratio = g / (spread.sqrt() + epsilon);
                if keep == 0.0 {
                    return x - rate * ratio;
                }
                s[2] = keep * s[2] + ratio;
                x - rate * s[2]
            })
        }
        Optimizer::Adagrad {
            lr_decay, epsilon, ..
        } => {
            let rate = (rates.rate / (1.0 + f64::from(step - 1) * lr_decay)) as f32;
            let epsilon = epsilon as f32;
            each(&|x, g, s| {
                let g = g + decay * x;
                s[0] += g * g;
                x - rate * g / (s[0].sqrt() + epsilon)
            })
        }
    }
    let (shape, device) = (dims::<B>(now), B::float_device(now));
    let mut made = out.into_iter().map(|v| float::<B>(v, &shape, &device));
    let new = made.next();
    state.tensors = made.collect();
    state.updates += 1;
    new
}

/// Sum of squares; `None` where the tensor does not lie in host memory.
pub(crate) fn squares<B: Backend>(t: &FloatTensor<B>) -> Option<f64> {
    let values = slice::<B>(t)?;
    let sums = values.chunks(4096).map(|piece| {
        let mut lanes = [0f32; 16];
        let (whole, rest) = piece.split_at(piece.len() / 16 * 16);
        for group in whole.chunks_exact(16) {
            lanes.iter_mut().zip(group).for_each(|(l, v)| *l += v * v);
        }
        lanes
            .iter()
            .chain([&rest.iter().map(|v| v * v).sum()])
            .map(|&l| f64::from(l))
            .sum::<f64>()
    });
    Some(sums.sum())
}

#[cfg(test)]
mod tests {
    use burn_backend::Shape;
    use burn_backend::ops::FloatTensorOps;
    use burn_flex::{Flex, FlexDevice};

    use super::super::optimizer::Moments;
    use super::*;
    use crate::ops::host::tests::{noise, same};

    /// A transposed tensor is no slice, so the general update runs on it.
    #[test]
    fn updates_in_one_pass_are_those_of_any_backend() {
        let all = [
            Optimizer::Sgd {},
            Optimizer::Momentum {
                momentum: 0.9,
                dampening: 0.2,
            },
            Optimizer::Nesterov { momentum: 0.8 },
            Optimizer::Adam(Moments::default()),
            Optimizer::AdamW(Moments::default()),
            Optimizer::RmsProp {
                alpha: 0.9,
                epsilon: 1e-6,
                momentum: 0.0,
                centered: true,
            },
            Optimizer::RmsProp {
                alpha: 0.9,
                epsilon: 1e-6,
                momentum: 0.5,
                centered: false,
            },
            Optimizer::Adagrad {
                lr_decay: 0.1,
                epsilon: 1e-8,
                initial: 0.3,
            },
        ];
        let turned = |t: FloatTensor<Flex>| Flex::float_transpose(t);
        for optimizer in all {
            let (mut fast, mut slow) = (State::<Flex>::default(), State::<Flex>::default());
            let mut a = noise(&[90, 200], 3);
            let mut b = turned(Flex::float_reshape(
                crate::ops::host::contiguous::<Flex>(&turned(a.clone())).unwrap(),
                Shape::from(vec![200, 90]),
            ));
            for step in 0..4 {
                let gradient = noise(&[90, 200], 10 + step);
                let rates = Rates {
                    rate: 0.05,
                    decay: 0.1,
                    momentum: (step > 2).then_some(0.7),
                };
                assert!(slice::<Flex>(&b).is_none());
                a = optimizer.update::<Flex>(a, gradient.clone(), &mut fast, rates);
                b = optimizer.update::<Flex>(b, gradient, &mut slow, rates);
                same(&format!("{optimizer:?}"), a.clone(), b.clone());
                b = turned(crate::ops::host::contiguous::<Flex>(&turned(a.clone())).unwrap());
                assert_eq!(fast.updates, slow.updates);
            }
        }
        let t = noise(&[3, 1001], 5);
        let wanted: f64 = slice::<Flex>(&t)
            .unwrap()
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum();
        assert!((squares::<Flex>(&t).unwrap() / wanted - 1.0).abs() < 1e-6);
        let _ = FlexDevice;
    }
}
