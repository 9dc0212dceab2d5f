//! A PNG in two colours, one bit a pixel, stored and not packed.

use super::{Pattern, SIDE};

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut value, mut bit) = (at as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
}

fn crc(parts: [&[u8]; 2]) -> u32 {
    let step = |sum: u32, byte: &u8| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8);
    !parts.into_iter().flatten().fold(u32::MAX, step)
}

fn adler(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(crc([kind, data]).to_be_bytes());
}

/// At least `size` bytes of a file that shows the pattern.
pub(super) fn encode(pattern: &Pattern, size: usize) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = (SIDE as u32).to_be_bytes();
    chunk(&mut file, b"IHDR", &[&side[..], &side, &[1, 3, 0, 0, 0]].concat());
    chunk(&mut file, b"PLTE", &[pattern.dark, pattern.light].concat());
    // A private chunk fills it up.
    let missing = size.saturating_sub(file.len());
    chunk(&mut file, b"paDd", &vec![b'.'; missing]);
    let row = |y: usize| {
        let bits = (0..SIDE).fold(0_u16, |bits, x| bits << 1 | u16::from(pattern.is_light(x, y)));
        let [high, low] = bits.to_be_bytes();
        // Before each row stands how it is filtered: not at all.
        [0, high, low]
    };
    let rows: Vec<u8> = (0..SIDE).flat_map(row).collect();
    let length = rows.len() as u16;
    let packed = [
        &[0x78, 0x01, 0x01][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &rows,
        &adler(&rows).to_be_bytes(),
    ];
    chunk(&mut file, b"IDAT", &packed.concat());
    chunk(&mut file, b"IEND", &[]);
    file
}
