//! SentencePiece's table of normalised characters, checked before the library walks it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The table: a double-array trie over bytes, whose leaves are places in a blob of texts, each of
/// which ends with a zero
/// (<https://github.com/google/sentencepiece/blob/master/src/normalizer.cc>).
struct Table {
    units: Vec<u32>,
    texts: String,
}

fn leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xff)
}

fn offset(unit: u32) -> usize {
    (unit as usize >> 10) << ((unit & 1 << 9) >> 6)
}

/// What is wrong with a table in base64, if anything: then a walk of it would leave it.
pub(super) fn fault(text: &str) -> Option<String> {
    match table(text) {
        Err(problem) => Some(problem),
        Ok(table) => table.fault(),
    }
}

fn table(text: &str) -> Result<Table, String> {
    let bytes = STANDARD.decode(text).map_err(|e| format!("no base64: {e}"))?;
    let size = bytes.first_chunk::<4>().map(|b| u32::from_le_bytes(*b) as usize);
    let size = size.ok_or("fewer than 4 bytes")?;
    let trie = bytes
        .get(4..)
        .and_then(|b| b.get(..size / 4 * 4))
        .ok_or_else(|| format!("a trie of {size} bytes in {}", bytes.len()))?;
    let texts = bytes[4 + trie.len()..].to_vec();
    Ok(Table {
        units: trie
            .chunks_exact(4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        texts: String::from_utf8(texts).map_err(|e| format!("texts that are no UTF-8: {e}"))?,
    })
}

impl Table {
    /// Walks every path; each step must stay inside, and each leaf lead to the start of a character.
    fn fault(&self) -> Option<String> {
        let Some(&root) = self.units.first() else {
            return Some("an empty trie".into());
        };
        let mut known = vec![false; self.units.len()];
        let mut open = vec![offset(root)];
        while let Some(base) = open.pop() {
            // All that a byte may reach from here.
            let Some(seen) = known.get_mut(base).filter(|_| base | 0xff < self.units.len()) else {
                return Some(format!("a step to {base} of {} places", self.units.len()));
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            for byte in 1..=255usize {
                let unit = self.units[base ^ byte];
                if label(unit) != byte as u32 {
                    continue;
                }
                let next = base ^ byte ^ offset(unit);
                if leaf(unit) {
                    let value = self.units.get(next).map(|v| *v as usize & 0x7fff_ffff);
                    let inside = value.filter(|&v| self.texts.is_char_boundary(v));
                    if inside.is_none() {
                        return Some(format!("a leaf at {next} without a text"));
                    }
                }
                open.push(next);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table that turns "a" into "b".
    fn small() -> Vec<u32> {
        let mut units = vec![0u32; 512];
        // The root's children begin at 0; "a" leads to 256, where its leaf points to text 0.
        units[0] = 0;
        let a = usize::from(b'a');
        units[a] = u32::from(b'a') | 1 << 8 | ((256 ^ a) as u32) << 10;
        units[256] = 1 << 31;
        units
    }

    fn encoded(units: &[u32], texts: &[u8]) -> String {
        let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|u| u.to_le_bytes()));
        bytes.extend(texts);
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_walk_that_leaves_the_table_is_found() {
        assert_eq!(fault(&encoded(&small(), b"b\0")), None);
        let mut far = small();
        far[usize::from(b'a')] |= 1 << 30;
        let mut beyond = small();
        beyond[256] = 1 << 31 | 9;
        let mut half = small();
        half[256] = 1 << 31 | 1;
        let cases: [(String, &str); 7] = [
            ("!".into(), "no base64"),
            (String::new(), "fewer than 4 bytes"),
            (STANDARD.encode([9, 0, 0, 0, 1]), "a trie of 9 bytes in 5"),
            (encoded(&[], b""), "an empty trie"),
            (encoded(&far, b"b\0"), "without a text"),
            (encoded(&beyond, b"b\0"), "without a text"),
            (encoded(&half, "é\0".as_bytes()), "without a text"),
        ];
        for (text, expected) in cases {
            let found = fault(&text).unwrap_or_default();
            assert!(found.contains(expected), "{found}: {expected}");
        }
        assert!(
            fault(&encoded(&small()[..200], b"b\0"))
                .unwrap()
                .contains("a step to 0")
        );
    }
}
