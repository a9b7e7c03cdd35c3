//! The protocol's JSON as records, all of a request or none of it.
//!
//! In: a body. Out: [`Record`]s, or the place of what is wrong: line, field, what is expected.

mod array;
pub(crate) mod npy;
mod number;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use model::run::{At, Bucket, Histogram, Image, Mark, MarkKind, Setting};
use model::{Point, Record};
use serde::Deserialize;

use crate::limits::Limits;
use crate::refusal::Refusal;
use array::tensor;
use number::{Data, Float, Value};

/// A record as it is sent. Which of its first fields is there says what it is.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sent<'a> {
    #[serde(borrow)]
    scalar: Option<Cow<'a, str>>,
    #[serde(borrow)]
    histogram: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tensor: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    image: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mark: Option<Cow<'a, str>>,
    hyperparameters: Option<BTreeMap<String, Setting>>,
    step: Option<i64>,
    wall: Option<Float>,
    #[serde(borrow)]
    value: Option<Value<'a>>,
    min: Option<Float>,
    max: Option<Float>,
    count: Option<Float>,
    sum: Option<Float>,
    squares: Option<Float>,
    buckets: Option<Vec<(Float, Float, Float)>>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    shape: Option<Vec<u64>>,
    #[serde(borrow)]
    dtype: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

/// Sorts of arrays: the first part of their tags.
pub(crate) const KINDS: [&str; 4] = ["weights", "gradients", "activations", "embedding"];

/// Reads a body: a JSON array of records, or one record a line. `now` is the wall time of records
/// that bring none.
pub(crate) fn parse(body: &[u8], limits: &Limits, now: f64) -> Result<Vec<Record>, Refusal> {
    let mut records = Vec::new();
    if body.trim_ascii_start().starts_with(b"[") {
        let sent: Vec<Sent<'_>> = json(body).map_err(Refusal::wrong)?;
        take(sent, limits, now, &mut records)?;
    } else {
        for (i, line) in body.split(|&b| b == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let place = |e: String| Refusal::wrong(format!("line {}, {e}", i + 1));
            let sent: Sent<'_> = json(line).map_err(place)?;
            record(sent, limits, now, &mut records).map_err(|mut e| {
                e.why = format!("line {}: {}", i + 1, e.why);
                e
            })?;
            count(&records, limits)?;
        }
    }
    match records.is_empty() {
        true => Err(Refusal::wrong("at least one record is expected")),
        false => Ok(records),
    }
}

/// Turns what was parsed into records.
pub(crate) fn take(
    sent: Vec<Sent<'_>>,
    limits: &Limits,
    now: f64,
    records: &mut Vec<Record>,
) -> Result<(), Refusal> {
    for (i, sent) in sent.into_iter().enumerate() {
        record(sent, limits, now, records).map_err(|mut e| {
            e.why = format!("record {}: {}", i + 1, e.why);
            e
        })?;
        count(records, limits)?;
    }
    Ok(())
}

fn count(records: &[Record], limits: &Limits) -> Result<(), Refusal> {
    match records.len() > limits.records {
        true => Err(Refusal::large(format!(
            "at most {} records a request are taken",
            limits.records
        ))),
        false => Ok(()),
    }
}

/// Parses JSON; an error names column, field and what was expected.
pub(crate) fn json<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|plain| {
        // Once more, slower, for the path.
        let mut from = serde_json::Deserializer::from_slice(text);
        let error = serde_path_to_error::deserialize::<_, T>(&mut from).err();
        let path = error
            .map(|e| e.path().to_string())
            .filter(|p| p != "." && p != "?");
        let said = plain.to_string();
        let (what, _) = said.rsplit_once(" at line ").unwrap_or((&said, ""));
        let row = match plain.line() {
            0 | 1 => String::new(),
            row => format!("row {row} "),
        };
        let place = format!("{row}column {}", plain.column());
        match path {
            Some(path) => format!("{place}, field {path}: {what}"),
            None => format!("{place}: {what}"),
        }
    })
}

fn record(mut sent: Sent<'_>, limits: &Limits, now: f64, out: &mut Vec<Record>) -> Result<(), Refusal> {
    let wall = sent.wall.take().map_or(now, |w| w.0);
    if !wall.is_finite() {
        return Err(Refusal::wrong("field wall: seconds since 1970 are expected"));
    }
    let s = &mut sent;
    let name = if let Some(tag) = s.scalar.take() {
        let point = Point {
            step: step(s)?,
            wall,
            value: s.value.take().and_then(Value::number).ok_or_else(|| {
                Refusal::wrong("field value: a number, \"NaN\", \"Infinity\" or \"-Infinity\" is expected")
            })?,
        };
        let tag = checked(tag, limits)?;
        out.push(Record::Scalar { tag, point });
        "scalar"
    } else if let Some(tag) = s.histogram.take() {
        let tag = checked(tag, limits)?;
        let at = at(step(s)?, wall, histogram(s)?);
        out.push(Record::Histogram { tag, at });
        "histogram"
    } else if let Some(tag) = s.tensor.take() {
        let tag = kinded(tag, s.kind.take().as_deref(), limits)?;
        let at = at(step(s)?, wall, tensor(s, limits)?);
        out.push(Record::Tensor { tag, at });
        "tensor"
    } else if let Some(tag) = s.text.take() {
        let tag = checked(tag, limits)?;
        let text = s.value.take().and_then(Value::text);
        let text = text.ok_or_else(|| Refusal::wrong("field value: a text is expected"))?;
        let at = at(step(s)?, wall, text);
        out.push(Record::Text { tag, at });
        "text"
    } else if let Some(tag) = s.image.take() {
        let tag = checked(tag, limits)?;
        let at = at(step(s)?, wall, image(s)?);
        out.push(Record::Image { tag, at });
        "image"
    } else if let Some(text) = s.mark.take() {
        let kind = s.kind.take().unwrap_or(Cow::Borrowed("intervention"));
        let kind = MarkKind::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(
            &kind,
        ))
        .map_err(|_| {
            Refusal::wrong(format!(
                "field kind: intervention, checkpoint, restart or problem is expected, not {kind:?}"
            ))
        })?;
        out.push(Record::Mark(Mark {
            step: step(s)?,
            wall,
            kind,
            text: text.into_owned(),
        }));
        "mark"
    } else if let Some(settings) = s.hyperparameters.take() {
        for (name, value) in settings {
            let name = checked(name.into(), limits)?;
            out.push(Record::Hyperparameter { name, value });
        }
        s.step = None;
        "hyperparameters"
    } else {
        return Err(Refusal::wrong(
            "one of the fields scalar, histogram, tensor, text, image, mark and hyperparameters is expected",
        ));
    };
    match leftover(&sent) {
        Some(field) => Err(Refusal::wrong(format!(
            "field {field}: it has no place beside {name}"
        ))),
        None => Ok(()),
    }
}

/// A field that nothing has read.
fn leftover(s: &Sent<'_>) -> Option<&'static str> {
    let fields = [
        ("scalar", s.scalar.is_some()),
        ("histogram", s.histogram.is_some()),
        ("tensor", s.tensor.is_some()),
        ("text", s.text.is_some()),
        ("image", s.image.is_some()),
        ("mark", s.mark.is_some()),
        ("hyperparameters", s.hyperparameters.is_some()),
        ("step", s.step.is_some()),
        ("value", s.value.is_some()),
        ("min", s.min.is_some()),
        ("max", s.max.is_some()),
        ("count", s.count.is_some()),
        ("sum", s.sum.is_some()),
        ("squares", s.squares.is_some()),
        ("buckets", s.buckets.is_some()),
        ("kind", s.kind.is_some()),
        ("shape", s.shape.is_some()),
        ("dtype", s.dtype.is_some()),
        ("data", s.data.is_some()),
    ];
    fields.into_iter().find(|(_, there)| *there).map(|(name, _)| name)
}

fn step(sent: &mut Sent<'_>) -> Result<i64, Refusal> {
    let step = sent.step.take();
    step.ok_or_else(|| Refusal::wrong("field step: a whole number is expected"))
}

fn at<T>(step: i64, wall: f64, value: T) -> At<Arc<T>> {
    At {
        step,
        wall,
        value: Arc::new(value),
    }
}

/// A tag that can be shown and is not too long.
fn checked(tag: Cow<'_, str>, limits: &Limits) -> Result<String, Refusal> {
    if tag.is_empty() || tag.len() > limits.tag_bytes || tag.chars().any(char::is_control) {
        let start: String = tag.chars().take(40).collect();
        return Err(Refusal::wrong(format!(
            "{start:?}: a tag of 1 to {} bytes without control characters is expected",
            limits.tag_bytes
        )));
    }
    Ok(tag.into_owned())
}

/// The tag of an array, behind its kind.
pub(crate) fn kinded(tag: Cow<'_, str>, kind: Option<&str>, limits: &Limits) -> Result<String, Refusal> {
    let Some(kind) = kind else {
        return checked(tag, limits);
    };
    if !KINDS.contains(&kind) {
        return Err(Refusal::wrong(format!(
            "field kind: weights, gradients, activations or embedding is expected, not {kind:?}"
        )));
    }
    match tag.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')) {
        true => checked(tag, limits),
        false => checked(format!("{kind}/{tag}").into(), limits),
    }
}

fn histogram(s: &mut Sent<'_>) -> Result<Histogram, Refusal> {
    let sent = s.buckets.take();
    let sent =
        sent.ok_or_else(|| Refusal::wrong("field buckets: [[left, right, count], ...] is expected"))?;
    let mut buckets = Vec::with_capacity(sent.len());
    for (i, (left, right, count)) in sent.into_iter().enumerate() {
        let bucket = Bucket {
            left: left.0,
            right: right.0,
            count: count.0,
        };
        let before = buckets.last().map_or(f64::NEG_INFINITY, |b: &Bucket| b.right);
        // Written so that NaN fails.
        if !(bucket.left <= bucket.right && bucket.left >= before && bucket.count >= 0.0) {
            return Err(Refusal::wrong(format!(
                "field buckets[{i}]: left up to right, not below the bucket before, and a count of 0 or more are expected"
            )));
        }
        buckets.push(bucket);
    }
    let or = |given: &mut Option<Float>, otherwise: f64| given.take().map_or(otherwise, |f| f.0);
    let edge = |b: Option<&Bucket>, side: fn(&Bucket) -> f64| b.map_or(f64::NAN, side);
    let min = or(&mut s.min, edge(buckets.first(), |b| b.left));
    let max = or(&mut s.max, edge(buckets.last(), |b| b.right));
    let count = or(&mut s.count, buckets.iter().map(|b| b.count).sum());
    Ok(Histogram {
        min,
        max,
        count,
        sum: or(&mut s.sum, f64::NAN),
        squares: or(&mut s.squares, f64::NAN),
        buckets,
    })
}

fn image(s: &mut Sent<'_>) -> Result<Image, Refusal> {
    let Some(Data::Text(text)) = s.data.take() else {
        return Err(Refusal::wrong(
            "field data: a PNG, JPEG or GIF in base64 is expected",
        ));
    };
    let encoded = base64(&text)?;
    let size = imagesize::blob_size(&encoded).ok();
    let known = [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8"];
    match size.filter(|_| known.iter().any(|k| encoded.starts_with(k))) {
        Some(size) => Ok(Image {
            width: size.width as u32,
            height: size.height as u32,
            encoded,
        }),
        None => Err(Refusal::wrong("field data: no PNG, JPEG or GIF")),
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Refusal> {
    base64::prelude::BASE64_STANDARD
        .decode(text)
        .map_err(|e| Refusal::wrong(format!("field data: base64 is expected: {e}")))
}
