//! What the worker does of a question.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use compute::{Device, Engine, GiveWay, Patch, RunOptions};
use model::Column;
use probe::attribution::{Attribution, Baseline, Curves, Map, Method, Sanity, Settings, Subject};
use probe::maximize::{Maximizer, TopExamples};
use probe::{ProbeError, Projection};

use super::Line;
use super::answers::{Checked, Crossed, Examples, Explained, Maximized, News};
use super::layers::Comparing;
use super::parts::{Seeking, Surveying, judge};
use super::task::{Scene, Task};

/// Seconds of work between two looks at what else is to be done.
pub(super) const SLICE: f64 = 0.03;
/// Places of a deletion or insertion curve, besides the start.
const STEPS: usize = 48;
/// Examples that are kept of each channel.
const KEPT: usize = 6;
/// Draws the weights of the sanity check.
const SEED: u64 = 1;

/// An order to the worker.
#[derive(Clone)]
pub(crate) enum Order {
    /// Begins an answer instead of the last one of its line.
    Begin {
        line: Line,
        number: u64,
        task: Box<Task>,
        cancel: Arc<AtomicBool>,
        patches: Arc<[Patch]>,
    },
    /// Goes on with it.
    Go {
        line: Line,
        number: u64,
        patches: Arc<[Patch]>,
    },
    /// Forgets it.
    Drop(Line),
}

/// A slice of an answer.
pub(crate) struct Told {
    pub(super) line: Line,
    pub(super) number: u64,
    /// What is known and the share that is done; nothing where the worker knows no such question.
    pub(super) news: Result<Option<(News, f32)>, String>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Order {
    /// The reply where the work came to nothing.
    pub(crate) fn failed(&self, problem: &str) -> Option<Told> {
        match *self {
            Order::Begin { line, number, .. } | Order::Go { line, number, .. } => Some(Told {
                line,
                number,
                news: Err(problem.into()),
            }),
            Order::Drop(_) => None,
        }
    }
}

/// The answers that the worker is at, or that others rest on.
#[derive(Default)]
pub(crate) struct Desk {
    map: Option<Mapping>,
    every: Option<Surveying>,
    curves: Option<Curves>,
    sanity: Option<Sanity>,
    maximize: Option<Seeking>,
    examples: Option<Sifting>,
    layers: Option<Comparing>,
    maps: Option<super::maps::Mapping>,
    project: Option<(String, Projection)>,
}

/// What is explained, as it is drawn.
pub(super) struct Given {
    example: Arc<Map>,
    tokens: Arc<[String]>,
}

struct Mapping {
    subject: Subject,
    given: Given,
    method: &'static Method,
    settings: Settings,
    attribution: Attribution,
}

struct Sifting {
    layer: String,
    top: TopExamples,
    data: Arc<Column>,
}

pub(super) fn told(e: ProbeError) -> String {
    e.to_string()
}

impl Desk {
    /// A slice of work for `order`; `None` for one that has no answer.
    pub(crate) async fn work(
        &mut self,
        engine: &mut Engine,
        give_way: Option<GiveWay>,
        order: &Order,
    ) -> Option<Told> {
        let device = engine.device().clone();
        let mut options = RunOptions {
            give_way,
            ..RunOptions::default()
        };
        let (line, number, begun) = match order {
            Order::Drop(line) => {
                self.clear(*line);
                return None;
            }
            Order::Go {
                line,
                number,
                patches,
            } => {
                options.patches = patches.clone();
                (*line, *number, Ok(()))
            }
            Order::Begin {
                line,
                number,
                task,
                cancel,
                patches,
            } => {
                options.patches = patches.clone();
                self.clear(*line);
                let first = RunOptions {
                    cancel: cancel.clone(),
                    ..options.clone()
                };
                (*line, *number, self.begin(task, &device, &first).await)
            }
        };
        let news = match begun {
            Ok(()) => self.go(line, engine, &options).await,
            Err(problem) => Err(problem),
        };
        // Only a map serves further questions.
        let done = news
            .as_ref()
            .map_or(true, |n| n.as_ref().is_none_or(|(_, p)| *p >= 1.0));
        if done && (line != Line::Map || news.is_err()) {
            self.clear(line);
        }
        Some(Told { line, number, news })
    }

    fn clear(&mut self, line: Line) {
        match line {
            Line::Map => (self.map, self.curves, self.sanity) = (None, None, None),
            Line::Every => self.every = None,
            Line::Curves => self.curves = None,
            Line::Sanity => self.sanity = None,
            Line::Maximize => self.maximize = None,
            Line::Examples => self.examples = None,
            Line::Layers => self.layers = None,
            Line::Maps => self.maps = None,
            Line::Project => self.project = None,
        }
    }

    async fn begin(&mut self, task: &Task, device: &Device, options: &RunOptions) -> Result<(), String> {
        match task {
            Task::Map {
                scene,
                method,
                settings,
            } => {
                let (subject, given) = open(scene, device, options).await?;
                self.map = Some(Mapping {
                    attribution: Attribution::new(&subject, method, settings).map_err(told)?,
                    subject,
                    given,
                    method,
                    settings: settings.clone(),
                });
            }
            Task::Every { scene, settings } => {
                let (subject, given) = open(scene, device, options).await?;
                self.every = Some(Surveying {
                    subject,
                    given,
                    settings: settings.clone(),
                    done: Vec::new(),
                    now: None,
                });
            }
            Task::Curves => {
                let Mapping { subject, .. } = self.mapping()?;
                let map = self.finished()?;
                let made = Curves::new(subject, &map, STEPS, Baseline::Zero, Baseline::Blurred);
                self.curves = Some(made.map_err(told)?);
            }
            Task::Sanity => {
                let Mapping {
                    subject,
                    method,
                    settings,
                    ..
                } = self.mapping()?;
                let made = Sanity::new(subject, self.finished()?, method, settings, SEED);
                self.sanity = Some(made.map_err(told)?);
            }
            Task::Maximize {
                network,
                layer,
                part,
                objective,
                legal,
                settings,
                steps,
                data,
            } => {
                let (legal, settings) = (legal.clone(), settings.clone());
                let made = Maximizer::new(network, *objective, legal, settings, device, options);
                let maximizer = made.map_err(told)?;
                let judge = match data {
                    Some(data) => Some((judge(network, *objective, data, device, options).await?, data)),
                    None => None,
                };
                let picture = maximizer.picture();
                self.maximize = Some(Seeking {
                    found: Maximized {
                        layer: layer.clone(),
                        part: *part,
                        shape: [picture.channels, picture.height, picture.width],
                        pictures: Vec::new(),
                        history: Vec::new(),
                        now: None,
                        best: None,
                    },
                    network: network.clone(),
                    objective: *objective,
                    maximizer,
                    steps: *steps,
                    judge: judge.map(|(subject, data)| (subject, data.clone(), 0)),
                });
            }
            Task::Maps(task) => self.maps = Some(super::maps::Mapping::new(task.clone())),
            Task::Project {
                network,
                layer,
                tensor,
                size,
            } => {
                let projection = Projection::new(network, *tensor, *size, device, options);
                self.project = Some((layer.clone(), projection.map_err(told)?));
            }
            Task::Layers(task) => self.layers = Some(Comparing::new(task.clone())),
            Task::Examples {
                network,
                layer,
                tensor,
                data,
            } => {
                let picks = (0..data.len() as u32).collect();
                let opened = TopExamples::open(network, *tensor, KEPT, data, picks, device, options);
                self.examples = Some(Sifting {
                    layer: layer.clone(),
                    top: opened.await.map_err(told)?,
                    data: data.clone(),
                });
            }
        }
        Ok(())
    }

    fn mapping(&self) -> Result<&Mapping, String> {
        self.map
            .as_ref()
            .ok_or_else(|| "its map is gone: ask for one first".into())
    }

    fn finished(&self) -> Result<Map, String> {
        let mapping = self.mapping()?;
        let whole = mapping.attribution.finished();
        let map = mapping.attribution.map(&mapping.subject).filter(|_| whole);
        map.ok_or_else(|| "its map is not finished".into())
    }

    /// Goes on with what a line is at.
    async fn go(
        &mut self,
        line: Line,
        engine: &mut Engine,
        options: &RunOptions,
    ) -> Result<Option<(News, f32)>, String> {
        Ok(match line {
            Line::Map => match &mut self.map {
                Some(at) => {
                    at.attribution.go(&mut at.subject, SLICE).await.map_err(told)?;
                    let map = at.attribution.map(&at.subject);
                    let explained = map.map(|map| explained(at.method, &at.subject, map, &at.given));
                    explained.map(|e| (News::Map(e), share(&at.attribution)))
                }
                None => None,
            },
            Line::Every => match &mut self.every {
                Some(at) => Some(at.go().await),
                None => None,
            },
            Line::Curves => match (&mut self.curves, &mut self.map) {
                (Some(curves), Some(map)) => {
                    curves.go(&mut map.subject, SLICE).await.map_err(told)?;
                    let crossed = Crossed {
                        deletion: curves.deletion().clone(),
                        insertion: curves.insertion().clone(),
                    };
                    let points = crossed.deletion.points.len() + crossed.insertion.points.len();
                    let progress = match curves.finished() {
                        true => 1.0,
                        false => (points as f32 / (2 * STEPS + 2) as f32).min(0.99),
                    };
                    Some((News::Curves(crossed.into()), progress))
                }
                _ => None,
            },
            Line::Sanity => match (&mut self.sanity, &self.map) {
                (Some(sanity), Some(map)) => {
                    sanity.go(&map.subject, SLICE).await.map_err(told)?;
                    let checked = Checked {
                        stages: sanity.stages().to_vec(),
                        total: sanity.total(),
                        verdict: sanity.verdict(),
                    };
                    let progress = checked.stages.len() as f32 / checked.total.max(1) as f32;
                    Some((News::Sanity(checked.into()), progress))
                }
                _ => None,
            },
            Line::Maximize => match &mut self.maximize {
                Some(at) => Some(at.go().await?),
                None => None,
            },
            Line::Layers => match &mut self.layers {
                Some(at) => Some(at.go(engine, options).await?),
                None => None,
            },
            Line::Maps => match &mut self.maps {
                Some(at) => Some(at.go(engine, options).await?),
                None => None,
            },
            Line::Project => match &mut self.project {
                Some((layer, at)) => {
                    at.go(SLICE).await.map_err(told)?;
                    let found = at.found().clone();
                    let progress = found.filters.len() as f32 / found.channels.max(1) as f32;
                    Some((News::Project(layer.clone(), found.into()), progress))
                }
                None => None,
            },
            Line::Examples => match &mut self.examples {
                Some(at) => {
                    at.top.go(&at.data, SLICE).await.map_err(told)?;
                    let (seen, all) = at.top.progress();
                    let examples = Examples {
                        layer: at.layer.clone(),
                        channels: at.top.channels().to_vec(),
                        seen: [seen, all],
                    };
                    Some((News::Examples(examples.into()), seen as f32 / all.max(1) as f32))
                }
                None => None,
            },
        })
    }
}

/// The example of a scene, and its cells as planes.
async fn open(scene: &Scene, device: &Device, options: &RunOptions) -> Result<(Subject, Given), String> {
    let Scene {
        network,
        inputs,
        target,
        tokens,
    } = scene;
    let subject = Subject::open(network, inputs.clone(), *target, device, options);
    let subject = subject.await.map_err(told)?;
    let picture = subject.picture();
    let example = Map {
        channels: picture.channels,
        height: picture.height,
        width: picture.width,
        values: picture.planes(subject.example()),
    };
    let given = Given {
        example: Arc::new(example),
        tokens: tokens.clone(),
    };
    Ok((subject, given))
}

/// The share that is done; 1 is kept for what is finished.
pub(super) fn share(attribution: &Attribution) -> f32 {
    match attribution.finished() {
        true => 1.0,
        false => attribution.progress().min(0.999),
    }
}

pub(super) fn explained(
    method: &'static Method,
    subject: &Subject,
    map: Map,
    given: &Given,
) -> Arc<Explained> {
    Arc::new(Explained {
        method: method.id,
        element: subject.element(),
        score: subject.score(),
        map,
        example: given.example.clone(),
        tokens: given.tokens.clone(),
        input: subject.network().tensor(subject.input()).name.clone(),
    })
}
