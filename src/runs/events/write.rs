//! Event files that TensorBoard opens.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use model::run::{Histogram, Mark, Setting};
use model::{DType, Point, Record, TensorData};
use prost::Message;

use super::proto::{self, Content, Event, Metadata, PluginData, Summary, Value};
use super::{MARKS, TENSORS, frame, hparams, tensor};
use crate::RunsError;

/// Bytes kept before they are written of themselves.
const BUFFER: usize = 64 << 10;
/// Bytes kept at most while the disk is full.
const MOST: usize = 64 << 20;

/// Writes one event file. What is not flushed when it is dropped is flushed then, as far as the
/// disk allows.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
    /// Length of the file up to its last complete record.
    length: u64,
    buffer: Vec<u8>,
    /// Tags whose plugin was said: once a file is enough.
    said: HashSet<String>,
    settings: BTreeMap<String, Setting>,
    settings_wait: bool,
}

impl EventWriter {
    /// Begins a new event file of the run `name` in the log folder `folder`: an existing one is never
    /// touched. The name may have `/` in it; empty, it is the folder itself.
    ///
    /// # Errors
    /// Where the name leads out of the folder, or the file cannot be made.
    pub fn create(folder: &Path, name: &str) -> Result<Self, RunsError> {
        let plain = |c: Component| matches!(c, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(plain) {
            let problem = format!("a run's name is expected as NAME or NAME/NAME, found {name:?}");
            return Err(RunsError::unwritable(folder, problem));
        }
        let folder = folder.join(name);
        let wrong = |e| RunsError::unwritable(&folder, e);
        std::fs::create_dir_all(&folder).map_err(wrong)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let process = std::process::id();
        let mut opened = None;
        for n in 0.. {
            // Zero-padded like TensorFlow's, so that names sort by time.
            let file = format!(
                "events.out.tfevents.{:010}.layerscope.{process}.{n}",
                now.as_secs()
            );
            let path = folder.join(file);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    opened = Some((path, file));
                    break;
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && n < 10_000 => {}
                Err(e) => return Err(wrong(e)),
            }
        }
        let Some((path, file)) = opened else {
            return Err(RunsError::unwritable(
                &folder,
                "no name is left for an event file",
            ));
        };
        let mut writer = EventWriter {
            path,
            file,
            length: 0,
            buffer: Vec::new(),
            said: HashSet::new(),
            settings: BTreeMap::new(),
            settings_wait: false,
        };
        writer.event(Event {
            wall_time: now.as_secs_f64(),
            file_version: Some("brain.Event:2".into()),
            ..Event::default()
        });
        writer.flush()?;
        Ok(writer)
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a record; [`EventWriter::flush`] brings it to the file. Hyperparameters that follow each
    /// other are written together: TensorBoard shows the first that it finds.
    ///
    /// # Errors
    /// Where the file cannot be written and too much waits for that, or for a tensor of strings.
    pub fn write(&mut self, record: &Record) -> Result<(), RunsError> {
        match record {
            Record::Hyperparameter { name, value } => {
                self.settings.insert(name.clone(), value.clone());
                self.settings_wait = true;
            }
            other => {
                self.write_settings();
                self.record(other)?;
            }
        }
        match self.buffer.len() {
            0..BUFFER => Ok(()),
            // A full disk may have room again later; what waits is kept up to a limit.
            BUFFER..MOST => {
                _ = self.flush();
                Ok(())
            }
            _ => self.flush(),
        }
    }

    /// Brings everything to the file. After an error the file ends with a complete record, and what
    /// could not be written waits for the next try.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn flush(&mut self) -> Result<(), RunsError> {
        self.write_settings();
        let written = self.file.seek(SeekFrom::Start(self.length));
        let written = written
            .and_then(|_| self.file.write_all(&self.buffer))
            .and_then(|()| self.file.flush());
        match written {
            Ok(()) => {
                self.length += self.buffer.len() as u64;
                self.buffer.clear();
                Ok(())
            }
            Err(e) => {
                _ = self.file.set_len(self.length);
                Err(RunsError::unwritable(&self.path, e))
            }
        }
    }

    fn record(&mut self, record: &Record) -> Result<(), RunsError> {
        match record {
            Record::Scalar { tag, point } => {
                let content = Content::Tensor(scalar(point));
                self.value(tag, "scalars", 1, point.step, point.wall, content);
            }
            Record::Histogram { tag, at } => {
                let content = histogram(&at.value);
                self.value(tag, "histograms", 2, at.step, at.wall, content);
            }
            Record::Image { tag, at } => {
                let (width, height) = (at.value.width.to_string(), at.value.height.to_string());
                let strings = vec![width.into_bytes(), height.into_bytes(), at.value.encoded.clone()];
                let content = Content::Tensor(tensor::strings(&[3], strings));
                self.value(tag, "images", 3, at.step, at.wall, content);
            }
            Record::Text { tag, at } => self.text(tag, at.step, at.wall, at.value.as_bytes().to_vec()),
            Record::Tensor { tag, at } => {
                let Some(message) =
                    tensor::message(&at.value).or_else(|| tensor::message(&plain(&at.value)?))
                else {
                    let problem = format!("{tag:?}: {:?} has no form in an event file", at.value);
                    return Err(RunsError::unwritable(&self.path, problem));
                };
                self.value(tag, TENSORS, 2, at.step, at.wall, Content::Tensor(message));
            }
            Record::Mark(mark) => {
                // JSON has no NaN; the event has the time.
                let wall = if mark.wall.is_finite() { mark.wall } else { 0.0 };
                let json = serde_json::to_vec(&Mark { wall, ..mark.clone() });
                let json = json.map_err(|e| RunsError::unwritable(&self.path, e))?;
                self.text(MARKS, mark.step, mark.wall, json);
            }
            Record::Hyperparameter { .. } => {}
        }
        Ok(())
    }

    fn text(&mut self, tag: &str, step: i64, wall: f64, text: Vec<u8>) {
        let content = Content::Tensor(tensor::strings(&[], vec![text]));
        self.value(tag, "text", 2, step, wall, content);
    }

    fn value(&mut self, tag: &str, plugin: &str, class: i32, step: i64, wall: f64, content: Content) {
        let metadata = (!self.said.contains(tag)).then(|| {
            self.said.insert(tag.to_string());
            metadata(plugin, Vec::new(), class)
        });
        let value = Value {
            tag: tag.as_bytes().to_vec(),
            metadata,
            value: Some(content),
        };
        self.event(Event {
            wall_time: wall,
            step,
            summary: Some(Summary { value: vec![value] }),
            ..Event::default()
        });
    }

    fn write_settings(&mut self) {
        if !std::mem::take(&mut self.settings_wait) {
            return;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let value = Value {
            tag: hparams::TAG.as_bytes().to_vec(),
            metadata: Some(metadata("hparams", hparams::write(&self.settings, now), 2)),
            // What the plugin's own writer puts there, so that readers of tensors pass over it.
            value: Some(Content::Tensor(proto::Tensor {
                dtype: 1,
                tensor_shape: Some(proto::Shape::default()),
                float_val: vec![0.0],
                ..proto::Tensor::default()
            })),
        };
        self.event(Event {
            wall_time: now,
            summary: Some(Summary { value: vec![value] }),
            ..Event::default()
        });
    }

    fn event(&mut self, event: Event) {
        frame::write(&event.encode_to_vec(), &mut self.buffer);
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        _ = self.flush();
    }
}

fn metadata(plugin: &str, content: Vec<u8>, data_class: i32) -> Metadata {
    let plugin_name = plugin.as_bytes().to_vec();
    Metadata {
        plugin_data: Some(PluginData { plugin_name, content }),
        data_class,
    }
}

/// As float32 where that loses nothing, which is what nearly all logs hold.
fn scalar(point: &Point) -> proto::Tensor {
    let short = point.value as f32;
    let mut tensor = proto::Tensor {
        tensor_shape: Some(proto::Shape::default()),
        ..proto::Tensor::default()
    };
    match short as f64 == point.value || point.value.is_nan() {
        true => (tensor.dtype, tensor.float_val) = (1, vec![short]),
        false => (tensor.dtype, tensor.double_val) = (2, vec![point.value]),
    }
    tensor
}

/// In the old form where buckets touch and their ends are counted, since it has the sums; in the
/// new one otherwise.
fn histogram(h: &Histogram) -> Content {
    let buckets = &h.buckets;
    let ends = buckets.first().is_some_and(|b| b.left == h.min && b.count > 0.0)
        && buckets.last().is_some_and(|b| b.right == h.max && b.count > 0.0);
    if ends && buckets.windows(2).all(|w| w[0].right == w[1].left) {
        return Content::Histogram(proto::Histogram {
            min: h.min,
            max: h.max,
            num: h.count,
            sum: h.sum,
            sum_squares: h.squares,
            bucket_limit: buckets.iter().map(|b| b.right).collect(),
            bucket: buckets.iter().map(|b| b.count).collect(),
        });
    }
    let rows = buckets.iter().flat_map(|b| [b.left, b.right, b.count]);
    let bytes: Vec<u8> = rows.flat_map(f64::to_le_bytes).collect();
    let axis = |size| proto::Dim { size };
    Content::Tensor(proto::Tensor {
        dtype: 2,
        tensor_shape: Some(proto::Shape {
            dim: vec![axis(buckets.len() as i64), axis(3)],
            unknown_rank: false,
        }),
        tensor_content: bytes.into(),
        ..proto::Tensor::default()
    })
}

/// Elements of types that TensorFlow lacks, in wider ones.
fn plain(data: &TensorData) -> Option<TensorData> {
    match data.dtype.is_integer() {
        true => TensorData::from_ints(DType::I64, &data.shape, &data.to_i64()?),
        false => Some(TensorData::from_f32(&data.shape, &data.to_f32()?)),
    }
}
