//! PNG: chunks up to the last one.

use super::{Flaw, Limits, MOST_FRAMES, Size, array, be32, index};

/// The longest chunk the format allows.
const LONGEST: u32 = i32::MAX as u32;

pub(super) fn size(bytes: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let (mut at, mut size, mut has_data) = (8, None, false);
    loop {
        let length = be32(bytes, at)?;
        let kind: [u8; 4] = array(bytes, at + 4)?;
        let data = at + 8;
        match (&kind, size) {
            (b"IHDR", None) if length == 13 => size = Some(header(bytes, data, limits)?),
            (b"IHDR", _) | (_, None) => return Err(Flaw::Garbled("its header is not where it must be")),
            (b"acTL", _) if index(be32(bytes, data)?)? > MOST_FRAMES => return Err(Flaw::TooMany("frames")),
            (b"IDAT", _) => has_data = true,
            _ => {}
        }
        if length > LONGEST {
            return Err(Flaw::Garbled("a chunk longer than any may be"));
        }
        // Behind the data stands a check sum of four bytes.
        let end = data.checked_add(index(length)?).and_then(|end| end.checked_add(4)).ok_or(Flaw::Cut)?;
        if end > bytes.len() {
            return Err(Flaw::Cut);
        }
        at = end;
        if &kind == b"IEND" {
            break;
        }
    }
    size.filter(|_| has_data).ok_or(Flaw::Garbled("no picture inside"))
}

fn header(bytes: &[u8], at: usize, limits: Limits) -> Result<Size, Flaw> {
    let [depth, colour, compression, filter, interlace] = array(bytes, at + 8)?;
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => &[],
    };
    if !depths.contains(&depth) || compression != 0 || filter != 0 || interlace > 1 {
        return Err(Flaw::Garbled("a header that no picture has"));
    }
    limits.take(be32(bytes, at)?, be32(bytes, at + 4)?)
}
