//! LSTM, GRU and plain recurrent layers, one step after another.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, FloatDType, Shape};
use model::op::{Cell, Direction, Recurrent};

use super::gates::{Gate, functions};
use super::shape::range;
use super::{Context, Outputs};
use crate::value::{Value, dims, float, reshape};

/// `X [T, N, I]`, `W [D, G*H, I]`, `R [D, G*H, H]`, optional `B [D, 2*G*H]`, lengths, `h0 [D, N, H]`,
/// and for an LSTM `c0 [D, N, H]` and peepholes `P [D, 3*H]`. Out: `Y [T, D, N, H]`, `Y_h`, `Y_c`.
pub fn recurrent<B: Backend>(c: &Context<B>, cell: &Recurrent) -> Outputs<B> {
    let gates = match cell.cell {
        Cell::Lstm => 4,
        Cell::Gru => 3,
        Cell::Rnn => 1,
    };
    let mut x = c.float(0)?;
    if dims::<B>(&x).len() != 3 {
        return Err(format!(
            "input {:?}: time, batch and features are expected",
            dims::<B>(&x)
        ));
    }
    if cell.batch_first {
        x = B::float_permute(x, &[1, 0, 2]);
    }
    let (w, r) = (c.float(1)?, c.float(2)?);
    let (xs, ws, rs) = (dims::<B>(&x), dims::<B>(&w), dims::<B>(&r));
    let hidden = *rs.last().unwrap_or(&0);
    let directions = if cell.direction == Direction::Bidirectional {
        2
    } else {
        1
    };
    if xs.len() != 3
        || ws != [directions, gates * hidden, xs[2]]
        || rs != [directions, gates * hidden, hidden]
    {
        return Err(format!(
            "input {xs:?}, weights {ws:?} and recurrent weights {rs:?} do not fit"
        ));
    }
    let lengths = c.opt_ints(4)?;
    if let Some(lengths) = &lengths
        && (lengths.len() != xs[1] || lengths.iter().any(|&l| !(0..=xs[0] as i64).contains(&l)))
    {
        return Err(format!(
            "lengths {lengths:?} for {} sequences of {}",
            xs[1], xs[0]
        ));
    }
    let halves = 2 * gates * hidden;
    let fits = |i: usize, wanted: &[usize]| {
        let own = c.opt(i).map(Value::shape);
        own.filter(|own| own != wanted).map_or(Ok(()), |own| {
            Err(format!("input {i} is {own:?}, {wanted:?} is expected"))
        })
    };
    let state = match cell.batch_first {
        true => [xs[1], directions, hidden],
        false => [directions, xs[1], hidden],
    };
    fits(3, &[directions, halves])?;
    fits(5, &state)?;
    if cell.cell == Cell::Lstm {
        fits(6, &state)?;
        fits(7, &[directions, 3 * hidden])?;
    }
    let defaults: &[&str] = match cell.cell {
        Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        Cell::Gru => &["Sigmoid", "Tanh"],
        Cell::Rnn => &["Tanh"],
    };
    let mut runs = Vec::new();
    for d in 0..directions {
        let part = |t: FloatTensor<B>| {
            let shape = dims::<B>(&t);
            let mut ranges: Vec<(usize, usize)> = shape.iter().map(|&s| (0, s)).collect();
            ranges[0] = (d, d + 1);
            reshape::<B>(range::<B>(t, &ranges), &shape[1..])
        };
        let state = |i: usize| -> Result<FloatTensor<B>, String> {
            Ok(match c.opt_float(i)? {
                Some(t) if dims::<B>(&t).len() != 3 => {
                    return Err(format!(
                        "input {i}: a state of rank 3 is expected, {:?} found",
                        dims::<B>(&t)
                    ));
                }
                Some(t) if cell.batch_first => part(B::float_permute(t, &[1, 0, 2])),
                Some(t) => part(t),
                None => B::float_zeros(Shape::from(vec![xs[1], hidden]), c.device, FloatDType::F32),
            })
        };
        let functions = functions(cell, defaults, d)?;
        let run = Run::<B> {
            kind: cell.cell,
            linear_before_reset: cell.linear_before_reset,
            clip: cell.clip,
            input_forget: cell.input_forget,
            lengths: lengths.as_deref(),
            hidden,
            functions,
            w: B::float_transpose(part(w.clone())),
            r: B::float_transpose(part(r.clone())),
            b: c.opt_float(3)?.map(part),
            peepholes: c.opt_float(7)?.map(part),
        };
        let backward = cell.direction == Direction::Reverse || d == 1;
        let cell_state = if cell.cell == Cell::Lstm {
            state(6)?
        } else {
            state(usize::MAX)?
        };
        runs.push(run.steps(x.clone(), state(5)?, cell_state, backward)?);
    }
    // [T, N, H] of each direction to [T, D, N, H].
    let stack = |parts: Vec<FloatTensor<B>>, axis: usize| {
        let parts = parts.into_iter().map(|t| {
            let mut shape = dims::<B>(&t);
            shape.insert(axis, 1);
            reshape::<B>(t, &shape)
        });
        B::float_cat(parts.collect(), axis)
    };
    let mut y = stack(runs.iter().map(|r| r.0.clone()).collect(), 1);
    let mut h = stack(runs.iter().map(|r| r.1.clone()).collect(), 0);
    let mut s = stack(runs.iter().map(|r| r.2.clone()).collect(), 0);
    if cell.batch_first {
        y = B::float_permute(y, &[2, 0, 1, 3]);
        h = B::float_permute(h, &[1, 0, 2]);
        s = B::float_permute(s, &[1, 0, 2]);
    }
    let mut outputs = vec![Value::Float(y), Value::Float(h)];
    if cell.cell == Cell::Lstm {
        outputs.push(Value::Float(s));
    }
    Ok(outputs)
}

struct Run<'a, B: Backend> {
    kind: Cell,
    linear_before_reset: bool,
    clip: Option<f32>,
    input_forget: bool,
    /// Steps of each sequence of the batch.
    lengths: Option<&'a [i64]>,
    hidden: usize,
    functions: Vec<Gate>,
    /// `[I, G*H]`.
    w: FloatTensor<B>,
    /// `[H, G*H]`.
    r: FloatTensor<B>,
    /// `[2*G*H]`.
    b: Option<FloatTensor<B>>,
    /// `[3*H]` for input, output and forget gate.
    peepholes: Option<FloatTensor<B>>,
}

type Steps<B> = (
    <B as burn_backend::BackendTypes>::FloatTensorPrimitive,
    <B as burn_backend::BackendTypes>::FloatTensorPrimitive,
    <B as burn_backend::BackendTypes>::FloatTensorPrimitive,
);

impl<B: Backend> Run<'_, B> {
    fn steps(
        &self,
        x: FloatTensor<B>,
        mut h: FloatTensor<B>,
        mut s: FloatTensor<B>,
        backward: bool,
    ) -> Result<Steps<B>, String> {
        let xs = dims::<B>(&x);
        let (time, batch, width) = (xs[0], xs[1], dims::<B>(&self.w)[1]);
        // All input products at once, then only the recurrent one in each step.
        let flat = B::float_matmul(reshape::<B>(x, &[time * batch, xs[2]]), self.w.clone());
        let flat = match self.bias(0, width) {
            Some(b) => B::float_add(flat, b),
            None => flat,
        };
        let all = reshape::<B>(flat, &[time, batch, width]);
        let mut outputs = vec![None; time];
        for k in 0..time {
            let t = if backward { time - 1 - k } else { k };
            let now = range::<B>(all.clone(), &[(t, t + 1), (0, batch), (0, width)]);
            let next = self.step(reshape::<B>(now, &[batch, width]), h.clone(), s.clone());
            let running = self.running(t);
            let Some(running) = running.filter(|r| r.contains(&false)) else {
                (h, s) = next;
                outputs[t] = Some(reshape::<B>(h.clone(), &[1, batch, self.hidden]));
                continue;
            };
            // Sequences that have ended, or read backward have not begun, keep their state.
            let column = |values: Vec<f32>| float::<B>(values, &[batch, 1], &B::float_device(&next.0));
            let on = column(running.iter().map(|&r| f32::from(u8::from(r))).collect());
            let off = column(running.iter().map(|&r| f32::from(u8::from(!r))).collect());
            let blend = |new: &FloatTensor<B>, old: FloatTensor<B>| {
                B::float_add(
                    B::float_mul(new.clone(), on.clone()),
                    B::float_mul(old, off.clone()),
                )
            };
            (h, s) = (blend(&next.0, h), blend(&next.1, s));
            let shown = B::float_mul(next.0.clone(), on.clone());
            outputs[t] = Some(reshape::<B>(shown, &[1, batch, self.hidden]));
        }
        let outputs: Vec<FloatTensor<B>> = outputs.into_iter().flatten().collect();
        if outputs.is_empty() {
            return Err("the sequence is empty".into());
        }
        Ok((B::float_cat(outputs, 0), h, s))
    }

    /// Which sequences have a step `t`; `None`: all.
    fn running(&self, t: usize) -> Option<Vec<bool>> {
        Some(self.lengths?.iter().map(|&l| (t as i64) < l).collect())
    }

    /// The input (0) or recurrent (1) half of the bias as `[1, width]`.
    fn bias(&self, half: usize, width: usize) -> Option<FloatTensor<B>> {
        let b = self.b.clone()?;
        Some(reshape::<B>(
            range::<B>(b, &[(half * width, (half + 1) * width)]),
            &[1, width],
        ))
    }

    fn gate(&self, t: &FloatTensor<B>, i: usize) -> FloatTensor<B> {
        let rows = dims::<B>(t)[0];
        range::<B>(t.clone(), &[(0, rows), (i * self.hidden, (i + 1) * self.hidden)])
    }

    fn apply(&self, f: usize, t: FloatTensor<B>) -> FloatTensor<B> {
        let t = match self.clip {
            Some(c) => B::float_clamp(t, (-c).into(), c.into()),
            None => t,
        };
        self.functions[f].apply::<B>(t)
    }

    fn peep(&self, i: usize, gate: FloatTensor<B>, state: &FloatTensor<B>) -> FloatTensor<B> {
        let Some(p) = &self.peepholes else { return gate };
        let p = range::<B>(p.clone(), &[(i * self.hidden, (i + 1) * self.hidden)]);
        B::float_add(
            gate,
            B::float_mul(reshape::<B>(p, &[1, self.hidden]), state.clone()),
        )
    }

    /// One step: `x [N, G*H]` already multiplied, hidden and cell state `[N, H]`.
    fn step(
        &self,
        x: FloatTensor<B>,
        h: FloatTensor<B>,
        s: FloatTensor<B>,
    ) -> (FloatTensor<B>, FloatTensor<B>) {
        let width = dims::<B>(&self.w)[1];
        let mut own = B::float_matmul(h.clone(), self.r.clone());
        if let Some(b) = self.bias(1, width) {
            own = B::float_add(own, b);
        }
        match self.kind {
            Cell::Rnn => (self.apply(0, B::float_add(x, own)), s),
            Cell::Lstm => {
                // Gates in ONNX order: input, output, forget, cell.
                let all = B::float_add(x, own);
                let input = self.apply(0, self.peep(0, self.gate(&all, 0), &s));
                let forget = match self.input_forget {
                    true => B::float_add_scalar(B::float_neg(input.clone()), 1f32.into()),
                    false => self.apply(0, self.peep(2, self.gate(&all, 2), &s)),
                };
                let fresh = self.apply(1, self.gate(&all, 3));
                let s = B::float_add(B::float_mul(forget, s), B::float_mul(input, fresh));
                let output = self.apply(0, self.peep(1, self.gate(&all, 1), &s));
                (B::float_mul(output, self.functions[2].apply::<B>(s.clone())), s)
            }
            Cell::Gru => {
                // Gates in ONNX order: update, reset, hidden.
                let update = self.apply(0, B::float_add(self.gate(&x, 0), self.gate(&own, 0)));
                let reset = self.apply(0, B::float_add(self.gate(&x, 1), self.gate(&own, 1)));
                let inner = if self.linear_before_reset {
                    B::float_mul(reset, self.gate(&own, 2))
                } else {
                    let r = self.gate(&self.r, 2);
                    let product = B::float_matmul(B::float_mul(reset, h.clone()), r);
                    match self.bias(1, width) {
                        Some(b) => B::float_add(product, self.gate(&b, 2)),
                        None => product,
                    }
                };
                let fresh = self.apply(1, B::float_add(self.gate(&x, 2), inner));
                let keep = B::float_mul(update.clone(), h);
                let change = B::float_mul(B::float_add_scalar(B::float_neg(update), 1f32.into()), fresh);
                (B::float_add(keep, change), s)
            }
        }
    }
}
