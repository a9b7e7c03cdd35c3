//! Operators that run by their name: those that [`Op`](model::Op) has no variant for, and those
//! whose variant only names them. One line each; [`model::op::NAMED`] lists the former.

use burn_backend::Backend;

use super::plain::HostOperator;
use super::{
    Context, Outputs, bits, cast, det, einsum, loss, pictures, plain, random, scatter, search, sequences,
    texts, training, trees,
};

/// An operator on backend tensors, and which of its float inputs it looks at.
pub struct DeviceOperator<B: Backend> {
    run: fn(&Context<B>) -> Outputs<B>,
    looks: fn(usize) -> bool,
}

/// Operators on host copies.
const HOST: &[(&str, HostOperator)] = &[
    ("BitwiseAnd", bits::and),
    ("BitwiseOr", bits::or),
    ("BitwiseXor", bits::xor),
    ("BitwiseNot", bits::not),
    ("BitShift", bits::shift),
    ("BitCast", cast::bit_cast),
    ("StringConcat", texts::concat),
    ("StringSplit", texts::split),
    ("RegexFullMatch", texts::full_match),
    ("StringNormalizer", texts::normalize),
    ("TfIdfVectorizer", texts::tf_idf),
    ("NonZero", search::non_zero),
    ("Unique", search::unique),
    ("OneHot", search::one_hot),
    ("Hardmax", search::hardmax),
    ("EyeLike", search::eye_like),
    ("NonMaxSuppression", search::non_max_suppression),
    ("IsInf", search::is_inf),
    ("ImageDecoder", pictures::decode),
    ("RandomUniform", random::uniform),
    ("RandomUniformLike", random::uniform),
    ("RandomNormal", random::normal),
    ("RandomNormalLike", random::normal),
    ("Bernoulli", random::bernoulli),
    ("Multinomial", random::multinomial),
    ("ai.onnx.ml.Binarizer", trees::binarize),
    ("ai.onnx.ml.LabelEncoder", trees::encode),
    ("ai.onnx.ml.TreeEnsemble", trees::ensemble),
    ("ai.onnx.preview.training.Adagrad", training::adagrad),
    ("ai.onnx.preview.training.Adam", training::adam),
    ("ai.onnx.preview.training.Momentum", training::momentum),
];

/// Operators on backend tensors, through which gradients flow.
fn device<B: Backend>(kind: &str) -> Option<DeviceOperator<B>> {
    type Run<B> = fn(&Context<B>) -> Outputs<B>;
    let never: fn(usize) -> bool = |_| false;
    let second: fn(usize) -> bool = |i| i == 1;
    let (run, looks): (Run<B>, _) = match kind {
        "Trilu" => (scatter::trilu, second),
        "GatherND" => (scatter::gather_nd, second),
        "ScatterND" => (scatter::scatter_nd, second),
        "ScatterElements" | "Scatter" => (scatter::scatter_elements, second),
        "Compress" => (scatter::compress, second),
        "ReverseSequence" => (scatter::reverse_sequence, second),
        "CumProd" => (scatter::cum_prod, second),
        "Det" => (det::det, |i| i == 0),
        "ai.onnx.ml.ArrayFeatureExtractor" => (trees::columns, second),
        "Einsum" => (einsum::einsum, never),
        "NegativeLogLikelihoodLoss" => (loss::negative_log_likelihood, second),
        "SoftmaxCrossEntropyLoss" => (loss::cross_entropy, second),
        "SequenceEmpty" => (sequences::nothing, never),
        "SequenceConstruct" => (sequences::construct, never),
        "SequenceLength" => (sequences::length, never),
        "SequenceAt" => (sequences::at, second),
        "SequenceInsert" => (sequences::insert, |i| i == 2),
        "SequenceErase" => (sequences::erase, second),
        "SplitToSequence" => (sequences::split, second),
        "ConcatFromSequence" => (sequences::concat, never),
        "Optional" => (sequences::optional, never),
        "OptionalGetElement" => (sequences::held, never),
        "OptionalHasElement" => (sequences::holds, never),
        _ => return None,
    };
    Some(DeviceOperator { run, looks })
}

fn host(kind: &str) -> Option<HostOperator> {
    HOST.iter().find(|(name, _)| *name == kind).map(|(_, run)| *run)
}

/// True when the operator called `kind` looks at the numbers of float input `i`.
pub fn looks<B: Backend>(kind: &str, i: usize) -> bool {
    device::<B>(kind).is_none_or(|operator| (operator.looks)(i))
}

/// Runs a layer by its name.
///
/// # Errors
/// A sentence for operators that no list has.
pub fn run<B: Backend>(c: &Context<B>) -> Outputs<B> {
    let kind = c.layer.kind.as_str();
    if let Some(operator) = device::<B>(kind) {
        return (operator.run)(c);
    }
    match host(kind) {
        Some(operator) => plain::run(c, operator),
        None => Err(format!(
            "operator {kind} is unknown here, so it cannot be executed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use burn_flex::Flex;

    use super::*;

    /// Those that hold graphs or need the network around them run in `control`.
    const ELSEWHERE: [&str; 2] = ["SequenceMap", "ai.onnx.preview.training.Gradient"];

    #[test]
    fn every_named_operator_runs() {
        let known = |kind: &str| host(kind).is_some() || device::<Flex>(kind).is_some();
        for name in model::op::NAMED {
            assert!(known(name) || ELSEWHERE.contains(name), "{name}");
        }
        // The others of the list have a variant of their own.
        let typed = ["NonZero", "OneHot"];
        for (name, _) in HOST {
            assert!(model::op::NAMED.contains(name) || typed.contains(name), "{name}");
        }
    }
}
