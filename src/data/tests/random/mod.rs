//! Random numbers that every run repeats.

/// xorshift64*: the same sequence on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `n`, or 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// `original` with a few changes, half of them in its first `focus` bytes.
    #[allow(dead_code)]
    pub fn mutate(&mut self, original: &[u8], focus: usize) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(4) {
            let reach = match self.below(2) {
                0 => focus.min(bytes.len()),
                _ => bytes.len(),
            };
            let at = self.below(reach);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.next() as u8,
                2 if at < bytes.len() => bytes[at] = [0, 0xff, 0x7f, 0x80][self.below(4)],
                3 => bytes.truncate(at),
                4 => {
                    let value = self.next() as u8;
                    bytes.insert(at, value);
                }
                5 => {
                    let end = (at + self.below(24)).min(bytes.len());
                    let part = bytes[at.min(end)..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, part);
                }
                _ => {}
            }
        }
        bytes
    }
}
