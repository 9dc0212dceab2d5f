//! A small body that grows: gzip of zeros, written by hand, since nothing here needs a compressor otherwise.

/// Bytes one code stands for: the longest match.
const MATCH: usize = 258;

/// Bits in the order deflate packs them: the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    /// The bits of a Huffman code, its highest first.
    fn code(&mut self, code: u32, length: usize) {
        for bit in (0..length).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(byte) = self.bytes.last_mut() {
                *byte |= u8::from(code >> bit & 1 == 1) << (self.used % 8);
            }
            self.used += 1;
        }
    }
}

/// At least `length` zero bytes as gzip: less than a hundredth of them.
pub(super) fn gzip_of_zeros(length: usize) -> Vec<u8> {
    let matches = length.div_ceil(MATCH);
    let total = 1 + matches * MATCH;
    let mut bits = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff], used: 0 };
    // The last block, with the fixed codes: type 1 has its low bit first.
    bits.code(0b1, 1);
    bits.code(0b10, 2);
    // One zero, then "the 258 bytes that begin one back" again and again.
    bits.code(0b0011_0000, 8);
    for _ in 0..matches {
        bits.code(0b1100_0101, 8);
        bits.code(0b0_0000, 5);
    }
    bits.code(0b000_0000, 7);
    let mut bytes = bits.bytes;
    bytes.extend_from_slice(&crc32_of_zeros(total).to_le_bytes());
    // Gzip counts modulo 2^32.
    bytes.extend_from_slice(&(total as u32).to_le_bytes());
    bytes
}

fn crc32_of_zeros(length: usize) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(index as u32, |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 })
    });
    !(0..length).fold(u32::MAX, |crc, _| table[(crc & 0xff) as usize] ^ crc >> 8)
}
