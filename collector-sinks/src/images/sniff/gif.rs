//! GIF: blocks up to the trailer.

use super::{Flaw, Limits, MOST_FRAMES, Size, byte, le16};

pub(super) fn size(bytes: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let screen = limits.take(le16(bytes, 6)?.into(), le16(bytes, 8)?.into())?;
    let mut at = 13 + colours(byte(bytes, 10)?);
    let mut frames = 0;
    loop {
        match byte(bytes, at)? {
            0x3b if frames > 0 => return Ok(screen),
            0x3b => return Err(Flaw::Garbled("no picture inside")),
            // An extension: its label, then data.
            0x21 => at = after_data(bytes, at + 2)?,
            0x2c => {
                frames += 1;
                if frames > MOST_FRAMES {
                    return Err(Flaw::TooMany("frames"));
                }
                limits.take(le16(bytes, at + 5)?.into(), le16(bytes, at + 7)?.into())?;
                // Behind the colours, one byte says how the data is packed.
                at = after_data(bytes, at + 10 + colours(byte(bytes, at + 9)?) + 1)?;
            }
            _ => return Err(Flaw::Garbled("an unknown block")),
        }
    }
}

/// The length of a table of colours, by the flags before it.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The place behind data that comes in pieces of up to 255 bytes; an empty piece ends it.
fn after_data(bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
    loop {
        let length = usize::from(byte(bytes, at)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
