//! Records as the bytes of a frame's body: postcard, whose enums number their variants. New variants
//! therefore go to the end.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use model::run::{At, Histogram, Image, Mark, MarkKind, Setting};
use model::{DType, Payload, Point, Record, TensorData};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Batch;

/// A frame's body.
#[derive(Serialize, Deserialize)]
pub(super) struct Body<'a> {
    /// What the sender called it, so that it is taken once however often it is sent.
    pub(super) batch: Option<Batch>,
    #[serde(borrow)]
    pub(super) entries: Vec<Entry<'a>>,
}

/// A record and how many sequence numbers lie between it and the one before.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    skip: u64,
    #[serde(borrow)]
    wire: Wire<'a>,
}

#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    Scalar(&'a str, Point),
    Histogram(#[serde(borrow)] Place<'a>, Cow<'a, Histogram>),
    Image(#[serde(borrow)] Place<'a>, u32, u32, #[serde(borrow)] Raw<'a>),
    Text(#[serde(borrow)] Place<'a>, &'a str),
    Tensor(
        #[serde(borrow)] Place<'a>,
        Type,
        Cow<'a, [u64]>,
        #[serde(borrow)] Raw<'a>,
    ),
    Flag(&'a str, bool),
    Number(&'a str, f64),
    Words(&'a str, &'a str),
    Mark(i64, f64, Sort, &'a str),
}

/// Tag, step and wall time.
#[derive(Serialize, Deserialize)]
struct Place<'a>(&'a str, i64, f64);

/// Bytes that are copied at once and not one by one.
struct Raw<'a>(Cow<'a, [u8]>);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(from).map(|b| Raw(Cow::Borrowed(b)))
    }
}

/// Index into a list that only grows at its end.
#[derive(Serialize, Deserialize)]
struct Type(u8);

/// Element types of recorded arrays.
pub const TYPES: [DType; 15] = [
    DType::F64,
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::I64,
    DType::I32,
    DType::I16,
    DType::I8,
    DType::U64,
    DType::U32,
    DType::U16,
    DType::U8,
    DType::Bool,
    DType::F8E4M3FN,
    DType::F8E5M2,
];

/// Index into [`SORTS`].
#[derive(Serialize, Deserialize)]
struct Sort(u8);

const SORTS: [MarkKind; 4] = [
    MarkKind::Intervention,
    MarkKind::Checkpoint,
    MarkKind::Restart,
    MarkKind::Problem,
];

/// The record as bytes, or what keeps it from being stored.
fn wire(record: &Record) -> Result<Wire<'_>, String> {
    fn place<'a, T>(tag: &'a str, at: &At<T>) -> Place<'a> {
        Place(tag, at.step, at.wall)
    }
    Ok(match record {
        Record::Scalar { tag, point } => Wire::Scalar(tag, *point),
        Record::Histogram { tag, at } => Wire::Histogram(place(tag, at), Cow::Borrowed(&at.value)),
        Record::Image { tag, at } => {
            let i = &at.value;
            let encoded = Raw(Cow::Borrowed(&i.encoded));
            Wire::Image(place(tag, at), i.width, i.height, encoded)
        }
        Record::Text { tag, at } => Wire::Text(place(tag, at), &at.value),
        Record::Tensor { tag, at } => {
            let kind = TYPES.iter().position(|&t| t == at.value.dtype);
            let kind =
                kind.ok_or_else(|| format!("{tag}: arrays of {} are not stored", at.value.dtype.name()))?;
            let shape = Cow::Borrowed(&at.value.shape[..]);
            Wire::Tensor(place(tag, at), Type(kind as u8), shape, Raw(at.value.to_bytes()))
        }
        Record::Hyperparameter { name, value } => match value {
            Setting::Flag(v) => Wire::Flag(name, *v),
            Setting::Number(v) => Wire::Number(name, *v),
            Setting::Text(v) => Wire::Words(name, v),
        },
        Record::Mark(m) => {
            let sort = SORTS.iter().position(|&k| k == m.kind).unwrap_or_default();
            Wire::Mark(m.step, m.wall, Sort(sort as u8), &m.text)
        }
    })
}

/// The record in `wire`, whose bytes lie in `body`; `None` where they contradict each other.
fn record(wire: Wire<'_>, body: &Bytes) -> Option<Record> {
    fn at<T>(place: &Place<'_>, value: T) -> At<Arc<T>> {
        At {
            step: place.1,
            wall: place.2,
            value: Arc::new(value),
        }
    }
    Some(match wire {
        Wire::Scalar(tag, point) => Record::Scalar {
            tag: tag.into(),
            point,
        },
        Wire::Histogram(place, histogram) => Record::Histogram {
            tag: place.0.into(),
            at: at(&place, histogram.into_owned()),
        },
        Wire::Image(place, width, height, encoded) => Record::Image {
            tag: place.0.into(),
            at: at(
                &place,
                Image {
                    width,
                    height,
                    encoded: encoded.0.into_owned(),
                },
            ),
        },
        Wire::Text(place, text) => Record::Text {
            tag: place.0.into(),
            at: at(&place, text.to_string()),
        },
        Wire::Tensor(place, kind, shape, data) => {
            let dtype = *TYPES.get(kind.0 as usize)?;
            let elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d))?;
            if dtype.bytes(elements) != data.0.len() as u64 {
                return None;
            }
            // The array shares the file's bytes.
            let payload = Payload::Bytes(match data.0 {
                Cow::Borrowed(b) => body.slice_ref(b),
                Cow::Owned(b) => b.into(),
            });
            let shape = shape.into_owned();
            let tensor = TensorData {
                dtype,
                shape,
                payload,
            };
            Record::Tensor {
                tag: place.0.into(),
                at: at(&place, tensor),
            }
        }
        Wire::Flag(name, v) => setting(name, Setting::Flag(v)),
        Wire::Number(name, v) => setting(name, Setting::Number(v)),
        Wire::Words(name, v) => setting(name, Setting::Text(v.into())),
        Wire::Mark(step, wall, sort, text) => Record::Mark(Mark {
            step,
            wall,
            kind: *SORTS.get(sort.0 as usize)?,
            text: text.into(),
        }),
    })
}

fn setting(name: &str, value: Setting) -> Record {
    let name = name.to_string();
    Record::Hyperparameter { name, value }
}

/// Appends to `out` the body that holds `records`, the first under sequence number 0 of the body.
pub(super) fn encode<'a>(
    out: Vec<u8>,
    batch: Option<Batch>,
    records: impl IntoIterator<Item = (u64, &'a Record)>,
) -> Result<Vec<u8>, String> {
    let mut next = 0;
    let mut entries = Vec::new();
    for (offset, record) in records {
        let skip = offset - next;
        next = offset + 1;
        let wire = wire(record)?;
        entries.push(Entry { skip, wire });
    }
    postcard::to_extend(&Body { batch, entries }, out).map_err(|e| e.to_string())
}

/// A body taken apart: who sent it, and its records with their sequence numbers from `first` on.
pub(super) type Decoded = (Option<Batch>, Vec<(u64, Record)>);

/// Takes `body` apart; `None` where it is no body of this version.
pub(super) fn decode(first: u64, body: &Bytes) -> Option<Decoded> {
    let parsed: Body<'_> = postcard::from_bytes(body).ok()?;
    let mut next = first;
    let mut records = Vec::with_capacity(parsed.entries.len());
    for entry in parsed.entries {
        let sequence = next.checked_add(entry.skip)?;
        next = sequence.checked_add(1)?;
        records.push((sequence, record(entry.wire, body)?));
    }
    Some((parsed.batch, records))
}
