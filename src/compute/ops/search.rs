//! Operators that look for elements: places, distinct values, boxes.

use std::cmp::Ordering;

use model::DType;

use super::plain::{Call, Plain, elements};
use crate::value::{axis as resolve, order, strides};

/// True where an element is not zero.
fn nonzero(x: &Plain) -> Result<Vec<bool>, String> {
    match x {
        Plain::Float(f) => Ok(f.data.iter().map(|&v| v != 0.0).collect()),
        Plain::Int(i) => Ok(i.data.iter().map(|&v| v != 0).collect()),
        Plain::Text(_) => Err("numbers are expected, strings found".into()),
    }
}

/// `NonZero`: the places of elements that are not zero, one column each.
pub fn non_zero(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.input(0)?;
    let shape = x.shape();
    let found: Vec<usize> = (nonzero(x)?.iter().enumerate())
        .filter(|(_, yes)| **yes)
        .map(|(i, _)| i)
        .collect();
    let steps = strides(shape);
    let row = |a: usize| found.iter().map(move |&i| i / steps[a] % shape[a]);
    let data = (0..shape.len()).flat_map(|a| row.clone()(a).map(|v| v as i64).collect::<Vec<_>>());
    Ok(vec![Plain::ints(
        vec![shape.len(), found.len()],
        data.collect(),
        DType::I64,
    )])
}

/// The order of two elements.
fn compare(x: &Plain, a: usize, b: usize) -> Ordering {
    match x {
        Plain::Float(f) => f.data[a].total_cmp(&f.data[b]),
        Plain::Int(i) => order(i.dtype, i.data[a], i.data[b]),
        Plain::Text(t) => t.data[a].cmp(&t.data[b]),
    }
}

/// `Unique`: distinct elements, or slices along `axis`, their first places, for each element its
/// place among them, and their counts.
pub fn unique(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.input(0)?;
    let shape = x.shape().to_vec();
    let axis = c
        .attrs()
        .opt_int("axis")?
        .map(|a| resolve(a, shape.len()))
        .transpose()?;
    let (size, inner) = match axis {
        Some(a) => (shape[a], shape[a + 1..].iter().product::<usize>()),
        None => (x.len(), 1),
    };
    let outer = x.len().checked_div(size * inner).unwrap_or(0);
    let slice =
        move |k: usize| (0..outer).flat_map(move |o| (0..inner).map(move |i| (o * size + k) * inner + i));
    let by = |a: usize, b: usize| {
        let mut pairs = slice(a).zip(slice(b)).map(|(i, j)| compare(x, i, j));
        pairs.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut sorted: Vec<usize> = (0..size).collect();
    sorted.sort_by(|&a, &b| by(a, b));
    // First place and count of each distinct slice.
    let mut groups: Vec<(usize, i64)> = Vec::new();
    let mut of = vec![0usize; size];
    for &k in &sorted {
        match groups.last_mut() {
            Some((first, count)) if by(*first, k).is_eq() => *count += 1,
            _ => groups.push((k, 1)),
        }
        of[k] = groups.len() - 1;
    }
    let mut places: Vec<usize> = (0..groups.len()).collect();
    if !c.attrs().flag("sorted", true)? {
        places.sort_by_key(|&g| groups[g].0);
    }
    let mut rank = vec![0i64; groups.len()];
    places.iter().enumerate().for_each(|(r, &g)| rank[g] = r as i64);
    let firsts: Vec<usize> = places.iter().map(|&g| groups[g].0).collect();
    let values = match axis {
        None => x.pick(vec![firsts.len()], firsts.iter().copied()),
        Some(a) => {
            let mut to = shape;
            to[a] = firsts.len();
            let picks = (0..outer).flat_map(|o| {
                firsts
                    .iter()
                    .flat_map(move |&k| (0..inner).map(move |i| (o * size + k) * inner + i))
            });
            x.pick(to, picks)
        }
    };
    let counts = places.iter().map(|&g| groups[g].1).collect();
    let line = |data: Vec<i64>| Plain::ints(vec![data.len()], data, DType::I64);
    Ok(vec![
        values,
        line(firsts.iter().map(|&k| k as i64).collect()),
        line(of.iter().map(|&g| rank[g]).collect()),
        line(counts),
    ])
}

/// `OneHot`: `values[1]` at each index along a new axis, `values[0]` elsewhere.
pub fn one_hot(c: &Call) -> Result<Vec<Plain>, String> {
    let (indices, own) = c.floats(0)?;
    let depth = c.opt_number(1)?.ok_or("the depth is missing")? as i64;
    let depth = depth.min(1 << 40);
    let values = c.input(2)?;
    if values.len() != 2 || depth < 0 {
        return Err(format!("depth {depth} with {} values", values.len()));
    }
    let axis = resolve(c.attrs().int("axis", -1)?, own.len() + 1)?;
    let mut shape = own.to_vec();
    shape.insert(axis, depth as usize);
    let total = elements(&shape)?;
    let inner: usize = shape[axis + 1..].iter().product();
    let size = depth as usize;
    let hot = (0..total).map(|flat| {
        let (i, k) = (flat % inner, flat / inner % size);
        let at = indices[flat / inner / size * inner + i] as i64;
        let at = if at < 0 { at + depth } else { at };
        usize::from(at == k as i64)
    });
    Ok(vec![values.pick(shape.clone(), hot)])
}

/// `Hardmax`: 1 at the first largest element along an axis, 0 elsewhere. Before opset 13 the axes
/// from `axis` on are one.
pub fn hardmax(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let old = c.opset < 13;
    let axis = resolve(c.attrs().int("axis", if old { 1 } else { -1 })?, shape.len())?;
    let (size, inner) = match old {
        true => (shape[axis..].iter().product::<usize>(), 1),
        false => (shape[axis], shape[axis + 1..].iter().product::<usize>()),
    };
    let mut y = vec![0f32; x.len()];
    for line in 0..x.len() / size.max(1) {
        let first = line / inner * size * inner + line % inner;
        let at = |k: usize| first + k * inner;
        let best = (1..size).fold(0, |b, k| if x[at(k)] > x[at(b)] { k } else { b });
        y[at(best)] = 1.0;
    }
    Ok(vec![Plain::floats(shape.to_vec(), y)])
}

/// `EyeLike`: ones on a diagonal.
pub fn eye_like(c: &Call) -> Result<Vec<Plain>, String> {
    let shape = c.input(0)?.shape().to_vec();
    let [_, columns] = shape[..] else {
        return Err(format!("a matrix is expected, {shape:?} found"));
    };
    let k = c.attrs().int("k", 0)?;
    let dtype = match c.attrs().opt_int("dtype")? {
        Some(number) => super::cast::onnx_type(number).ok_or("an unknown element type")?,
        None => c.dtype(0),
    };
    let one = |i: usize| ((i % columns) as i64 - (i / columns) as i64 == k) as i64;
    let data = (0..elements(&shape)?).map(one);
    Ok(vec![match dtype.is_float() {
        true => Plain::floats(shape.clone(), data.map(|v| v as f32).collect()),
        false => Plain::ints(shape.clone(), data.collect(), dtype),
    }])
}

/// `NonMaxSuppression`: boxes by falling score without those that overlap a better one. Out: batch,
/// class and box of each.
pub fn non_max_suppression(c: &Call) -> Result<Vec<Plain>, String> {
    let ((boxes, shape), (scores, of)) = (c.floats(0)?, c.floats(1)?);
    let (&[batch, count, 4], &[_, classes, _]) = (shape, of) else {
        return Err(format!("boxes {shape:?} and scores {of:?}"));
    };
    if of[0] != batch || of[2] != count {
        return Err(format!("boxes {shape:?} and scores {of:?}"));
    }
    let most = c.opt_int(2)?.unwrap_or(0).max(0) as usize;
    let overlap = c.opt_number(3)?.unwrap_or(0.0);
    let least = c.opt_number(4)?;
    let centred = c.attrs().flag("center_point_box", false)?;
    let corners = |i: usize| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|k| boxes[i * 4 + k]);
        match centred {
            true => [b - d / 2.0, a - c / 2.0, b + d / 2.0, a + c / 2.0],
            false => [a.min(c), b.min(d), a.max(c), b.max(d)],
        }
    };
    let area = |r: [f32; 4]| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let iou = |a: [f32; 4], b: [f32; 4]| {
        let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        let all = area(a) + area(b) - both;
        if all > 0.0 { both / all } else { 0.0 }
    };
    let mut found = Vec::new();
    for n in 0..batch {
        for class in 0..classes {
            let score = |i: usize| scores[(n * classes + class) * count + i];
            let mut sorted: Vec<usize> = (0..count)
                .filter(|&i| least.is_none_or(|l| score(i) > l))
                .collect();
            sorted.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            let mut kept: Vec<[f32; 4]> = Vec::new();
            for i in sorted {
                if kept.len() >= most {
                    break;
                }
                let own = corners(n * count + i);
                if kept.iter().all(|&better| iou(own, better) <= overlap) {
                    kept.push(own);
                    found.extend([n as i64, class as i64, i as i64]);
                }
            }
        }
    }
    Ok(vec![Plain::ints(vec![found.len() / 3, 3], found, DType::I64)])
}

/// `IsInf` of one sign.
pub fn is_inf(c: &Call) -> Result<Vec<Plain>, String> {
    let (x, shape) = c.floats(0)?;
    let (below, above) = (
        c.attrs().flag("detect_negative", true)?,
        c.attrs().flag("detect_positive", true)?,
    );
    let test = |v: &f32| (above && *v == f32::INFINITY) || (below && *v == f32::NEG_INFINITY);
    Ok(vec![Plain::bools(shape.to_vec(), x.iter().map(test))])
}
