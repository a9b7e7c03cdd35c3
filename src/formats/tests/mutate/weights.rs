//! Mutations of files of weights: headers that stay parseable, and numbers where they stand.

use super::{Random, json};

/// Opcodes of pickles, which are texts and numbers elsewhere.
const OPCODES: &[u8] = b".(0)12NKMJX}]()tRbQaesuhqcp\x85\x86\x87\x88\x8a\x93\x94";

/// A changed copy of a file whose structure is known; `None` for others.
pub fn mutate(file: &[u8], rounds: usize, random: &mut Random) -> Option<Vec<u8>> {
    if let Some(changed) = safetensors(file, rounds, random) {
        return Some(changed);
    }
    let known = [&b"PK"[..], b"GGUF", b"\x80", b"\x93NUMPY"];
    if file.len() < 16 || !known.iter().any(|k| file.starts_with(k)) {
        return None;
    }
    // Lengths and offsets would be lost by inserting bytes.
    let mut out = file.to_vec();
    for _ in 0..rounds {
        let place = random.below(out.len().saturating_sub(8));
        match random.below(5) {
            0 => out[place..place + 8].copy_from_slice(&random.number().to_le_bytes()),
            1 => out[place..place + 4].copy_from_slice(&(random.number() as u32).to_le_bytes()),
            2 => out[place] = OPCODES[random.below(OPCODES.len())],
            3 => out[place] ^= 1 << random.below(8),
            _ => {
                let (from, length) = (random.below(out.len() - 8), random.below(8));
                out.copy_within(from..from + length, place);
            }
        }
    }
    Some(out)
}

/// The header as JSON, with a length that fits it.
fn safetensors(file: &[u8], rounds: usize, random: &mut Random) -> Option<Vec<u8>> {
    let length = u64::from_le_bytes(*file.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    let mut header = serde_json::from_slice(file.get(8..end)?).ok()?;
    for _ in 0..rounds {
        json(&mut header, random);
    }
    let text = header.to_string();
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&file[end..]);
    Some(out)
}
