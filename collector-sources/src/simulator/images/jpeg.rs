//! A baseline JPEG in greys: each square is one block of 8 × 8 pixels, told by its mean alone.

use super::{Pattern, SIDE};

/// Pixels of a block, across and down.
const BLOCK: usize = 8;

/// The longest comment a segment holds.
const LONGEST_COMMENT: usize = 65_533;

/// Bits, the most significant first, with a zero behind each byte of ones.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        for at in (0..count).rev() {
            self.pending = self.pending << 1 | (bits >> at & 1);
            self.count += 1;
            if self.count == 8 {
                let byte = self.pending as u8;
                self.bytes.push(byte);
                if byte == 0xff {
                    self.bytes.push(0);
                }
                (self.pending, self.count) = (0, 0);
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        // Ones fill up the last byte.
        self.push(0x7f, (8 - self.count) % 8);
        self.bytes
    }
}

fn segment(file: &mut Vec<u8>, mark: u8, data: &[u8]) {
    file.extend([0xff, mark]);
    file.extend((data.len() as u16 + 2).to_be_bytes());
    file.extend(data);
}

/// At least `size` bytes of a file that shows the pattern.
pub(super) fn encode(pattern: &Pattern, size: usize) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    segment(&mut file, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    // Comments fill it up.
    while file.len() < size {
        let missing = (size - file.len()).min(LONGEST_COMMENT);
        segment(&mut file, 0xfe, &vec![b'.'; missing]);
    }
    // One table of quotients, all 8: a mean is then told in steps of one grey.
    let mut quotients = vec![0];
    quotients.extend([8; 64]);
    segment(&mut file, 0xdb, &quotients);
    let side = ((SIDE * BLOCK) as u16).to_be_bytes();
    segment(&mut file, 0xc0, &[8, side[0], side[1], side[0], side[1], 1, 1, 0x11, 0]);
    // Codes of means: twelve lengths of differences, each four bits. Codes of the rest: only "nothing", one bit.
    let mut means = vec![0; 17];
    means[4] = 12;
    means.extend(0..12);
    segment(&mut file, 0xc4, &means);
    let mut rest = vec![0; 18];
    (rest[0], rest[1]) = (0x10, 1);
    segment(&mut file, 0xc4, &rest);
    segment(&mut file, 0xda, &[1, 1, 0, 0, 63, 0]);
    file.extend(scan(pattern));
    file.extend([0xff, 0xd9]);
    file
}

fn scan(pattern: &Pattern) -> Vec<u8> {
    let (mut bits, mut before) = (Bits::default(), 0_i32);
    for at in 0..SIDE * SIDE {
        let colour = if pattern.is_light(at % SIDE, at / SIDE) { pattern.light } else { pattern.dark };
        let mean = i32::from(colour[1]) - 128;
        let difference = mean - before;
        before = mean;
        let length = 32 - difference.unsigned_abs().leading_zeros();
        bits.push(length, 4);
        // A negative one is told as its distance from the least of its length.
        let told = if difference < 0 { difference + (1 << length) - 1 } else { difference };
        bits.push(told as u32, length);
        bits.push(0, 1);
    }
    bits.finish()
}
