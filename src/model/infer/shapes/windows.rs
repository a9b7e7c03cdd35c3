//! Sizes after convolutions and pooling.

use super::{At, Dims};
use crate::Dim;
use crate::op::{Padding, Window};

fn known(n: i64) -> Dim {
    u64::try_from(n).map_or(Dim::Unknown, Dim::Known)
}

/// The output size of one spatial axis.
fn size(
    input: &Dim,
    kernel: &Dim,
    window: &Window,
    i: usize,
    axes: usize,
    ceil: bool,
) -> Result<Dim, String> {
    let (stride, dilation) = (window.stride(i), window.dilation(i));
    if stride < 1 || dilation < 1 {
        return Err(format!(
            "stride {stride} and dilation {dilation}: at least 1 is expected"
        ));
    }
    let extent = kernel
        .sub(&Dim::Known(1))
        .mul(&known(dilation))
        .add(&Dim::Known(1));
    let pad = match &window.padding {
        Padding::SameUpper | Padding::SameLower => {
            return Ok(input.add(&known(stride - 1)).div(&known(stride)));
        }
        Padding::Valid => (0, 0),
        Padding::Explicit(p) if p.is_empty() => (0, 0),
        Padding::Explicit(p) => match (p.get(i), p.get(i + axes)) {
            (Some(&b), Some(&e)) => (b, e),
            _ => return Err(format!("padding {p:?} for {axes} spatial axes")),
        },
    };
    let total = pad
        .0
        .checked_add(pad.1)
        .filter(|t| *t >= 0)
        .ok_or("negative padding")?;
    let padded = input.add(&known(total));
    if let (Some(p), Some(e)) = (padded.known(), extent.known())
        && p < e
    {
        return Err(format!("a window of {e} does not fit the padded size {p}"));
    }
    let room = padded.sub(&extent);
    let round = if ceil { known(stride - 1) } else { Dim::Known(0) };
    let outputs = room.add(&round).div(&known(stride)).add(&Dim::Known(1));
    // With the ceiling rule the last window must begin inside the input or its begin padding.
    match (ceil, outputs.known(), input.known()) {
        (true, Some(o), Some(n)) if (o - 1) * stride as u64 >= n + pad.0.max(0) as u64 => {
            Ok(Dim::Known(o - 1))
        }
        _ => Ok(outputs),
    }
}

/// The kernel: the weights' own axes, or the attribute where these are unknown.
fn kernel(weights: Option<&[Dim]>, window: &Window, axes: usize) -> Dims {
    let stated = |i: usize| window.kernel.get(i).map_or(Dim::Unknown, |&k| known(k));
    (0..axes)
        .map(|i| {
            weights
                .and_then(|w| w.get(i + 2))
                .cloned()
                .unwrap_or_else(|| stated(i))
        })
        .collect()
}

/// After a convolution of input `data` with the weights in input `weights`.
pub(super) fn conv(
    at: &At,
    window: &Window,
    groups: i64,
    [data, weights]: [usize; 2],
) -> Result<Option<Dims>, String> {
    let Some(x) = at.dims(data) else { return Ok(None) };
    let w = at.dims(weights);
    let axes = x
        .len()
        .checked_sub(2)
        .filter(|&a| a > 0)
        .ok_or("a batch, channels and space are expected")?;
    if let Some(w) = &w {
        if w.len() != x.len() {
            return Err(format!(
                "weights of rank {} for an input of rank {}",
                w.len(),
                x.len()
            ));
        }
        if let (Some(c), Some(each)) = (x[1].known(), w[1].known())
            && u64::try_from(groups).ok().and_then(|g| g.checked_mul(each)) != Some(c)
        {
            return Err(format!(
                "{c} channels meet weights for {each} in each of {groups} groups"
            ));
        }
    }
    let kernel = kernel(w.as_deref(), window, axes);
    let mut dims = vec![x[0].clone(), w.map_or(Dim::Unknown, |w| w[0].clone())];
    for i in 0..axes {
        dims.push(size(&x[i + 2], &kernel[i], window, i, axes, false)?);
    }
    Ok(Some(dims))
}

pub(super) fn pool(at: &At, window: &Window, ceil: bool) -> Result<Option<Dims>, String> {
    let Some(x) = at.dims(0) else { return Ok(None) };
    let axes = x
        .len()
        .checked_sub(2)
        .filter(|&a| a > 0)
        .ok_or("a batch, channels and space are expected")?;
    if window.kernel.len() != axes {
        return Err(format!("kernel {:?} for {axes} spatial axes", window.kernel));
    }
    let mut dims = x[..2].to_vec();
    for i in 0..axes {
        dims.push(size(&x[i + 2], &known(window.kernel[i]), window, i, axes, ceil)?);
    }
    Ok(Some(dims))
}

pub(super) fn transpose(
    at: &At,
    window: &Window,
    groups: i64,
    output_padding: &[i64],
    output_shape: Option<&[i64]>,
) -> Result<Option<Dims>, String> {
    let Some(x) = at.dims(0) else { return Ok(None) };
    let w = at.dims(1);
    let axes = x
        .len()
        .checked_sub(2)
        .filter(|&a| a > 0)
        .ok_or("a batch, channels and space are expected")?;
    let kernel = kernel(w.as_deref(), window, axes);
    let channels = w
        .and_then(|w| w.get(1).cloned())
        .map_or(Dim::Unknown, |m| m.mul(&known(groups)));
    let mut dims = vec![x[0].clone(), channels];
    for i in 0..axes {
        let stride = known(window.stride(i));
        dims.push(match (output_shape.and_then(|s| s.get(i)), &window.padding) {
            (Some(&s), _) => known(s),
            (None, Padding::SameUpper | Padding::SameLower) => x[i + 2].mul(&stride),
            (None, padding) => {
                let pads = match padding {
                    Padding::Explicit(p) if !p.is_empty() => {
                        p.get(i).copied().unwrap_or(0) + p.get(i + axes).copied().unwrap_or(0)
                    }
                    _ => 0,
                };
                let extent = kernel[i]
                    .sub(&Dim::Known(1))
                    .mul(&known(window.dilation(i)))
                    .add(&Dim::Known(1));
                let extra = known(output_padding.get(i).copied().unwrap_or(0));
                let full = x[i + 2].sub(&Dim::Known(1)).mul(&stride).add(&extent).add(&extra);
                full.sub(&known(pads))
            }
        });
    }
    Ok(Some(dims))
}

/// Before the max pooling that this undoes.
pub(super) fn unpool(at: &At, window: &Window) -> Result<Option<Dims>, String> {
    let Some(x) = at.dims(0) else { return Ok(None) };
    let axes = x.len().checked_sub(2).filter(|&a| a == window.kernel.len());
    let axes = axes.ok_or_else(|| format!("kernel {:?} for rank {}", window.kernel, x.len()))?;
    let mut dims = x[..2].to_vec();
    for i in 0..axes {
        let pads = match &window.padding {
            Padding::Explicit(p) if !p.is_empty() => {
                p.get(i).copied().unwrap_or(0) + p.get(i + axes).copied().unwrap_or(0)
            }
            _ => 0,
        };
        let steps = x[i + 2].sub(&Dim::Known(1)).mul(&known(window.stride(i)));
        dims.push(steps.add(&known(window.kernel[i])).sub(&known(pads)));
    }
    Ok(Some(dims))
}
