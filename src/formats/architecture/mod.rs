//! Executable networks out of named weights: a `config.json` beside the file, as Hugging Face's
//! transformers writes it, or the names alone tell the architecture. One file a family, listed in
//! [`FAMILIES`] or [`NAMED`].
//!
//! Each family is built in ONNX's operators, so that the result can be run and written as ONNX.
//! What does not fit is a sentence, and the weights are shown by their names instead.

mod bert;
mod build;
mod config;
mod efficientnet;
mod gguf;
mod gpt2;
mod llama;
mod parts;
mod resnet;
mod t5;
mod vit;

use std::collections::HashSet;

use model::Network;

use crate::Source;
use crate::weights::Weights;
use build::Build;
use config::Config;

/// Why an architecture cannot be built.
type Made<T> = Result<T, String>;

/// An architecture.
struct Family {
    /// `model_type` in the configuration.
    names: &'static [&'static str],
    build: fn(&mut Build, &Config) -> Made<()>,
}

/// Every architecture.
const FAMILIES: &[Family] = &[
    Family {
        names: &["bert"],
        build: bert::bert,
    },
    Family {
        names: &["roberta", "xlm-roberta", "camembert"],
        build: bert::roberta,
    },
    Family {
        names: &["distilbert"],
        build: bert::distilbert,
    },
    Family {
        names: &["gpt2"],
        build: gpt2::gpt2,
    },
    Family {
        names: &["llama", "mistral", "qwen2"],
        build: llama::llama,
    },
    Family {
        names: &["t5", "mt5"],
        build: t5::t5,
    },
    Family {
        names: &["vit"],
        build: vit::vit,
    },
    Family {
        names: &["resnet"],
        build: resnet::resnet,
    },
];

/// An architecture that the names of its weights tell without a configuration.
struct Named {
    name: &'static str,
    fits: fn(&HashSet<&str>) -> bool,
    build: fn(&mut Build) -> Made<()>,
}

/// Every architecture of names alone.
const NAMED: &[Named] = &[
    Named {
        name: "torchvision's ResNet",
        fits: resnet::is_torchvision,
        build: resnet::torchvision,
    },
    Named {
        name: "EfficientNet-Lite",
        fits: efficientnet::is_lite,
        build: efficientnet::lite,
    },
];

/// Builds a network that only names tell of: a weight that it does not read means that it is
/// another one.
fn complete(named: &Named, build: &mut Build) -> Made<()> {
    (named.build)(build)?;
    match build.unread() {
        Some(name) => Err(format!("{name:?} is no part of that")),
        None => Ok(()),
    }
}

/// The network of `weights` from the file `source`: rebuilt where the architecture is known, else
/// its weights by name.
pub(crate) fn network(source: &Source, weights: Weights) -> Network {
    let mut build = Build::new(source.stem, &weights);
    let (kind, built) = match config::beside(source) {
        Ok(Some(config)) => {
            let family = FAMILIES.iter().find(|f| f.names.contains(&config.kind()));
            let built = match family {
                Some(family) => (family.build)(&mut build, &config),
                None => Err("this architecture is not known".into()),
            };
            (format!("config.json states {:?}", config.kind()), built)
        }
        Ok(None) => {
            let names: HashSet<&str> = weights.tensors.iter().map(|n| n.name.as_str()).collect();
            let Some(named) = NAMED.iter().find(|n| (n.fits)(&names)) else {
                return weights.tree(source.stem);
            };
            (
                format!("the names are those of {}", named.name),
                complete(named, &mut build),
            )
        }
        Err(why) => ("config.json".into(), Err(why)),
    };
    shown(source, weights, build, &kind, built)
}

/// As [`network`], of a GGUF file, which states its own configuration.
pub(crate) fn gguf(source: &Source, name: &str, weights: Weights) -> Network {
    let Some(config) = gguf::config(&weights) else {
        return weights.tree(name);
    };
    let mut build = Build::new(name, &gguf::renamed(&weights));
    let built = llama::llama(&mut build, &config);
    let kind = format!("the file states {:?}", config.kind());
    shown(source, weights, build, &kind, built)
}

/// What was built of `weights`, or else these by name.
fn shown(source: &Source, mut weights: Weights, build: Build, kind: &str, built: Made<()>) -> Network {
    match built {
        Ok(()) => {
            let mut network = build.finish(&weights.format);
            network
                .metadata
                .insert(0, ("architecture".into(), kind.to_string()));
            network.warnings.extend(weights.remarks());
            network.metadata.extend(weights.metadata);
            network
        }
        Err(why) => {
            weights.warnings.push(format!("{kind}: {why}"));
            weights.tree(source.stem)
        }
    }
}
