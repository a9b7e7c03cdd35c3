//! What the heads of the last pass attended to, and what that says of them.

use analyze::{HeadSummary, Token, Weights, attention_flow, attention_rollout};
use session::{Document, Heads};

use super::Shown;

/// One attention of the last pass.
pub(super) struct Layer {
    /// As in the file.
    pub name: String,
    /// The scope it stands in.
    pub title: String,
    pub heads: Result<Heads, String>,
    /// Of each head.
    pub summaries: Vec<Option<HeadSummary>>,
}

/// Every attention for one item of the batch, with the words of its places.
pub(super) fn layers(document: &Document, item: usize) -> (Vec<Layer>, Vec<String>) {
    let tokens = document.tokens.as_ref();
    let labels = tokens.and_then(|t| t.get(item).cloned()).unwrap_or_default();
    let tokens: Vec<Token> = labels
        .iter()
        .map(|label| Token {
            id: fold(label),
            mark: is_mark(label),
        })
        .collect();
    let count = document
        .attention()
        .iter()
        .filter_map(|s| Some(document.trace.as_ref()?.tensors.get(&s.weights?)?.len()));
    let told = count.sum::<usize>() <= MOST_WEIGHTS;
    let layer = |site: &model::AttentionSite| {
        let heads = document.heads(site, item);
        let summary = |heads: &Heads, head: usize| {
            let out = heads.of(head).iter().all(|w| *w == 0.0);
            let weights = Weights::new(heads.of(head), heads.keys).filter(|_| !out)?;
            let tokens = if tokens.len() == heads.keys {
                &tokens[..]
            } else {
                &[]
            };
            HeadSummary::of(&[(weights, tokens)])
        };
        Layer {
            name: document.source.layer(site.layer).name.clone(),
            title: site.name.clone(),
            summaries: match &heads {
                Ok(heads) if !told => vec![None; heads.heads],
                Ok(heads) => (0..heads.heads).map(|h| summary(heads, h)).collect(),
                Err(_) => Vec::new(),
            },
            heads,
        }
    };
    (document.attention().iter().map(layer).collect(), labels)
}

/// Punctuation, and what tokenizers put around texts.
fn is_mark(token: &str) -> bool {
    let bare: String = token
        .chars()
        .filter(|c| !c.is_whitespace() && !"▁Ġ#".contains(*c))
        .collect();
    let special = |open, close| bare.len() > 2 && bare.starts_with(open) && bare.ends_with(close);
    special('[', ']')
        || special('<', '>')
        || !bare.is_empty() && bare.chars().all(|c| c.is_ascii_punctuation())
}

/// A number for a token: FNV-1a of its bytes.
fn fold(label: &str) -> u64 {
    label.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Products that a rollout may take between two frames.
const MOST_STEPS: usize = 500_000_000;
/// Weights of all heads up to which each head's habit is looked for.
const MOST_WEIGHTS: usize = 10_000_000;

/// Rollout or flow through all of `layers`.
pub(super) fn through(layers: &[Layer], shown: Shown, query: usize) -> Result<Vec<f32>, String> {
    let mut means = Vec::new();
    let mut n = 0;
    for layer in layers {
        let heads = layer.heads.as_ref().map_err(Clone::clone)?;
        if heads.queries != heads.keys || n != 0 && heads.keys != n {
            return Err(format!(
                "{}: {} places look at {}: only layers of one length can be followed through",
                layer.title, heads.queries, heads.keys
            ));
        }
        n = heads.keys;
        means.push(heads.map(None));
    }
    let steps = means.len() * n * n * n;
    if shown == Shown::Rollout && steps > MOST_STEPS {
        let layers = means.len();
        return Err(format!(
            "{n} places in {layers} layers are too many for the rollout: choose an earlier layer or a shorter text"
        ));
    }
    let maps: Vec<&[f32]> = means.iter().map(Vec::as_slice).collect();
    let found = match shown {
        Shown::Flow => attention_flow(&maps, n, query),
        _ => attention_rollout(&maps, n),
    };
    found.ok_or_else(|| {
        format!(
            "{n} places in {} layers are too many for the flow; the rollout is quicker",
            maps.len()
        )
    })
}
