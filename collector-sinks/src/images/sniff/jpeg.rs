//! JPEG: segments up to the end of the image, the data between them skipped.

use super::{Flaw, Limits, Size, be16, byte};

/// A progressive picture comes in some ten passes; each costs a decoder a walk over the whole picture.
const MOST_SCANS: usize = 100;

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

pub(super) fn size(bytes: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let (mut at, mut size, mut scans) = (2, None, 0);
    loop {
        let (mark, after) = mark(bytes, at)?;
        at = after;
        match mark {
            END => break,
            // Restarts and fillers stand alone.
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 => return Err(Flaw::Garbled("a mark where none may be")),
            _ => {}
        }
        let length = usize::from(be16(bytes, at)?);
        if length < 2 {
            return Err(Flaw::Garbled("a segment shorter than its own length"));
        }
        if is_frame(mark) {
            if size.is_some() {
                return Err(Flaw::Garbled("two pictures in one"));
            }
            let (height, width) = (be16(bytes, at + 3)?, be16(bytes, at + 5)?);
            size = Some(limits.take(width.into(), height.into())?);
        }
        at += length;
        if mark == SCAN {
            scans += 1;
            if scans > MOST_SCANS {
                return Err(Flaw::TooMany("passes"));
            }
            at = after_scan(bytes, at)?;
        }
    }
    match size {
        Some(size) if scans > 0 => Ok(size),
        _ => Err(Flaw::Garbled("no picture inside")),
    }
}

/// The mark at this place, and what follows it. Marks may be preceded by any number of filling bytes.
fn mark(bytes: &[u8], mut at: usize) -> Result<(u8, usize), Flaw> {
    if byte(bytes, at)? != 0xff {
        return Err(Flaw::Garbled("a segment without a mark"));
    }
    while byte(bytes, at)? == 0xff {
        at += 1;
    }
    Ok((byte(bytes, at)?, at + 1))
}

/// Whether a segment says the size: all start-of-frame marks, not the tables among their numbers.
fn is_frame(mark: u8) -> bool {
    matches!(mark, 0xc0..=0xcf) && !matches!(mark, 0xc4 | 0xc8 | 0xcc)
}

/// The place of the mark that ends a scan's data: in it, `ff` is followed by a zero or a restart.
fn after_scan(bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
    loop {
        let rest = bytes.get(at..).ok_or(Flaw::Cut)?;
        at += rest.iter().position(|byte| *byte == 0xff).ok_or(Flaw::Cut)?;
        match byte(bytes, at + 1)? {
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Ok(at),
        }
    }
}
