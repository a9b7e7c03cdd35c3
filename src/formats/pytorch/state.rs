//! State dicts and module trees as named tensors.

use std::collections::HashMap;

use super::storage::{Storages, tensor};
use crate::error::Fault;
use crate::pickle::{Id, Node, Pickle};
use crate::weights::{MAX_TENSORS, Named, Weights};

/// Keys under which checkpoints keep a model's weights, the likeliest first.
const MODELS: &[&str] = &[
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "generator",
    "params_ema",
    "params",
    "weights",
    "ema",
];

/// Keys of what is no part of a network: the state of its training.
const TRAINING: &[&str] = &[
    "optimizer",
    "optimizer_state",
    "optimizer_state_dict",
    "optimizer_states",
    "optim",
    "optimizers",
    "scheduler",
    "scheduler_state_dict",
    "lr_scheduler",
    "lr_schedulers",
    "scaler",
    "grad_scaler",
    "rng_state",
];

/// Deepest nesting of dicts and modules.
const MAX_DEPTH: usize = 64;

/// Most values that are looked at.
const MAX_LOOKS: usize = 1 << 22;

struct Walk<'a, 'b> {
    pickle: &'a Pickle,
    storages: Storages<'b>,
    tensors: Vec<Named>,
    /// Places in `tensors` by name: a later one of the same name counts.
    places: HashMap<String, usize>,
    looks: usize,
    /// Characters of names that may still be made.
    budget: usize,
}

/// The tensors below the root of `pickle`, and what else its checkpoint states.
pub(super) fn weights(
    pickle: &Pickle,
    storages: Storages,
    format: &str,
    stem: &str,
) -> Result<Weights, Fault> {
    let mut walk = Walk {
        pickle,
        storages,
        tensors: Vec::new(),
        places: HashMap::new(),
        looks: 0,
        budget: 256 << 20,
    };
    let mut weights = Weights {
        format: format.to_string(),
        ..Weights::default()
    };
    let mut root = pickle.root();
    // Checkpoints wrap checkpoints; a few steps reach the weights.
    for _ in 0..4 {
        let Some(pairs) = fields(pickle, root) else { break };
        let found = MODELS.iter().find_map(|key| {
            let (_, inner) = pairs.iter().rfind(|(k, _)| pickle.text(*k) == Some(key))?;
            holds_tensors(pickle, *inner).then_some((*key, *inner))
        });
        weights
            .metadata
            .extend(pairs.iter().filter_map(|&(k, v)| stated(pickle, k, v)));
        let Some((key, inner)) = found else { break };
        weights.metadata.push(("weights under".into(), key.into()));
        root = inner;
    }
    if let Some(alone) = tensor(pickle, &mut walk.storages, root, stem)? {
        walk.tensors.push(alone);
    } else {
        walk.value(root, "", 0)?;
    }
    if walk.tensors.is_empty() {
        return Err(Fault::new("pickle", "expected tensors in it, found none"));
    }
    weights.tensors = walk.tensors;
    // What wraps a network for several devices is no part of it.
    if weights.tensors.iter().all(|t| t.name.starts_with("module.")) {
        for tensor in &mut weights.tensors {
            tensor.name.drain(.."module.".len());
        }
    }
    Ok(weights)
}

/// The pairs of a dict, or the attributes of a module.
fn fields(pickle: &Pickle, id: Id) -> Option<&[(Id, Id)]> {
    match pickle.node(id) {
        Node::Dict(pairs) => Some(pairs),
        Node::Object {
            state: Some(state), ..
        } => match pickle.node(*state) {
            Node::Dict(pairs) => Some(pairs),
            _ => None,
        },
        _ => None,
    }
}

/// True for a dict with a tensor in it, or in a dict in it.
fn holds_tensors(pickle: &Pickle, id: Id) -> bool {
    let is_tensor = |id: Id| {
        let name = pickle.call(id).map_or("", |c| c.0);
        name.starts_with("torch._utils._rebuild") || name.starts_with("torch._tensor._rebuild")
    };
    let some = |id: Id, test: &dyn Fn(Id) -> bool| {
        let pairs = fields(pickle, id).unwrap_or_default();
        pairs.iter().take(64).any(|&(_, v)| test(v))
    };
    some(id, &|v| is_tensor(v) || some(v, &is_tensor))
}

/// A short fact beside the weights, such as the epoch.
fn stated(pickle: &Pickle, key: Id, value: Id) -> Option<(String, String)> {
    let key = pickle.text(key).filter(|k| k.len() < 64 && !k.is_empty())?;
    let value = match pickle.node(value) {
        Node::Bool(v) => v.to_string(),
        Node::Int(v) => v.to_string(),
        Node::Float(v) => v.to_string(),
        Node::Text(_) => pickle.text(value).filter(|t| t.len() < 256)?.to_string(),
        _ => return None,
    };
    Some((key.to_string(), value))
}

impl Walk<'_, '_> {
    fn value(&mut self, id: Id, name: &str, depth: usize) -> Result<(), Fault> {
        let place = || Fault::new(format!("value {name:?}"), "");
        self.looks += 1;
        if depth > MAX_DEPTH || self.looks > MAX_LOOKS {
            let problem = match depth > MAX_DEPTH {
                true => format!("expected at most {MAX_DEPTH} levels of nesting, found more"),
                false => format!("expected at most {MAX_LOOKS} values, found more"),
            };
            return Err(Fault { problem, ..place() });
        }
        let pickle = self.pickle;
        if let Some(pairs) = fields(pickle, id) {
            for &(key, value) in pairs {
                let key = match (pickle.text(key), pickle.int(key)) {
                    (Some(text), _) => text.to_string(),
                    (_, Some(number)) => number.to_string(),
                    _ => continue,
                };
                if depth == 0 && TRAINING.contains(&key.as_str()) {
                    continue;
                }
                self.named(value, name, &key, depth)?;
            }
            return Ok(());
        }
        if let Some(items) = pickle.items(id) {
            for (i, &item) in items.iter().enumerate() {
                self.named(item, name, &i.to_string(), depth)?;
            }
        }
        Ok(())
    }

    fn named(&mut self, id: Id, outer: &str, key: &str, depth: usize) -> Result<(), Fault> {
        // Numbers and texts are most of what is no tensor: no name is made for them.
        if !matches!(
            self.pickle.node(id),
            Node::Object { .. } | Node::Dict(_) | Node::List(_) | Node::Tuple(_)
        ) {
            self.looks += 1;
            return Ok(());
        }
        let name = match outer {
            "" => key.to_string(),
            outer => format!("{outer}.{key}"),
        };
        self.budget = self.budget.checked_sub(name.len()).ok_or_else(|| {
            Fault::new(
                "pickle",
                "expected names of reasonable length, found far longer ones",
            )
        })?;
        match tensor(self.pickle, &mut self.storages, id, &name)? {
            Some(found) => self.add(found),
            None => self.value(id, &name, depth + 1),
        }
    }

    fn add(&mut self, found: Named) -> Result<(), Fault> {
        if let Some(&place) = self.places.get(&found.name) {
            self.tensors[place] = found;
            return Ok(());
        }
        if self.tensors.len() >= MAX_TENSORS {
            let problem = format!("expected at most {MAX_TENSORS} tensors, found more");
            return Err(Fault::new("pickle", problem));
        }
        self.places.insert(found.name.clone(), self.tensors.len());
        self.tensors.push(found);
        Ok(())
    }
}
