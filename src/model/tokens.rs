//! Which inputs of a network take text as tokens: integer tensors `[batch, token]` under the names
//! that exporters give them.

use crate::dim::Dim;
use crate::network::{Network, TensorId};

/// What an input that belongs to a text holds, for each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its number in the vocabulary.
    Ids,
    /// 1, and 0 for padding.
    Mask,
    /// The segment that it belongs to.
    Types,
    /// Its place, from 0.
    Positions,
    /// The token that a decoder starts from, `[batch, 1]`.
    DecoderIds,
    /// 1 for that token.
    DecoderMask,
}

impl Part {
    /// What an input of this name holds, where the name tells.
    fn of(name: &str) -> Option<Part> {
        let name = name.to_ascii_lowercase();
        // TensorFlow numbers outputs of nodes, and some exporters write the module before the name.
        let name = name.split(':').next().unwrap_or(&name);
        let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
        Some(match name {
            _ if ends(&["decoder_input_ids"]) => Part::DecoderIds,
            _ if ends(&["decoder_attention_mask"]) => Part::DecoderMask,
            "ids" | "tokens" => Part::Ids,
            _ if ends(&["input_ids", "input_word_ids", "token_ids"]) => Part::Ids,
            "mask" => Part::Mask,
            _ if ends(&["attention_mask", "input_mask"]) => Part::Mask,
            _ if ends(&["token_type_ids", "segment_ids", "input_type_ids"]) => Part::Types,
            _ if ends(&["position_ids"]) => Part::Positions,
            _ => return None,
        })
    }

    /// True for parts with one element for each token of the text.
    fn per_token(self) -> bool {
        !matches!(self, Part::DecoderIds | Part::DecoderMask)
    }
}

/// The inputs of a network of text, and the sizes that the file fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextInputs {
    /// What each input holds.
    pub parts: Vec<(Part, TensorId)>,
    /// Texts of one pass; `None` where any number may be given.
    pub batch: Option<u64>,
    /// Tokens of each text; `None` where any number may be given.
    pub length: Option<u64>,
    /// Rows of the table of positions, where the network has one.
    pub positions: Option<u64>,
    /// False where the only input was taken for tokens without a name that tells.
    pub named: bool,
}

impl TextInputs {
    /// The inputs of `network`, all of which text must fill.
    ///
    /// # Errors
    /// A sentence about the input that no text fills.
    pub fn of(network: &Network) -> Result<Self, String> {
        let inputs = &network.main().inputs;
        let mut found = TextInputs {
            parts: Vec::new(),
            batch: None,
            length: None,
            positions: positions(network),
            named: true,
        };
        for &id in inputs {
            let tensor = network.tensor(id);
            let (name, spec) = (&tensor.name, &tensor.spec);
            let ordinal = spec.dtype.is_integer();
            let part = Part::of(name);
            found.named &= part.is_some();
            // The only input, of whole numbers, may be tokens under any name.
            let part = part.or((inputs.len() == 1).then_some(Part::Ids));
            let part = part.ok_or_else(|| format!("no text fills the input {name:?}, {spec}"))?;
            let dims = spec.dims().filter(|d| d.len() == 2);
            let (Some(dims), true) = (dims, ordinal || part == Part::Mask) else {
                let wanted = "whole numbers [batch, token]";
                return Err(format!("the input {name:?} is {spec}, where text wants {wanted}"));
            };
            let fixed = |size: &Dim, known: &mut Option<u64>, of: &str| match size.known() {
                Some(n) if known.is_some_and(|k| k != n) => {
                    let other = known.unwrap_or_default();
                    Err(format!(
                        "the input {name:?} has {n} {of}, where another has {other}"
                    ))
                }
                Some(n) => {
                    *known = Some(n);
                    Ok(())
                }
                None => Ok(()),
            };
            fixed(&dims[0], &mut found.batch, "texts")?;
            if part.per_token() {
                fixed(&dims[1], &mut found.length, "tokens")?;
            }
            found.parts.push((part, id));
        }
        match found.has(Part::Ids) {
            true => Ok(found),
            false => Err("none of its inputs takes tokens".into()),
        }
    }

    /// True when one of the inputs holds `part`.
    pub fn has(&self, part: Part) -> bool {
        self.parts.iter().any(|(p, _)| *p == part)
    }
}

/// Rows of the table of positions.
fn positions(network: &Network) -> Option<u64> {
    const NAMES: [&str; 4] = [
        "position_embeddings.weight",
        "embed_positions.weight",
        "wpe.weight",
        "position_embedding.weight",
    ];
    let tables = network.tensors.iter().filter(|t| t.data.is_some());
    let mut named = tables.filter(|t| NAMES.iter().any(|n| t.name.ends_with(n)));
    let dims = named.next()?.spec.dims()?;
    match &dims[..] {
        [rows, _] => rows.known(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Graph, Tensor, TensorKind, TensorSpec};

    /// A network of these inputs: name, element type, sizes with 0 for a free one.
    fn network(inputs: &[(&str, DType, &[u64])]) -> Network {
        let mut network = Network {
            graphs: vec![Graph::default()],
            ..Network::default()
        };
        for (name, dtype, sizes) in inputs {
            let dims = sizes.iter().map(|&n| match n {
                0 => Dim::Symbol("free".into()),
                n => Dim::Known(n),
            });
            let id = network.add_tensor(Tensor {
                name: name.to_string(),
                spec: TensorSpec::new(*dtype, dims),
                kind: TensorKind::Input,
                data: None,
                producer: None,
            });
            network.graphs[0].inputs.push(id);
        }
        network
    }

    #[test]
    fn names_and_sizes_tell_the_parts() {
        let inputs = [
            ("model/input_ids:0", DType::I32, &[0, 16][..]),
            ("attention_mask", DType::F32, &[0, 16]),
            ("segment_ids", DType::I64, &[3, 16]),
            ("position_ids", DType::I64, &[3, 16]),
            ("decoder_input_ids", DType::I64, &[0, 0]),
        ];
        let found = TextInputs::of(&network(&inputs)).unwrap();
        let parts: Vec<Part> = found.parts.iter().map(|(p, _)| *p).collect();
        use Part::*;
        assert_eq!(parts, [Ids, Mask, Types, Positions, DecoderIds]);
        assert_eq!((found.batch, found.length), (Some(3), Some(16)));
        let only = TextInputs::of(&network(&[("x", DType::I64, &[0, 0])])).unwrap();
        assert!(only.has(Ids) && only.batch.is_none() && only.length.is_none());
        assert!(found.named && !only.named);
    }

    #[test]
    fn what_no_text_fills_is_named() {
        let check = |inputs: &[(&str, DType, &[u64])], expected: &str| {
            let problem = TextInputs::of(&network(inputs)).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        let ids: (&str, DType, &[u64]) = ("input_ids", DType::I64, &[0, 0]);
        check(&[("x", DType::F32, &[0, 3, 8, 8])], "\"x\" is float32");
        check(&[("x", DType::F32, &[0, 8])], "whole numbers [batch, token]");
        check(
            &[ids, ("past_key_values.0.key", DType::F32, &[0, 2, 0, 4])],
            "no text fills the input \"past_key_values.0.key\"",
        );
        check(&[("attention_mask", DType::I64, &[0, 0])], "takes tokens");
        check(
            &[("input_ids", DType::I64, &[0, 8]), ("mask", DType::I64, &[0, 9])],
            "\"mask\" has 9 tokens, where another has 8",
        );
        check(&[("ids", DType::I64, &[0])], "\"ids\" is int64 [free]");
    }
}
