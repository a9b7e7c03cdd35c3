//! Shapes as files state them.

use model::Dim;
use serde_json::Value;

use crate::error::Fault;

use super::Entry;

/// The stated shape: `None` entries are free sizes.
pub(super) fn stated(entry: &Entry, key: &str) -> Result<Option<Vec<Option<u64>>>, Fault> {
    let Some(value) = entry.fields.get(key).filter(|v| !v.is_null()) else {
        return Ok(None);
    };
    let wrong = || {
        let problem = format!("{key:?}: expected an array of sizes (null or -1 where free), found {value}");
        Fault::new(format!("layer {:?}", entry.name), problem)
    };
    let list = value.as_array().filter(|l| l.len() <= 8).ok_or_else(wrong)?;
    let one = |v: &Value| match v {
        Value::Null => Ok(None),
        v if v.as_i64() == Some(-1) => Ok(None),
        v => v
            .as_u64()
            .filter(|n| (1..1 << 32).contains(n))
            .map(Some)
            .ok_or_else(wrong),
    };
    list.iter().map(one).collect::<Result<Vec<_>, _>>().map(Some)
}

/// The sizes after the batch: a leading free size is the batch when `rank` sizes are expected
/// behind it, or when nothing is known.
pub(super) fn without_batch(stated: &[Option<u64>], rank: Option<usize>) -> &[Option<u64>] {
    match rank {
        Some(rank) if stated.len() == rank + 1 => &stated[1..],
        None if stated.len() > 1 && stated[0].is_none() => &stated[1..],
        _ => stated,
    }
}

/// Channels last to channels first.
pub(super) fn channels_first(sizes: &[Option<u64>]) -> Vec<Option<u64>> {
    let Some((last, space)) = sizes.split_last() else {
        return Vec::new();
    };
    [&[*last], space].concat()
}

/// True when `stated` can be the inferred sizes (both without batch).
pub(super) fn agrees(stated: &[Option<u64>], inferred: &[Dim]) -> bool {
    stated.len() == inferred.len()
        && stated.iter().zip(inferred).all(|(s, i)| match (s, i.known()) {
            (Some(s), Some(i)) => *s == i,
            _ => true,
        })
}

/// Stated sizes as a network's input, channels first: image shapes whose last size is 1 to 4 and
/// the smallest are taken as channels last.
pub(super) fn input(sizes: &[Option<u64>]) -> Vec<Dim> {
    let last = sizes.last().copied().flatten();
    let smallest = |n: u64| sizes.iter().flatten().all(|&s| s >= n);
    let turned = sizes.len() >= 3 && last.is_some_and(|n| n <= 4 && smallest(n)) && sizes[0] != last;
    let sizes = if turned {
        channels_first(sizes)
    } else {
        sizes.to_vec()
    };
    let names = ["L", "H", "W", "D"];
    let free = |i: usize| Dim::Symbol(names.get(i).map_or_else(|| format!("D{i}"), |n| n.to_string()));
    sizes
        .iter()
        .enumerate()
        .map(|(i, s)| s.map_or_else(|| free(i), Dim::Known))
        .collect()
}
