//! A Transformer, for texts and for series.

use serde::{Deserialize, Serialize};

use super::Build;
use crate::op::{Attribute, Binary, Op, Reduction, Unary};
use crate::{DType, Network, TensorData, TensorId};

/// Sizes of [`transformer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transformer {
    /// Numbers of each token.
    pub width: u64,
    /// Heads of each attention; `width` is a multiple of it.
    pub heads: u64,
    /// Blocks of attention and MLP.
    pub layers: u64,
    /// Share of values that fall away while it learns.
    pub dropout: f32,
    /// Tokens that it knows, of texts; data with a tokenizer states it.
    pub vocabulary: u64,
}

impl Default for Transformer {
    fn default() -> Self {
        Transformer {
            width: 64,
            heads: 4,
            layers: 2,
            dropout: 0.1,
            vocabulary: 1000,
        }
    }
}

impl Transformer {
    /// Checks that the sizes fit each other and examples of `shape`.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn check(&self, shape: &[u64]) -> Result<(), String> {
        if !(1..=2).contains(&shape.len()) {
            return Err(format!(
                "a transformer is for texts [tokens] and series [window, features], the examples are \
                 {shape:?} each"
            ));
        }
        let most = [
            ("width", self.width, 4096),
            ("heads", self.heads, 256),
            ("layers", self.layers, 64),
            ("vocabulary", self.vocabulary, 1 << 24),
        ];
        for (name, size, most) in most {
            if !(1..=most).contains(&size) {
                return Err(format!("{name} is {size}: from 1 to {most} is expected"));
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!(
                "width is {}: a multiple of the {} heads is expected",
                self.width, self.heads
            ));
        }
        match (0.0..1.0).contains(&self.dropout) {
            true => Ok(()),
            false => Err(format!(
                "dropout is {}: from 0 to below 1 is expected",
                self.dropout
            )),
        }
    }
}

/// An encoder (Vaswani et al. 2017) over texts of up to `longest` tokens, normalised before each part
/// (Xiong et al. 2020), with learned positions and GELU; the mean over a text's tokens is classified.
/// Its inputs are `input_ids` and `attention_mask`, `[N, tokens]`, as many tokens as there are: places
/// where the mask is 0 are neither attended to nor counted in the mean. `sizes` must be checked.
pub fn transformer(name: &str, sizes: &Transformer, longest: u64, classes: u64, seed: u64) -> Network {
    let mut build = Build::new(name, seed);
    build.opset(20, 9);
    let ids = build.tokens("input_ids");
    let mask = build.tokens("attention_mask");
    let width = sizes.width;
    let b = &mut build;

    let to = [("to", Attribute::Int(1))];
    let counted = b.op("mask/float", "Cast", Op::Cast { to: DType::F32 }, &[mask], &to);
    let hidden = bias(b, counted);

    // As BERT begins them.
    let deviation = 0.02;
    let words = b.normal(
        "embeddings/word_embeddings.weight",
        &[sizes.vocabulary, width],
        deviation,
    );
    let places = b.normal(
        "embeddings/position_embeddings.weight",
        &[longest, width],
        deviation,
    );
    let at = positions(b, mask);
    let axis = [("axis", Attribute::Int(0))];
    let mut rows = |name: &str, table: TensorId, of: TensorId| {
        b.op(name, "Gather", Op::Gather { axis: 0 }, &[table, of], &axis)
    };
    let x = rows("embeddings/words", words, ids);
    let places = rows("embeddings/places", places, at);
    let x = b.binary("embeddings/sum", "Add", Binary::Add, x, places);
    let x = blocks(b, x, Some(hidden), sizes);
    let x = mean(b, x, counted);
    let x = dropout(b, "head/dropout", x, sizes.dropout);
    let x = b.linear("head/classifier", x, width, classes);
    build.finish(&[x])
}

/// An encoder as [`transformer`]'s over series `[N, window, features]`: each step is brought to `width`
/// numbers and has a learned position; what became of the last step is brought to `outputs` numbers.
pub fn series_transformer(
    name: &str,
    sizes: &Transformer,
    [window, features]: [u64; 2],
    outputs: u64,
    seed: u64,
) -> Network {
    let mut build = Build::new(name, seed);
    build.opset(20, 9);
    let width = sizes.width;
    let input = build.input("input", &[window, features]);
    let b = &mut build;
    let steps = b.dense("embeddings/steps", input, features, width);
    let places = b.normal("embeddings/position_embeddings.weight", &[window, width], 0.02);
    let x = b.binary("embeddings/sum", "Add", Binary::Add, steps, places);
    let x = blocks(b, x, None, sizes);
    let at = b.fixed("last.step", TensorData::from_i64(&[], &[window as i64 - 1]));
    let axis = [("axis", Attribute::Int(1))];
    let x = b.op("last", "Gather", Op::Gather { axis: 1 }, &[x, at], &axis);
    let x = b.linear("output", x, width, outputs);
    build.finish(&[x])
}

/// Blocks of attention and MLP over `[N, tokens, width]`, and what they are normalised by in the end.
fn blocks(b: &mut Build, x: TensorId, hidden: Option<TensorId>, sizes: &Transformer) -> TensorId {
    let mut x = dropout(b, "embeddings/dropout", x, sizes.dropout);
    for layer in 1..=sizes.layers {
        let at = format!("layer{layer}");
        let y = attention(b, &format!("{at}/attention"), x, hidden, sizes);
        x = b.binary(&format!("{at}/attention_sum"), "Add", Binary::Add, x, y);
        let y = mlp(b, &format!("{at}/mlp"), x, sizes);
        x = b.binary(&format!("{at}/mlp_sum"), "Add", Binary::Add, x, y);
    }
    b.layer_norm("norm", x, sizes.width)
}

/// What is added to scores, `[N, 1, 1, tokens]`: 0, and where the mask is 0 so little that the
/// softmax gives nothing.
fn bias(b: &mut Build, counted: TensorId) -> TensorId {
    let one = b.fixed("mask/one", TensorData::from_f32(&[], &[1.0]));
    let low = b.fixed("mask/low", TensorData::from_f32(&[], &[-1e9]));
    let axes = b.ints("mask/keys.axes", &[1, 2]);
    let op = Op::Unsqueeze { axes: None };
    let x = b.op("mask/keys", "Unsqueeze", op, &[counted, axes], &[]);
    let x = b.binary("mask/padding", "Sub", Binary::Sub, one, x);
    b.binary("mask/bias", "Mul", Binary::Mul, x, low)
}

/// The place of each token: how many stand before it that the mask counts.
fn positions(b: &mut Build, mask: TensorId) -> TensorId {
    let axis = b.fixed("embeddings/positions.axis", TensorData::from_i64(&[], &[1]));
    let op = Op::CumSum {
        exclusive: true,
        reverse: false,
    };
    let exclusive = [("exclusive", Attribute::Int(1))];
    b.op("embeddings/positions", "CumSum", op, &[mask, axis], &exclusive)
}

fn dropout(b: &mut Build, name: &str, x: TensorId, ratio: f32) -> TensorId {
    match ratio > 0.0 {
        true => b.dropout(name, x, ratio),
        false => x,
    }
}

fn transpose(b: &mut Build, name: &str, x: TensorId, perm: [i64; 4]) -> TensorId {
    let op = Op::Transpose {
        perm: Some(perm.to_vec()),
    };
    let attributes = [("perm", Attribute::Ints(perm.to_vec()))];
    b.op(name, "Transpose", op, &[x], &attributes)
}

fn reshape(b: &mut Build, name: &str, x: TensorId, sizes: &[i64]) -> TensorId {
    let sizes = b.ints(&format!("{name}.sizes"), sizes);
    let op = Op::Reshape {
        shape: None,
        allow_zero: false,
    };
    b.op(name, "Reshape", op, &[x, sizes], &[])
}

/// Several heads of attention, `[N, tokens, width]` to the same.
fn attention(
    b: &mut Build,
    at: &str,
    x: TensorId,
    hidden: Option<TensorId>,
    sizes: &Transformer,
) -> TensorId {
    let (width, heads) = (sizes.width, sizes.heads);
    let each = width / heads;
    let x = b.layer_norm(&format!("{at}/norm"), x, width);
    // [N, heads, tokens, each]; keys stand on their side.
    let mut part = |what: &str, perm: [i64; 4]| {
        let name = format!("{at}/{what}");
        let x = b.dense(&name, x, width, width);
        let x = reshape(b, &format!("{name}_split"), x, &[0, 0, heads as i64, each as i64]);
        transpose(b, &format!("{name}_heads"), x, perm)
    };
    let queries = part("query", [0, 2, 1, 3]);
    let keys = part("key", [0, 2, 3, 1]);
    let values = part("value", [0, 2, 1, 3]);
    let scale = TensorData::from_f32(&[], &[(1.0 / each as f64).sqrt() as f32]);
    let scale = b.fixed(&format!("{at}/scale"), scale);
    let x = b.op(
        &format!("{at}/scores"),
        "MatMul",
        Op::MatMul,
        &[queries, keys],
        &[],
    );
    let x = b.binary(&format!("{at}/scaled"), "Mul", Binary::Mul, x, scale);
    let x = match hidden {
        Some(hidden) => b.binary(&format!("{at}/masked"), "Add", Binary::Add, x, hidden),
        None => x,
    };
    let softmax = Op::Softmax {
        axis: -1,
        coerce: false,
    };
    let axis = [("axis", Attribute::Int(-1))];
    let x = b.op(&format!("{at}/weights"), "Softmax", softmax, &[x], &axis);
    let x = b.op(&format!("{at}/mixed"), "MatMul", Op::MatMul, &[x, values], &[]);
    let x = transpose(b, &format!("{at}/tokens"), x, [0, 2, 1, 3]);
    let x = reshape(b, &format!("{at}/joined"), x, &[0, 0, width as i64]);
    let x = b.dense(&format!("{at}/output"), x, width, width);
    dropout(b, &format!("{at}/dropout"), x, sizes.dropout)
}

/// Two layers with GELU (Hendrycks and Gimpel 2016) between, four times as wide inside.
fn mlp(b: &mut Build, at: &str, x: TensorId, sizes: &Transformer) -> TensorId {
    let width = sizes.width;
    let x = b.layer_norm(&format!("{at}/norm"), x, width);
    let x = b.dense(&format!("{at}/up"), x, width, 4 * width);
    let x = b.unary(&format!("{at}/gelu"), "Gelu", Unary::Gelu { tanh: false }, x);
    let x = b.dense(&format!("{at}/down"), x, 4 * width, width);
    dropout(b, &format!("{at}/dropout"), x, sizes.dropout)
}

/// The mean over the tokens that count, `[N, width]`.
fn mean(b: &mut Build, x: TensorId, counted: TensorId) -> TensorId {
    let last = b.ints("pool/counted.axes", &[2]);
    let op = Op::Unsqueeze { axes: None };
    let weights = b.op("pool/counted", "Unsqueeze", op, &[counted, last], &[]);
    let x = b.binary("pool/masked", "Mul", Binary::Mul, x, weights);
    let tokens = b.ints("pool/sum.axes", &[1]);
    let mut sum = |name: &str, x: TensorId| {
        let op = Op::Reduce {
            kind: Reduction::Sum,
            axes: None,
            keep_dims: false,
            noop_if_empty: false,
        };
        let keep = [("keepdims", Attribute::Int(0))];
        b.op(name, "ReduceSum", op, &[x, tokens], &keep)
    };
    let (x, count) = (sum("pool/sum", x), sum("pool/count", weights));
    b.binary("pool/mean", "Div", Binary::Div, x, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Part, TextInputs, attention_sites};

    #[test]
    fn sizes_inputs_and_attention_are_what_they_should_be() {
        let sizes = Transformer {
            width: 24,
            heads: 3,
            vocabulary: 50,
            ..Transformer::default()
        };
        let network = transformer("t", &sizes, 16, 2, 3);
        assert_eq!(network.warnings, Vec::<String>::new());
        let out = network.main().outputs[0];
        assert_eq!(network.tensor(out).spec.to_string(), "float32 [N, 2]");
        let cost = crate::cost(
            &network,
            &crate::Bindings::from([("N".into(), 1), ("tokens".into(), 16)]),
        );
        let block = 4 * (24 * 24 + 24) + (24 * 96 + 96) + (96 * 24 + 24) + 4 * 24;
        assert_eq!(
            cost.total.parameters,
            (50 + 16) * 24 + 2 * block + 2 * 24 + 24 * 2 + 2
        );
        let inputs = TextInputs::of(&network).unwrap();
        assert!(inputs.has(Part::Ids) && inputs.has(Part::Mask) && inputs.named);
        assert_eq!((inputs.length, inputs.positions), (None, Some(16)));
        let sites = attention_sites(&network);
        let names: Vec<&str> = sites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["layer1/attention", "layer2/attention"]);
        for site in &sites {
            let spec = &network.tensor(site.weights.unwrap()).spec;
            assert_eq!(spec.to_string(), "float32 [N, 3, tokens, tokens]");
            assert!(site.queries.is_some() && site.keys.is_some());
        }
    }

    #[test]
    fn a_series_is_attended_to_step_by_step() {
        let sizes = Transformer {
            width: 16,
            heads: 2,
            ..Transformer::default()
        };
        let network = series_transformer("t", &sizes, [28, 4], 3, 1);
        assert_eq!(network.warnings, Vec::<String>::new());
        let out = network.main().outputs[0];
        assert_eq!(network.tensor(out).spec.to_string(), "float32 [N, 3]");
        for site in attention_sites(&network) {
            let spec = &network.tensor(site.weights.unwrap()).spec;
            assert_eq!(spec.to_string(), "float32 [N, 2, 28, 28]");
        }
        assert_eq!(attention_sites(&network).len(), 2);
        assert!(TextInputs::of(&network).is_err());
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        let check = |sizes: Transformer, shape: &[u64], expected: &str| {
            let problem = sizes.check(shape).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        let usual = Transformer::default;
        check(usual(), &[3, 4, 4], "texts [tokens]");
        check(
            Transformer { heads: 5, ..usual() },
            &[8],
            "multiple of the 5 heads",
        );
        check(Transformer { heads: 0, ..usual() }, &[8], "heads is 0");
        check(
            Transformer {
                dropout: 1.0,
                ..usual()
            },
            &[8],
            "dropout is 1",
        );
        check(
            Transformer {
                vocabulary: 1 << 40,
                ..usual()
            },
            &[8],
            "vocabulary is",
        );
    }
}
