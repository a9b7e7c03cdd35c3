//! Matrix products on the CPU backend, as in [`super::host`].

use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;
use model::op::Unary;

use super::host::{Done, follow, slice, strided};
use crate::kernels::{Finish, View, product, products};
use crate::value::{broadcast, dims, float, reshape};

/// `[..., M, K]` times `[..., K, N]`, with what follows it at once.
pub struct Product<'a, B: Backend> {
    /// The left factor.
    pub a: &'a FloatTensor<B>,
    /// The right factor.
    pub b: &'a FloatTensor<B>,
    /// `[N]`, added to each column; only beside a right factor of two axes.
    pub bias: Option<&'a FloatTensor<B>>,
    /// A tensor of the result's shape that is added; as the bias.
    pub sum: Option<&'a FloatTensor<B>>,
    /// Applied last, where it is one of those of [`Activation`]; as the bias.
    pub activation: Option<Unary>,
}

impl<B: Backend> Product<'_, B> {
    /// The result, and how much of what follows it has been done. The inner sizes must agree.
    pub fn run(&self, device: &B::Device) -> Option<(FloatTensor<B>, Done)> {
        let (sa, sb) = (dims::<B>(self.a), dims::<B>(self.b));
        let n = *sb.last()?;
        if sb.len() > 2 {
            return Some((self.batched(&sa, &sb, device)?, Done::default()));
        }
        // Weights: all rows of the batch in one product.
        let rows = sa[..sa.len() - 1].iter().product();
        let a = reshape::<B>(self.a.clone(), &[rows, sb[0]]);
        let shape = [&sa[..sa.len() - 1], &[n]].concat();
        let columns = match self.bias {
            Some(bias) => Some(slice::<B>(bias).filter(|b| b.len() == n)?),
            None => None,
        };
        let (sum, activation) = follow::<B>(self.sum, self.activation, &shape);
        let finish = Finish {
            columns,
            sum,
            activation,
            ..Finish::default()
        };
        let mut out = vec![0f32; rows * n];
        product(view::<B>(&a, 0)?, view::<B>(self.b, 0)?, &finish, &mut out);
        let done = Done {
            summed: sum.is_some(),
            activated: activation.is_some(),
        };
        Some((float::<B>(out, &shape, device), done))
    }

    fn batched(&self, sa: &[usize], sb: &[usize], device: &B::Device) -> Option<FloatTensor<B>> {
        let batch = broadcast(&sa[..sa.len() - 2], &sb[..sb.len() - 2]).ok()?;
        let offsets = |t: &FloatTensor<B>| -> Option<Vec<usize>> {
            let (size, steps) = (dims::<B>(t), strided::<B>(t)?.1);
            let skipped = batch.len() + 2 - size.len();
            let mut all = vec![0];
            for (axis, &count) in batch.iter().enumerate() {
                let step = match axis.checked_sub(skipped) {
                    Some(own) if size[own] > 1 => steps[own],
                    _ => 0,
                };
                all = (all.iter().flat_map(|&o| (0..count).map(move |i| o + i * step))).collect();
            }
            Some(all)
        };
        let (oa, ob) = (offsets(self.a)?, offsets(self.b)?);
        let (m, n) = (sa[sa.len() - 2], sb[sb.len() - 1]);
        let mut out = vec![0f32; oa.len() * m * n];
        if !out.is_empty() {
            let (a, b) = (view::<B>(self.a, 0)?, view::<B>(self.b, 0)?);
            products(|i| a.from(oa[i]), |i| b.from(ob[i]), m * n, &mut out);
        }
        Some(float::<B>(out, &[&batch[..], &[m, n]].concat(), device))
    }
}

/// The last two axes of `t`, from `offset` on.
fn view<B: Backend>(t: &FloatTensor<B>, offset: usize) -> Option<View<'_>> {
    let (size, (values, steps)) = (dims::<B>(t), strided::<B>(t)?);
    let axis = size.len().checked_sub(2)?;
    Some(View {
        values: &values[offset..],
        size: [size[axis], size[axis + 1]],
        strides: [steps[axis], steps[axis + 1]],
    })
}

#[cfg(test)]
mod tests {
    use burn_backend::Shape;
    use burn_backend::ops::{ActivationOps, FloatTensorOps};
    use burn_flex::{Flex, FlexDevice};

    use super::super::host::tests::{noise, same};
    use super::*;

    fn plain<'a>(a: &'a FloatTensor<Flex>, b: &'a FloatTensor<Flex>) -> Product<'a, Flex> {
        Product {
            a,
            b,
            bias: None,
            sum: None,
            activation: None,
        }
    }

    /// Sizes around those of a tile, few and many rows, each factor as it is and turned.
    #[test]
    fn products_are_those_of_the_backend() {
        for m in [1, 2, 3, 8, 13, 70] {
            for (k, n) in [(1, 1), (5, 47), (64, 48), (33, 200), (300, 49), (7, 1000)] {
                for turned in 0..4 {
                    let factor = |rows: usize, columns: usize, turn: bool, seed: u32| match turn {
                        true => Flex::float_transpose(noise(&[columns, rows], seed)),
                        false => noise(&[rows, columns], seed),
                    };
                    let a = factor(m, k, turned & 1 > 0, 1);
                    let b = factor(k, n, turned & 2 > 0, 2);
                    let (bias, sum) = (noise(&[n], 3), noise(&[m, n], 4));
                    let what = format!("{m} x {k} x {n}, turned {turned}");
                    let wanted = Flex::float_matmul(a.clone(), b.clone());
                    same(&what, plain(&a, &b).run(&FlexDevice).unwrap().0, wanted.clone());
                    let finished = Product {
                        bias: Some(&bias),
                        sum: Some(&sum),
                        activation: Some(Unary::LeakyRelu { alpha: 0.5 }),
                        ..plain(&a, &b)
                    };
                    let (found, done) = finished.run(&FlexDevice).unwrap();
                    let bias = reshape::<Flex>(bias.clone(), &[1, n]);
                    let wanted = Flex::float_add(Flex::float_add(wanted, bias), sum.clone());
                    let wanted = Flex::leaky_relu(wanted, 0.5f32.into());
                    assert!(done.activated && done.summed);
                    same(&what, found, wanted);
                }
            }
        }
    }

    /// Batches that broadcast, of tensors whose axes were exchanged.
    #[test]
    fn batches_broadcast() {
        let a = Flex::float_permute(noise(&[2, 9, 3, 8], 1), &[0, 2, 1, 3]);
        let b = noise(&[3, 8, 11], 2);
        let wanted = Flex::float_matmul(
            a.clone(),
            Flex::float_expand(
                reshape::<Flex>(b.clone(), &[1, 3, 8, 11]),
                Shape::from(vec![2, 3, 8, 11]),
            ),
        );
        same("heads", plain(&a, &b).run(&FlexDevice).unwrap().0, wanted);
        let keys = Flex::float_permute(noise(&[2, 7, 3, 8], 3), &[0, 2, 3, 1]);
        let wanted = Flex::float_matmul(a.clone(), keys.clone());
        same("keys", plain(&a, &keys).run(&FlexDevice).unwrap().0, wanted);
    }
}
