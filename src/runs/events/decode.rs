//! Events to records: scalars by the fast path, everything else through the protocol buffers.

use std::collections::HashMap;
use std::sync::Arc;

use model::run::{At, Bucket, Histogram, Image, Mark};
use model::{Point, Record};
use prost::Message;

use super::proto::{self, Content};
use super::{MARKS, fast, hparams, tensor};
use crate::batch::{Batch, Start};

/// Which plugin of TensorBoard a tag's tensors are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    Scalars,
    Histograms,
    Images,
    Text,
    Hparams,
    /// Ours, for arrays.
    Tensors,
    /// Layouts of other panels, graphs: no record of the training.
    Other,
    /// Named, and unknown here: by shape.
    Any,
}

impl Plugin {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"" => return None,
            b"scalars" => Plugin::Scalars,
            b"histograms" => Plugin::Histograms,
            b"images" => Plugin::Images,
            b"text" => Plugin::Text,
            name if name == super::TENSORS.as_bytes() => Plugin::Tensors,
            b"hparams" => Plugin::Hparams,
            b"custom_scalars" | b"graphs" | b"graph_run_metadata" | b"graph_keras_model" => Plugin::Other,
            b"graph_run_metadata_graph" | b"profile" | b"beholder" | b"debugger" => Plugin::Other,
            _ => Plugin::Any,
        })
    }
}

/// A tensor whose tag does not say what it is; an earlier piece of the file may have.
#[derive(Debug)]
pub(super) struct Loose {
    pub(super) at: u64,
    wall: f64,
    step: i64,
    tag: String,
    tensor: proto::Tensor,
}

/// Makes a batch of events.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pub(crate) batch: Batch,
    /// The slot that came after each slot the last time: training loops log in cycles.
    next: Vec<u32>,
    previous: usize,
    pub(super) plugins: HashMap<String, Plugin>,
    pub(super) loose: Vec<Loose>,
    /// What was left out, and where.
    pub(super) notes: Vec<(u64, String)>,
}

impl Decoder {
    /// Forgets what was not added to a run.
    pub(super) fn forget(&mut self) {
        self.batch.clear();
        self.loose.clear();
        self.notes.clear();
    }

    /// Adds the event in `bytes`, which stands at `at`; the error says what is wrong with it.
    #[inline]
    pub(crate) fn event(&mut self, at: u64, bytes: &[u8]) -> Result<(), String> {
        let Some(event) = fast::event(bytes) else {
            return self.whole(at, bytes);
        };
        let mut rest = event.summary;
        while !rest.is_empty() {
            let Some(value) = fast::value(&mut rest) else {
                let summary = proto::Summary::decode(rest).map_err(not_an_event)?;
                let mut values = summary.value.into_iter();
                return values.try_for_each(|value| self.value(at, event.wall, event.step, value));
            };
            let taken = match fast::scalar(value) {
                Some(scalar) => self.scalar(at, event.wall, event.step, &scalar),
                None => false,
            };
            if !taken {
                let value = proto::Value::decode(value).map_err(not_an_event)?;
                self.value(at, event.wall, event.step, value)?;
            }
        }
        Ok(())
    }

    /// Adds a scalar; false where its tag does not say yet that it is one.
    #[inline]
    fn scalar(&mut self, at: u64, wall: f64, step: i64, scalar: &fast::Scalar) -> bool {
        let guess = self.next.get(self.previous).copied().unwrap_or(u32::MAX);
        let slot = match self.batch.slots.get(guess as usize) {
            Some(slot) if slot.tag.as_bytes() == scalar.tag => {
                self.previous = guess as usize;
                guess
            }
            _ => match self.look(scalar) {
                Some(slot) => slot,
                None => return false,
            },
        };
        let value = scalar.value;
        self.batch.push(slot, at, Point { step, wall, value });
        true
    }

    #[cold]
    fn look(&mut self, scalar: &fast::Scalar) -> Option<u32> {
        let tag = std::str::from_utf8(scalar.tag).ok()?;
        let slot = match self.batch.known(tag) {
            Some(slot) => slot,
            None if scalar.simple => self.slot(tag),
            None => return None,
        };
        self.follow(slot);
        Some(slot)
    }

    fn follow(&mut self, slot: u32) {
        self.next[self.previous] = slot;
        self.previous = slot as usize;
    }

    /// The slot of a scalar's tag.
    fn slot(&mut self, tag: &str) -> u32 {
        let slot = self.batch.slot(tag);
        self.next.resize(self.batch.slots.len(), u32::MAX);
        slot
    }

    /// An event in any form.
    fn whole(&mut self, at: u64, bytes: &[u8]) -> Result<(), String> {
        let event = proto::Event::decode(bytes).map_err(not_an_event)?;
        let (wall, step) = (event.wall_time, event.step);
        if event.session_log.is_some_and(|log| log.status == 1) {
            self.batch.starts.push(Start { at, step, wall });
        }
        let summary = event.summary.unwrap_or_default();
        let mut values = summary.value.into_iter();
        values.try_for_each(|value| self.value(at, wall, step, value))
    }

    fn value(&mut self, at: u64, wall: f64, step: i64, value: proto::Value) -> Result<(), String> {
        let tag = match String::from_utf8(value.tag) {
            Ok(tag) => tag,
            Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
        };
        let said = value.metadata.and_then(|m| m.plugin_data);
        if let Some(plugin) = said.as_ref().and_then(|p| Plugin::named(&p.plugin_name)) {
            if plugin == Plugin::Hparams {
                let content = said.map(|p| p.content).unwrap_or_default();
                let settings = hparams::read(&content)?;
                self.batch.records.extend(settings.into_iter().map(|s| (at, s)));
                return Ok(());
            }
            if self.plugins.get(&tag) != Some(&plugin) {
                self.plugins.insert(tag.clone(), plugin);
            }
        }
        match value.value {
            None => {}
            Some(Content::Simple(v)) => self.point(at, wall, step, &tag, v as f64),
            Some(Content::Histogram(h)) => {
                let value = Arc::new(old_histogram(&h));
                let at_step = At { step, wall, value };
                self.batch
                    .records
                    .push((at, Record::Histogram { tag, at: at_step }));
            }
            Some(Content::Image(image)) => {
                let size = |v: i32| u32::try_from(v).unwrap_or(0);
                let (width, height) = (size(image.width), size(image.height));
                self.image(at, wall, step, tag, width, height, image.encoded_image_string);
            }
            Some(Content::Audio(_)) => self.note(at, format!("{tag:?} is audio, which is not read")),
            Some(Content::Obsolete(_)) => {
                self.note(
                    at,
                    format!("{tag:?} is a histogram of a form that TensorFlow gave up"),
                );
            }
            Some(Content::Tensor(tensor)) => match self.plugins.get(&tag) {
                Some(&plugin) => self.tensor(at, wall, step, tag, plugin, tensor)?,
                None => self.loose.push(Loose {
                    at,
                    wall,
                    step,
                    tag,
                    tensor,
                }),
            },
        }
        Ok(())
    }

    /// Adds tensors whose tags did not say what they are, with what is known by now.
    pub(super) fn resolve(&mut self, plugins: &HashMap<String, Plugin>) {
        for loose in std::mem::take(&mut self.loose) {
            let plugin = plugins.get(&loose.tag).copied().unwrap_or(Plugin::Any);
            let Loose {
                at,
                wall,
                step,
                tag,
                tensor,
            } = loose;
            if let Err(problem) = self.tensor(at, wall, step, tag, plugin, tensor) {
                self.note(at, problem);
            }
        }
    }

    fn point(&mut self, at: u64, wall: f64, step: i64, tag: &str, value: f64) {
        let slot = self.slot(tag);
        self.follow(slot);
        self.batch.push(slot, at, Point { step, wall, value });
    }

    fn note(&mut self, at: u64, problem: String) {
        // A hostile file must not fill memory with complaints.
        if self.notes.len() < 1000 {
            self.notes.push((at, problem));
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn image(
        &mut self,
        at: u64,
        wall: f64,
        step: i64,
        tag: String,
        width: u32,
        height: u32,
        encoded: Vec<u8>,
    ) {
        let value = Arc::new(Image {
            width,
            height,
            encoded,
        });
        let at_step = At { step, wall, value };
        self.batch.records.push((at, Record::Image { tag, at: at_step }));
    }

    fn text(&mut self, at: u64, wall: f64, step: i64, tag: String, text: String) {
        if tag == MARKS
            && let Ok(mark) = serde_json::from_str::<Mark>(&text)
        {
            // JSON has no NaN: the event says when.
            let mark = Mark { step, wall, ..mark };
            self.batch.records.push((at, Record::Mark(mark)));
            return;
        }
        let value = Arc::new(text);
        let at_step = At { step, wall, value };
        self.batch.records.push((at, Record::Text { tag, at: at_step }));
    }

    fn tensor(
        &mut self,
        at: u64,
        wall: f64,
        step: i64,
        tag: String,
        plugin: Plugin,
        t: proto::Tensor,
    ) -> Result<(), String> {
        if plugin == Plugin::Other {
            return Ok(());
        }
        let within = |problem: String| format!("{tag:?}: {problem}");
        if t.dtype == tensor::STRING {
            let (shape, _) = tensor::shape(&t).map_err(within)?;
            match plugin {
                Plugin::Images => return self.images(at, wall, step, tag, t.string_val),
                Plugin::Text | Plugin::Any => {
                    let text = table(&shape, &t.string_val);
                    self.text(at, wall, step, tag, text);
                }
                _ => return Err(within(format!("strings where {plugin:?} needs numbers"))),
            }
            return Ok(());
        }
        let data = tensor::numbers(&t).map_err(within)?;
        match plugin {
            Plugin::Histograms => {
                let value = Arc::new(new_histogram(&data).map_err(within)?);
                let at_step = At { step, wall, value };
                self.batch
                    .records
                    .push((at, Record::Histogram { tag, at: at_step }));
            }
            Plugin::Images | Plugin::Text => {
                return Err(within(format!("numbers where {plugin:?} needs strings")));
            }
            _ => match (data.len() == 1).then(|| data.to_f64()).flatten().as_deref() {
                Some(&[value])
                    if plugin == Plugin::Scalars || plugin == Plugin::Any && data.shape.is_empty() =>
                {
                    self.point(at, wall, step, &tag, value);
                }
                _ => {
                    let value = Arc::new(data);
                    let at_step = At { step, wall, value };
                    self.batch.records.push((at, Record::Tensor { tag, at: at_step }));
                }
            },
        }
        Ok(())
    }

    /// Width and height as text, then pictures; several at a step get tags of their own.
    fn images(
        &mut self,
        at: u64,
        wall: f64,
        step: i64,
        tag: String,
        strings: Vec<Vec<u8>>,
    ) -> Result<(), String> {
        let size = |i: usize| std::str::from_utf8(strings.get(i)?).ok()?.parse::<u32>().ok();
        let (Some(width), Some(height)) = (size(0), size(1)) else {
            return Err(format!("{tag:?}: a picture without width and height"));
        };
        let many = strings.len() > 3;
        for (i, encoded) in strings.into_iter().skip(2).enumerate() {
            let tag = if many { format!("{tag}/{i}") } else { tag.clone() };
            self.image(at, wall, step, tag, width, height, encoded);
        }
        Ok(())
    }
}

fn not_an_event(e: prost::DecodeError) -> String {
    format!("the record is not an event ({e}); it is left out")
}

/// A text, several texts as paragraphs, a table of texts as a Markdown table.
fn table(shape: &[u64], values: &[Vec<u8>]) -> String {
    let texts: Vec<_> = values.iter().map(|v| String::from_utf8_lossy(v)).collect();
    let columns = shape.get(1).copied().unwrap_or(1) as usize;
    if shape.len() != 2 || columns == 0 {
        return texts.join("\n\n");
    }
    let line = |cells: &[_]| format!("| {} |", <[std::borrow::Cow<str>]>::join(cells, " | "));
    let mut lines: Vec<String> = texts.chunks(columns).map(line).collect();
    let rule = format!(
        "|{}",
        "---|".repeat(columns.min(lines.first().map_or(0, |_| texts.len())))
    );
    lines.insert(lines.len().min(1), rule);
    lines.join("\n")
}

/// As TensorBoard shows it (`data_compat._migrate_histogram_value`): empty buckets at both ends go,
/// and the ends are the smallest and the largest value.
fn old_histogram(h: &proto::Histogram) -> Histogram {
    let filled = |c: &f64| *c > 0.0;
    let counts = &h.bucket[..h.bucket.len().min(h.bucket_limit.len())];
    let mut buckets = Vec::new();
    if let (Some(start), Some(end)) = (counts.iter().position(filled), counts.iter().rposition(filled)) {
        for (i, &count) in counts.iter().enumerate().take(end + 1).skip(start) {
            buckets.push(Bucket {
                left: if i == start { h.min } else { h.bucket_limit[i - 1] },
                right: if i == end { h.max } else { h.bucket_limit[i] },
                count,
            });
        }
    }
    Histogram {
        min: h.min,
        max: h.max,
        count: h.num,
        sum: h.sum,
        squares: h.sum_squares,
        buckets,
    }
}

/// Rows of left edge, right edge and count.
fn new_histogram(data: &model::TensorData) -> Result<Histogram, String> {
    let values = match data.shape[..] {
        [n, 3] if n <= 1 << 20 => data.to_f64(),
        _ => None,
    };
    let expected = || format!("a histogram has [buckets, 3] numbers, found {:?}", data.shape);
    let values = values.ok_or_else(expected)?;
    let row = |row: &[f64]| Bucket {
        left: row[0],
        right: row[1],
        count: row[2],
    };
    let buckets: Vec<Bucket> = values.chunks_exact(3).map(row).collect();
    // TensorFlow's summary of nothing has buckets from 0 to 0; what is not counted has no ends.
    Ok(Histogram {
        min: buckets.first().map_or(f64::NAN, |b| b.left),
        max: buckets.last().map_or(f64::NAN, |b| b.right),
        count: buckets.iter().map(|b| b.count).sum(),
        sum: f64::NAN,
        squares: f64::NAN,
        buckets,
    })
}
