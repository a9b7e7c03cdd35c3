//! Which file computes attention, recurrence, quantised products, sampling and transforms.

use burn_backend::Backend;
use model::{Layer, Op};

use super::{
    Context, Output, Outputs, attention, cache, grid, linear_attention, norm, pool, quantize, quantized,
    recurrent, roi, sample, signal,
};

/// Runs one layer; `None` when its operator is none of these.
pub fn eval<B: Backend>(c: &Context<B>) -> Option<Outputs<B>> {
    let one = |y: Output<B>| Some(y.map(|y| vec![y]));
    match &c.layer.op {
        Op::Recurrent(cell) => Some(recurrent::recurrent(c, cell)),
        Op::Attention(o) => Some(attention::attention(c, o)),
        Op::LinearAttention(o) => Some(linear_attention::linear_attention(c, o)),
        Op::CausalConv { swish } => Some(linear_attention::causal_conv(c, *swish)),
        Op::RotaryEmbedding {
            interleaved,
            width,
            heads,
        } => one(attention::rotary(c, *interleaved, *width, *heads)),
        Op::TensorScatter { axis, circular } => one(cache::tensor_scatter(c, *axis, *circular)),
        Op::CenterCropPad { axes } => one(cache::centre_crop_pad(c, axes)),
        Op::QuantizeLinear(q) => one(quantize::quantize(c, q)),
        Op::DequantizeLinear(q) => one(quantize::dequantize(c, q)),
        Op::DynamicQuantizeLinear => Some(quantize::dynamic(c)),
        Op::QLinearConv { window, groups } => one(quantized::qlinear_conv(c, window, *groups)),
        Op::QLinearMatMul => one(quantized::qlinear_matmul(c)),
        Op::ConvInteger { window, groups } => one(quantized::conv_integer(c, window, *groups)),
        Op::MatMulInteger => one(quantized::matmul_integer(c)),
        Op::LayerNorm { axis, epsilon } => Some(norm::layer(c, *axis, *epsilon, true)),
        Op::RmsNorm { axis, epsilon } => Some(norm::layer(c, *axis, *epsilon, false)),
        Op::MeanVarianceNorm { axes } => one(norm::mean_variance(c, axes)),
        Op::BatchNormTraining { epsilon, momentum } => Some(norm::batch_training(c, *epsilon, *momentum)),
        Op::MaxPool {
            window,
            ceil,
            column_major,
        } => Some(pool::max(c, window, *ceil, *column_major)),
        Op::LpPool { window, ceil, p } => one(pool::lp(c, window, *ceil, *p)),
        Op::GlobalLpPool { p } => one(pool::global_lp(c, *p)),
        Op::MaxUnpool { window } => one(sample::max_unpool(c, window)),
        Op::Col2Im { window } => one(sample::col2im(c, window)),
        Op::GridSample(o) => one(grid::sample(c, o)),
        Op::AffineGrid { align_corners } => one(grid::affine(c, *align_corners)),
        Op::RoiAlign(o) => one(roi::align(c, o)),
        Op::MaxRoiPool { size, scale } => one(roi::max_pool(c, *size, *scale)),
        Op::DeformConv(o) => one(roi::deform_conv(c, o)),
        Op::Dft {
            axis,
            inverse,
            one_sided,
        } => one(signal::dft(c, *axis, *inverse, *one_sided)),
        Op::Stft { one_sided } => one(signal::stft(c, *one_sided)),
        Op::Taper { kind, periodic, to } => one(signal::taper(c, *kind, *periodic, *to)),
        Op::MelWeights { to } => one(signal::mel_weights(c, *to)),
        _ => None,
    }
}

/// The float inputs whose numbers these operators look at; `None` when the operator is none of them.
pub fn looks(layer: &Layer, i: usize) -> Option<bool> {
    Some(match &layer.op {
        Op::QuantizeLinear(_) | Op::DynamicQuantizeLinear => true,
        Op::QLinearConv { .. } | Op::QLinearMatMul | Op::MaxRoiPool { .. } | Op::MelWeights { .. } => true,
        Op::MaxPool { .. } => pool::tells_places(layer),
        Op::Recurrent(_) => i == 4,
        Op::GridSample(_) | Op::RoiAlign(_) | Op::Resize(_) => i >= 1,
        Op::DeformConv(_) => i == 2 || i == 4,
        _ => return None,
    })
}
