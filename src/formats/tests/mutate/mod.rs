//! Mutations of model files that know their structure: protobuf as a tree of fields, JSON as a
//! tree of values, headers and numbers of weight files, and bytes where none of these helps.
#![allow(dead_code)]

mod weights;

use serde_json::Value;

/// Sizes, lengths and ids that readers stumble over.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    255,
    65_535,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    10 << 30,
    1 << 40,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];

/// Words that select other branches of a reader: operators, layer types, attributes, paths.
const WORDS: [&str; 48] = [
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "Gemm",
    "MatMul",
    "Reshape",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "Pad",
    "Resize",
    "Upsample",
    "LSTM",
    "GRU",
    "If",
    "Loop",
    "Scan",
    "Constant",
    "ConstantOfShape",
    "Range",
    "Tile",
    "Expand",
    "Shape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "ReduceSum",
    "Einsum",
    "TopK",
    "OneHot",
    "BatchNormalization",
    "Attention",
    "pads",
    "axes",
    "axis",
    "kernel_shape",
    "group",
    "output_shape",
    "strides",
    "dilations",
    "conv2d",
    "dense",
    "lstm",
    "embedding",
    "location",
    "../../etc/passwd",
    "",
];

/// xorshift64*, so that a seed names a run.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`, 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }

    fn number(&mut self) -> u64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}

/// A changed copy of `file`; `other` lends parts.
pub fn mutate(file: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let rounds = 1 + random.below(4);
    // A configuration inside an HDF5 file or an archive, under its old length.
    if random.below(2) > 0
        && let Some(out) = within(file, rounds, random)
    {
        return out;
    }
    if random.below(4) > 0 {
        if let Some(changed) = weights::mutate(file, rounds, random) {
            return changed;
        }
        if let Ok(mut value) = serde_json::from_slice::<Value>(file) {
            for _ in 0..rounds {
                json(&mut value, random);
            }
            return value.to_string().into_bytes();
        }
        if let (Some(mut fields), lent) = (message(file, 0), message(other, 0)) {
            for _ in 0..rounds {
                protobuf(&mut fields, lent.as_deref().unwrap_or(&[]), random);
            }
            let mut out = Vec::new();
            encode(&fields, &mut out);
            // What doubles itself in each round would end as one huge file.
            if out.len() < 1 << 16 {
                return out;
            }
        }
    }
    let mut out = file.to_vec();
    for _ in 0..rounds {
        bytes(&mut out, other, random);
    }
    out
}

/// `file` with an object of JSON in it changed; spaces fill what it loses.
fn within(file: &[u8], rounds: usize, random: &mut Random) -> Option<Vec<u8>> {
    let starts: Vec<usize> = (1..file.len().saturating_sub(16))
        .filter(|&i| file[i..].starts_with(b"{\""))
        .collect();
    let first = *starts.get(random.below(2).min(starts.len().saturating_sub(1)))?;
    let mut stream = serde_json::Deserializer::from_slice(&file[first..]).into_iter::<Value>();
    let mut value = stream.next()?.ok()?;
    let end = first + stream.byte_offset();
    if value.as_object()?.len() < 2 {
        return None;
    }
    for _ in 0..rounds {
        json(&mut value, random);
    }
    let mut text = value.to_string().into_bytes();
    if text.len() > end - first {
        return None;
    }
    text.resize(end - first, b' ');
    Some([&file[..first], &text, &file[end..]].concat())
}

fn bytes(file: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = random.below(file.len());
    match random.below(6) {
        0 => file.truncate(place),
        1 if !file.is_empty() => file[place] ^= 1 << random.below(8),
        2 if !file.is_empty() => file[place] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        3 => {
            let from = random.below(other.len());
            let part = other[from..(from + random.below(40)).min(other.len())].to_vec();
            file.splice(place..place, part);
        }
        4 => {
            let to = (place + random.below(20)).min(file.len());
            file.drain(place..to);
        }
        // A long varint, or in text nonsense.
        _ => drop(file.splice(place..place, [0xff; 9])),
    }
}

/// One field of a message.
#[derive(Clone, Debug)]
struct Field {
    number: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// `bytes` as a message; strings that happen to read as one are messages too.
fn message(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = key >> 3;
        if number == 0 || number > 200 {
            return None;
        }
        let content = match key & 7 {
            0 => Content::Varint(varint(&mut bytes)?),
            1 => {
                let (head, rest) = bytes.split_first_chunk::<8>()?;
                bytes = rest;
                Content::Fixed64(*head)
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (head, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                match message(head, depth + 1) {
                    Some(inner) if depth < 8 && !inner.is_empty() => Content::Message(inner),
                    _ => Content::Bytes(head.to_vec()),
                }
            }
            5 => {
                let (head, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest;
                Content::Fixed32(*head)
            }
            _ => return None,
        };
        fields.push(Field { number, content });
    }
    Some(fields)
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn encode(fields: &[Field], out: &mut Vec<u8>) {
    for field in fields {
        let put = |kind: u64, out: &mut Vec<u8>| put_varint(field.number << 3 | kind, out);
        match &field.content {
            Content::Varint(value) => {
                put(0, out);
                put_varint(*value, out);
            }
            Content::Fixed64(value) => {
                put(1, out);
                out.extend(value);
            }
            Content::Fixed32(value) => {
                put(5, out);
                out.extend(value);
            }
            Content::Bytes(value) => {
                put(2, out);
                put_varint(value.len() as u64, out);
                out.extend(value);
            }
            Content::Message(inner) => {
                let mut part = Vec::new();
                encode(inner, &mut part);
                put(2, out);
                put_varint(part.len() as u64, out);
                out.extend(part);
            }
        }
    }
}

/// Walks down a random way and changes what it finds there.
fn protobuf(fields: &mut Vec<Field>, lent: &[Field], random: &mut Random) {
    let inner = fields
        .iter()
        .filter(|f| matches!(f.content, Content::Message(_)))
        .count();
    if inner > 0 && random.below(5) > 0 {
        let which = random.below(inner);
        let mut messages = fields.iter_mut().filter_map(|f| match &mut f.content {
            Content::Message(inner) => Some((f.number, inner)),
            _ => None,
        });
        if let Some((number, inner)) = messages.nth(which) {
            let twins: Vec<&Vec<Field>> = lent
                .iter()
                .filter(|f| f.number == number)
                .filter_map(|f| match &f.content {
                    Content::Message(m) => Some(m),
                    _ => None,
                })
                .collect();
            let twin: &[Field] = match twins.len() {
                0 => &[],
                n => twins[random.below(n)],
            };
            return protobuf(inner, twin, random);
        }
    }
    let place = random.below(fields.len());
    match random.below(9) {
        0 if !fields.is_empty() => drop(fields.remove(place)),
        1 if !fields.is_empty() => {
            let copy = fields[place].clone();
            let copies = [1, 1, 2, 40][random.below(4)];
            for _ in 0..copies {
                fields.insert(random.below(fields.len() + 1), copy.clone());
            }
        }
        2 if !fields.is_empty() => {
            let other = random.below(fields.len());
            fields.swap(place, other);
        }
        3 if !fields.is_empty() => fields[place].number = 1 + random.below(30) as u64,
        4 if !lent.is_empty() => {
            let field = lent[random.below(lent.len())].clone();
            fields.insert(place, field);
        }
        5 => {
            let number = 1 + random.below(26) as u64;
            let content = match random.below(3) {
                0 => Content::Varint(random.number()),
                1 => Content::Bytes(random.word().into()),
                _ => Content::Message(Vec::new()),
            };
            fields.insert(place, Field { number, content });
        }
        // A graph inside itself, an attribute inside a node, and other depths.
        6 if !fields.is_empty() => {
            let whole = fields.clone();
            let number = [1, 5, 6, 7][random.below(4)];
            let content = Content::Message(whole);
            fields.insert(place, Field { number, content });
        }
        _ => {
            if let Some(field) = fields.get_mut(place) {
                content(&mut field.content, random);
            }
        }
    }
}

fn content(content: &mut Content, random: &mut Random) {
    match content {
        Content::Varint(value) => {
            *value = match random.below(4) {
                0 => value.wrapping_add(1),
                1 => value.wrapping_sub(1),
                2 => random.below(24) as u64,
                _ => random.number(),
            }
        }
        Content::Fixed64(value) => *value = random.number().to_le_bytes(),
        Content::Fixed32(value) => *value = [0x7fc0_0000u32, 0, u32::MAX][random.below(3)].to_le_bytes(),
        Content::Bytes(value) => match random.below(4) {
            0 => *value = random.word().into(),
            1 => *value = random.number().to_le_bytes().to_vec(),
            2 => {
                // Packed numbers.
                value.clear();
                for _ in 0..random.below(9) {
                    put_varint(random.number(), value);
                }
            }
            _ => bytes(value, &[], random),
        },
        Content::Message(fields) => match random.below(3) {
            0 => *content = Content::Bytes(random.word().into()),
            1 => fields.clear(),
            _ => *content = Content::Varint(random.number()),
        },
    }
}

/// Walks down a random way and changes what it finds there.
fn json(value: &mut Value, random: &mut Random) {
    let deeper = random.below(6) > 0;
    match value {
        Value::Object(map) if !map.is_empty() && deeper => {
            let which = random.below(map.len());
            let key = map.keys().nth(which).cloned().unwrap_or_default();
            match random.below(10) {
                0 => drop(map.remove(&key)),
                1 => {
                    let moved = map.remove(&key).unwrap_or_default();
                    map.insert(random.word().to_string(), moved);
                }
                _ => json(&mut map[&key], random),
            }
        }
        Value::Array(list) if !list.is_empty() && deeper => {
            let which = random.below(list.len());
            match random.below(10) {
                0 => drop(list.remove(which)),
                1 => list.insert(which, list[which].clone()),
                2 => {
                    let other = random.below(list.len());
                    list.swap(which, other);
                }
                _ => json(&mut list[which], random),
            }
        }
        leaf => {
            *leaf = match random.below(8) {
                0 => Value::from(random.number()),
                1 => Value::from(random.number() as i64),
                2 => Value::from(random.word()),
                3 => Value::Null,
                4 => Value::Array(vec![Value::from(random.number()); random.below(9)]),
                5 => Value::from(1e300),
                6 => Value::Array(vec![leaf.clone(), leaf.clone()]),
                _ => Value::Object([(random.word().to_string(), leaf.clone())].into_iter().collect()),
            }
        }
    }
}
