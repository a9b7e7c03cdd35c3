//! Attention whose scores and probabilities graphs of the network may change.

use burn_backend::Backend;

use crate::control::{ControlError, Made, Site};
use crate::frame::Frame;
use crate::ops::attention::{scores, shared};
use crate::ops::matmul::product;
use crate::value::{Value, dims};

impl<B: Backend> Frame<'_, B> {
    /// `FlexAttention` of `Q [N, H, L, E]`, `K [N, Hkv, T, E]` and `V [N, Hkv, T, V]`: the graph
    /// `score_mod` makes scores `[N, H, L, T]` of scores, `prob_mod` shares of shares.
    pub(crate) async fn flex_attention(&mut self, site: &Site<'_, B>, scale: Option<f32>) -> Made<B> {
        let mut given = Vec::with_capacity(3);
        for i in 0..3 {
            let value = site.given(i).ok_or_else(|| format!("input {i} is missing"))?;
            let t = value.floats(&self.executor.device)?;
            if dims::<B>(&t).len() != 4 {
                return Err(format!("input {i} is {:?}: 4 axes are expected", dims::<B>(&t)).into());
            }
            given.push(t);
        }
        let [q, k, v] = <[_; 3]>::try_from(given).map_err(|_| "three inputs are expected")?;
        let (qs, ks, vs) = (dims::<B>(&q), dims::<B>(&k), dims::<B>(&v));
        if ks[..3] != vs[..3] {
            return Err(format!("keys {ks:?} and values {vs:?} do not fit").into());
        }
        let full = [qs[0], qs[1], qs[2], ks[2]];
        let s = Value::Float(scores::<B>(q, k, scale)?);
        let s = self.modified(site, "score_mod", s, &full).await?;
        let share = Value::Float(B::softmax(s.floats(&self.executor.device)?, 3));
        let share = self.modified(site, "prob_mod", share, &full).await?;
        let share = share.floats(&self.executor.device)?;
        let y = product::<B>(share, shared::<B>(v, qs[1])?)?;
        Ok(vec![Value::Float(y)])
    }

    /// What the graph `name` makes of `value`, where the layer has one.
    async fn modified(
        &mut self,
        site: &Site<'_, B>,
        name: &str,
        value: Value<B>,
        full: &[usize],
    ) -> Result<Value<B>, ControlError> {
        let Ok(graph) = site.subgraph(name) else {
            return Ok(value);
        };
        let made = self.body(site.network, graph, vec![value]).await?;
        let made = made.into_iter().next().ok_or("its graph gives nothing")?;
        if made.shape() != full {
            return Err(format!("{name} gives {:?}, {full:?} is expected", made.shape()).into());
        }
        Ok(made)
    }
}
