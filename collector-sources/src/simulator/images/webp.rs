//! A lossless WebP in two colours: each channel of a pixel is one bit.

use super::{Pattern, SIDE};

/// Bits, the least significant first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        for at in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((bits >> at & 1) as u8) << (self.count % 8);
            }
            self.count += 1;
        }
    }

    /// A code of two values, the smaller one first.
    fn two(&mut self, smaller: u8, greater: u8) {
        self.push(0b111, 3);
        self.push(smaller.into(), 8);
        self.push(greater.into(), 8);
    }

    /// A code of one value, which then takes no bits at all.
    fn one(&mut self, value: u8) {
        self.push(0b101, 3);
        self.push(value.into(), 8);
    }
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend(kind);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    if data.len() % 2 == 1 {
        file.push(0);
    }
}

/// At least `size` bytes of a file that shows the pattern.
pub(super) fn encode(pattern: &Pattern, size: usize) -> Vec<u8> {
    let mut chunks = b"WEBP".to_vec();
    let last = SIDE as u8 - 1;
    chunk(&mut chunks, b"VP8X", &[0, 0, 0, 0, last, 0, 0, last, 0, 0]);
    chunk(&mut chunks, b"VP8L", &lossless(pattern));
    // An unknown chunk fills it up.
    let missing = size.saturating_sub(chunks.len() + 16);
    chunk(&mut chunks, b"JUNK", &vec![b'.'; missing]);
    let mut file = b"RIFF".to_vec();
    file.extend((chunks.len() as u32).to_le_bytes());
    file.extend(chunks);
    file
}

fn lossless(pattern: &Pattern) -> Vec<u8> {
    let mut bits = Bits::default();
    let last = SIDE as u32 - 1;
    bits.push(0x2f, 8);
    bits.push(last, 14);
    bits.push(last, 14);
    // No alpha, version 0; no transformation, no cache of colours, one set of codes.
    bits.push(0, 1 + 3 + 1 + 1 + 1);
    let [red, green, blue] = [0, 1, 2];
    for channel in [green, red, blue] {
        bits.two(pattern.dark[channel], pattern.light[channel]);
    }
    bits.one(u8::MAX);
    bits.one(0);
    for at in 0..SIDE * SIDE {
        let is_light = u32::from(pattern.is_light(at % SIDE, at / SIDE));
        bits.push(is_light * 0b111, 3);
    }
    bits.bytes
}
