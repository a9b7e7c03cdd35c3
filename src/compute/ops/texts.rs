//! Operators on strings.

use std::collections::{BTreeMap, HashSet};

use model::DType;
use regex::Regex;

use super::plain::{Call, Plain, elements};
use crate::value::{Ints, broadcast};

/// `StringConcat`: element by element, broadcast.
pub fn concat(c: &Call) -> Result<Vec<Plain>, String> {
    let (a, b) = (c.texts(0)?, c.texts(1)?);
    let shape = broadcast(&a.shape, &b.shape)?;
    let places =
        |own: &[usize], count: usize| Ints::new(own.to_vec(), (0..count as i64).collect()).expand(&shape);
    let (x, y) = (places(&a.shape, a.data.len()), places(&b.shape, b.data.len()));
    let join = |(&i, &j): (&i64, &i64)| format!("{}{}", a.data[i as usize], b.data[j as usize]);
    let data = x.data.iter().zip(y.data.iter()).map(join).collect();
    Ok(vec![Plain::texts(shape, data)])
}

/// `StringSplit`: the parts of each element along a new last axis, and how many there are.
pub fn split(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.texts(0)?;
    let delimiter = c.attrs().string("delimiter", "")?;
    let most = c.attrs().opt_int("maxsplit")?;
    let most = most.and_then(|m| usize::try_from(m).ok()).unwrap_or(usize::MAX);
    let parts: Vec<Vec<String>> = x.data.iter().map(|text| cut(text, delimiter, most)).collect();
    let width = parts.iter().map(Vec::len).max().unwrap_or(0);
    let shape = [&x.shape[..], &[width]].concat();
    elements(&shape)?;
    let counts = parts.iter().map(|p| p.len() as i64).collect();
    let mut all = Vec::with_capacity(width * parts.len());
    for mut part in parts {
        part.resize(width, String::new());
        all.append(&mut part);
    }
    Ok(vec![
        Plain::texts(shape, all),
        Plain::ints(x.shape.clone(), counts, DType::I64),
    ])
}

/// As Python's `str.split`: without a delimiter runs of white space separate.
fn cut(text: &str, delimiter: &str, most: usize) -> Vec<String> {
    if !delimiter.is_empty() {
        return text
            .splitn(most.saturating_add(1), delimiter)
            .map(String::from)
            .collect();
    }
    let (mut rest, mut parts) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        let end = match parts.len() == most {
            true => None,
            false => rest.find(char::is_whitespace),
        };
        let Some(end) = end else {
            parts.push(rest.to_string());
            break;
        };
        parts.push(rest[..end].to_string());
        rest = rest[end..].trim_start();
    }
    parts
}

/// `RegexFullMatch`.
pub fn full_match(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.texts(0)?;
    let pattern = c.attrs().string("pattern", "")?;
    let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|e| e.to_string())?;
    let matches = x.data.iter().map(|text| regex.is_match(text));
    Ok(vec![Plain::bools(x.shape.clone(), matches)])
}

/// `StringNormalizer`: without stop words, in another case.
pub fn normalize(c: &Call) -> Result<Vec<Plain>, String> {
    let x = c.texts(0)?;
    let attrs = c.attrs();
    let exact = attrs.flag("is_case_sensitive", false)?;
    let fold = |text: &str| {
        if exact {
            text.to_string()
        } else {
            text.to_lowercase()
        }
    };
    let stop: HashSet<String> = attrs
        .strings("stopwords")?
        .unwrap_or_default()
        .iter()
        .map(|w| fold(w))
        .collect();
    let action = attrs.string("case_change_action", "NONE")?;
    let change = |text: &String| match action {
        "LOWER" => text.to_lowercase(),
        "UPPER" => text.to_uppercase(),
        _ => text.clone(),
    };
    let kept = x.data.iter().filter(|text| !stop.contains(&fold(text)));
    let mut kept: Vec<String> = kept.map(change).collect();
    if kept.is_empty() {
        kept.push(String::new());
    }
    let shape = match x.shape[..] {
        [_] => vec![kept.len()],
        [1, _] => vec![1, kept.len()],
        _ => return Err(format!("a vector or one row is expected, {:?} found", x.shape)),
    };
    Ok(vec![Plain::texts(shape, kept)])
}

/// `TfIdfVectorizer`: counts of the n-grams of a pool, weighted.
pub fn tf_idf(c: &Call) -> Result<Vec<Plain>, String> {
    let attrs = c.attrs();
    let shape = c.input(0)?.shape().to_vec();
    let input = words(c.input(0)?)?;
    let pool: Vec<String> = match attrs.strings("pool_strings")? {
        Some(strings) => strings.to_vec(),
        None => attrs
            .ints("pool_int64s")?
            .unwrap_or_default()
            .iter()
            .map(i64::to_string)
            .collect(),
    };
    let list = |name| Ok::<_, String>(attrs.ints(name)?.unwrap_or_default());
    let (starts, columns) = (list("ngram_counts")?, list("ngram_indexes")?);
    let weights = attrs.floats("weights")?;
    let number = |name| Ok::<_, String>(usize::try_from(attrs.int(name, 0)?).unwrap_or(0));
    let (shortest, longest) = (number("min_gram_length")?, number("max_gram_length")?);
    let skips = number("max_skip_count")?;
    // Place among all n-grams of the pool, by length and words.
    let mut grams: BTreeMap<&[String], usize> = BTreeMap::new();
    let mut count = 0;
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(pool.len(), |&e| e.max(0) as usize);
        let section = pool.get(start.max(0) as usize..end);
        let section = section.ok_or_else(|| format!("n-grams {start} to {end} of the pool"))?;
        for gram in section.chunks_exact(i + 1) {
            if (shortest..=longest).contains(&(i + 1)) {
                grams.insert(gram, count);
            }
            count += 1;
        }
    }
    let width = columns.iter().map(|&v| v + 1).max().unwrap_or(0).max(0) as usize;
    let (rows, length) = match shape[..] {
        [n] => (1, n),
        [rows, n] => (rows, n),
        _ => return Err(format!("a vector or rows are expected, {shape:?} found")),
    };
    let mut found = vec![0f32; elements(&[rows, width])?];
    let mut gram: Vec<String> = Vec::new();
    for row in 0..rows {
        let line = &input[row * length..(row + 1) * length];
        for size in shortest.max(1)..=longest.min(length) {
            // Single words have nothing to skip.
            for step in 1..=if size == 1 { 1 } else { skips.min(length) + 1 } {
                for start in 0..length.saturating_sub((size - 1) * step) {
                    gram.clear();
                    gram.extend((0..size).map(|k| line[start + k * step].clone()));
                    let Some(&id) = grams.get(&gram[..]) else { continue };
                    let column = columns.get(id).ok_or("an n-gram of the pool has no index")?;
                    found[row * width + *column as usize] += 1.0;
                }
            }
        }
    }
    let mode = attrs.string("mode", "TF")?;
    if mode != "TF" {
        for (id, &column) in columns.iter().enumerate() {
            let weight = weights.and_then(|w| w.get(id)).copied().unwrap_or(1.0);
            for row in found.chunks_exact_mut(width) {
                let cell = &mut row[column as usize];
                let times = if mode == "IDF" { cell.min(1.0) } else { *cell };
                *cell = times * weight;
            }
        }
    }
    let mut to = shape;
    *to.last_mut().ok_or("a vector is expected")? = width;
    Ok(vec![Plain::floats(to, found)])
}

fn words(x: &Plain) -> Result<Vec<String>, String> {
    match x {
        Plain::Text(t) => Ok(t.data.to_vec()),
        Plain::Int(i) => Ok(i.data.iter().map(i64::to_string).collect()),
        Plain::Float(_) => Err("strings or integers are expected, floats found".into()),
    }
}
