//! Tasks for the worker: a question with everything that it is about.

use std::sync::Arc;

use data::Preprocess;
use model::{Column, LayerId, Network, TensorId};
use probe::attribution::{self, Method, Target};
use probe::maximize::{self, Aim, Legal, Objective, Shake};

use super::layers::Comparison;
use super::{Line, Part, Question, Search, maps};
use crate::worker::Arrays;
use crate::{Document, Input, Session};

/// What is to be done.
#[derive(Clone)]
pub(crate) enum Task {
    Map {
        scene: Scene,
        method: &'static Method,
        settings: attribution::Settings,
    },
    Every {
        scene: Scene,
        settings: attribution::Settings,
    },
    Curves,
    Sanity,
    Maximize {
        network: Arc<Network>,
        layer: String,
        part: Part,
        objective: Objective,
        legal: Legal,
        settings: maximize::Settings,
        steps: u64,
        data: Option<Arc<Column>>,
    },
    Examples {
        network: Arc<Network>,
        layer: String,
        tensor: TensorId,
        data: Arc<Column>,
    },
    Layers(Comparison),
    Maps(maps::Task),
    Project {
        network: Arc<Network>,
        layer: String,
        tensor: TensorId,
        size: Option<[usize; 2]>,
    },
}

/// An input in a network, and what is asked about.
#[derive(Clone)]
pub(crate) struct Scene {
    pub network: Arc<Network>,
    pub inputs: Arrays,
    pub target: Target,
    /// Of a text.
    pub tokens: Arc<[String]>,
}

/// Steps of a search at most.
const MOST: u64 = 4096;

/// What the worker does for `question`.
pub(super) fn of(session: &Session, question: &Question) -> Result<Task, String> {
    let document = session.document.as_ref().ok_or("nothing is open")?;
    if !document.weighted() {
        return Err("the file holds no weights, so nothing can be computed".into());
    }
    match question {
        Question::Attribute {
            method,
            settings,
            layer,
            element,
            text,
        } => {
            let ids = || {
                let ids: Vec<&str> = attribution::METHODS.iter().map(|m| m.id).collect();
                format!("{method:?} is no method: one of {} is expected", ids.join(", "))
            };
            Ok(Task::Map {
                method: attribution::method(method).ok_or_else(ids)?,
                settings: attribution::Settings {
                    values: settings.clone(),
                    layer: chosen(document, layer)?,
                    ..Default::default()
                },
                scene: scene(session, document, *element, *text)?,
            })
        }
        Question::Every { layer, element, text } => Ok(Task::Every {
            settings: attribution::Settings {
                layer: chosen(document, layer)?,
                ..Default::default()
            },
            scene: scene(session, document, *element, *text)?,
        }),
        Question::Curves | Question::Sanity => match session.asked.course(Line::Map) {
            Some(course) if course.done() => Ok(match question {
                Question::Curves => Task::Curves,
                _ => Task::Sanity,
            }),
            _ => Err("it is about a finished map: ask for one first".into()),
        },
        Question::Maximize { layer, part, search } => {
            let (tensor, data) = (output(document, layer)?, column(document));
            Ok(Task::Maximize {
                network: document.source.clone(),
                layer: layer.clone(),
                part: *part,
                objective: Objective {
                    tensor,
                    aim: match *part {
                        Part::Channel(c) => Aim::Channel(c),
                        Part::Element(e) => Aim::Element(e),
                        Part::All => Aim::All,
                    },
                },
                legal: document.preprocess.as_ref().map(legal).unwrap_or_default(),
                settings: settings(document, search)?,
                steps: search.steps,
                data,
            })
        }
        Question::Examples { layer } => Ok(Task::Examples {
            network: document.source.clone(),
            layer: layer.clone(),
            tensor: output(document, layer)?,
            data: column(document).ok_or("no data set belongs to this network")?,
        }),
        Question::Layers { measure } => Comparison::of(document, *measure).map(Task::Layers),
        Question::Maps { layer, examples } => {
            let tensor = output(document, layer)?;
            maps::Task::of(document, layer, tensor, examples).map(Task::Maps)
        }
        Question::Project { layer } => Ok(Task::Project {
            network: document.source.clone(),
            layer: layer.clone(),
            tensor: output(document, layer)?,
            size: document.preprocess.as_ref().map(|p| [p.height, p.width]),
        }),
        Question::Stop(_) => Err("there is nothing to do".into()),
    }
}

fn scene(
    session: &Session,
    document: &Document,
    element: Option<usize>,
    text: usize,
) -> Result<Scene, String> {
    let (mut inputs, tokens) = match &session.state.input {
        Input::Text(texts) => {
            let wanted = texts.get(text);
            let wanted = wanted.ok_or_else(|| format!("text {text} of {} was asked for", texts.len()))?;
            let mut fed = document.feed(std::slice::from_ref(wanted))?;
            (fed.arrays, fed.tokens.pop().unwrap_or_default())
        }
        other => {
            let arrays = document.arrays(other)?;
            (arrays.ok_or("give the network an input first")?, Vec::new())
        }
    };
    let mut network = document.source.clone();
    if !tokens.is_empty() {
        let (changed, fed) = attribution::by_vectors(&network, &inputs).map_err(|e| e.to_string())?;
        (network, inputs) = (Arc::new(changed), fed);
    }
    Ok(Scene {
        network,
        inputs,
        tokens: tokens.into(),
        target: Target {
            tensor: None,
            element,
        },
    })
}

fn chosen(document: &Document, layer: &Option<String>) -> Result<Option<LayerId>, String> {
    let find = |name: &String| {
        let found = document.source.layer_named(name);
        found.ok_or_else(|| format!("{}: nothing is named {name:?}", document.file))
    };
    layer.as_ref().map(find).transpose()
}

/// The first output of a layer.
fn output(document: &Document, layer: &str) -> Result<TensorId, String> {
    let id = document.source.layer_named(layer);
    let id = id.ok_or_else(|| format!("{}: nothing is named {layer:?}", document.file))?;
    let tensor = document.source.layer(id).outputs.first().copied().flatten();
    tensor.ok_or_else(|| format!("{layer:?} has no output"))
}

/// The data set that fits the network, as its input.
fn column(document: &Document) -> Option<Arc<Column>> {
    let samples = document.samples.as_ref().filter(|s| !s.is_empty())?;
    samples.dataset(0.0, 0).inputs.into_iter().next().map(Arc::new)
}

/// Values of a black and a white pixel.
pub(super) fn legal(how: &Preprocess) -> Legal {
    let count = how.mean.len().max(how.std.len()).max(1);
    let of = |v: &[f32], c: usize, none: f32| v.get(c).or(v.last()).copied().unwrap_or(none);
    let at = |pixel: f32| {
        let one = |c| (pixel * how.scale - of(&how.mean, c, 0.0)) / of(&how.std, c, 1.0);
        (0..count).map(one).collect()
    };
    Legal {
        low: at(0.0),
        high: at(255.0),
    }
}

fn settings(document: &Document, search: &Search) -> Result<maximize::Settings, String> {
    if !(1..=MOST).contains(&search.steps) {
        return Err(format!("{} steps given, 1 to {MOST} expected", search.steps));
    }
    let side = document.preprocess.as_ref().map_or(0, |p| p.height.max(p.width));
    let moved = Shake {
        jitter: (side / 28).clamp(2, 16),
        ..Shake::default()
    };
    Ok(maximize::Settings {
        images: search.images,
        seed: search.seed,
        diversity: if search.images > 1 { search.apart } else { 0.0 },
        shake: if search.shake { moved } else { Shake::NONE },
        size: document.preprocess.as_ref().map(|p| [p.height, p.width]),
        ..maximize::Settings::default()
    })
}
