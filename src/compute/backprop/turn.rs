//! What happens to a gradient on its way back through a layer.

use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn_backend::Backend;
use burn_backend::tensor::FloatTensor;

/// What happens to a gradient on its way back through a layer of one input and one output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// The operator's own derivative.
    Own,
    /// What is negative goes, then the operator's own derivative (guided backpropagation).
    Positive,
    /// What is negative goes, and the rest passes the operator by (deconvolution).
    PositivePassed,
    /// Times `y / (y + e * sign(y))` for the layer's output `y`, then the operator's own derivative.
    #[allow(missing_docs)]
    Stabilised { epsilon: f32 },
    /// Times `y / x` for the layer's input `x` and output `y`, and 0 where `x` is 0, in place of the
    /// operator's derivative: `x` times the gradient stays what `y` times the gradient was.
    Ratio,
}

/// Keeps a division by 0 from being one; no activation is so small.
const LEAST: f32 = 1e-20;

impl Turn {
    /// What later layers read in place of the layer's output `y`; `x` is what the layer read.
    pub(super) fn apply<B: Backend>(
        self,
        x: Option<&FloatTensor<Autodiff<B>>>,
        y: FloatTensor<Autodiff<B>>,
    ) -> FloatTensor<Autodiff<B>> {
        let plain = y.primitive.clone();
        let size = |t: &FloatTensor<Autodiff<B>>| B::float_abs(t.primitive.clone());
        let plus = |t, by: f32| B::float_add_scalar(t, by.into());
        match (self, x) {
            (Turn::Own, _) => y,
            (Turn::Positive, _) => through::<B>(&y, plain, Change::Positive),
            // |y| / (|y| + e) is 0 and not NaN where y is 0.
            (Turn::Stabilised { epsilon }, _) => {
                let factor = B::float_div(size(&y), plus(size(&y), epsilon));
                through::<B>(&y, plain, Change::Times(factor))
            }
            (Turn::PositivePassed, Some(x)) => through::<B>(x, plain, Change::Positive),
            (Turn::Ratio, Some(x)) => {
                let sign = B::float_sign(x.primitive.clone());
                let factor = B::float_div(plain.clone(), plus(size(x), LEAST));
                through::<B>(x, plain, Change::Times(B::float_mul(factor, sign)))
            }
            (_, None) => y,
        }
    }
}

/// What a gradient becomes.
#[derive(Clone, Debug)]
enum Change<T> {
    Positive,
    Times(T),
}

/// A step whose value is `y`, and whose gradient goes, changed, to `x`, which has the same shape.
#[derive(Debug)]
struct Step;

impl<B: Backend> Backward<B, 1> for Step {
    type State = Change<B::FloatTensorPrimitive>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let change = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |gradient| match change {
            Change::Positive => B::float_clamp_min(gradient, 0f32.into()),
            Change::Times(factor) => B::float_mul(gradient, factor),
        });
    }
}

fn through<B: Backend>(
    x: &FloatTensor<Autodiff<B>>,
    y: B::FloatTensorPrimitive,
    change: Change<B::FloatTensorPrimitive>,
) -> FloatTensor<Autodiff<B>> {
    let prepared = Backward::<B, 1>::prepare::<NoCheckpointing>(Step, [x.node.clone()]);
    match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(change, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    }
}
