//! WebP: the chunks of a RIFF file.

use super::{Flaw, Limits, MOST_FRAMES, Size, array, byte, index, le16, le24, le32};

/// What stands before the first chunk.
const HEAD: usize = 12;

pub(super) fn size(bytes: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let end = index(le32(bytes, 4)?)?.checked_add(8).ok_or(Flaw::Cut)?;
    let bytes = bytes.get(..end).ok_or(Flaw::Cut)?;
    let (mut canvas, mut picture, mut frames) = (None, None, 0);
    let mut at = HEAD;
    while at < end {
        let (kind, data, next) = chunk(bytes, at)?;
        match &kind {
            b"VP8X" if at == HEAD => canvas = Some(extended(data, limits)?),
            b"VP8X" => return Err(Flaw::Garbled("its header is not where it must be")),
            b"VP8 " => picture = Some(lossy(data, limits)?),
            b"VP8L" => picture = Some(lossless(data, limits)?),
            b"ANMF" => {
                frames += 1;
                if frames > MOST_FRAMES {
                    return Err(Flaw::TooMany("frames"));
                }
                picture = Some(frame(data, limits)?);
            }
            _ if at == HEAD => return Err(Flaw::Garbled("no picture inside")),
            _ => {}
        }
        at = next;
    }
    let picture = picture.ok_or(Flaw::Garbled("no picture inside"))?;
    match canvas {
        Some(canvas) if picture.width > canvas.width || picture.height > canvas.height => {
            Err(Flaw::Garbled("the picture is larger than its canvas"))
        }
        canvas => Ok(canvas.unwrap_or(picture)),
    }
}

/// A chunk's kind and data, and the place of the next one: chunks begin at even places.
fn chunk(bytes: &[u8], at: usize) -> Result<([u8; 4], &[u8], usize), Flaw> {
    let kind = array(bytes, at)?;
    let data = at + 8;
    let end = data.checked_add(index(le32(bytes, at + 4)?)?).ok_or(Flaw::Cut)?;
    Ok((kind, bytes.get(data..end).ok_or(Flaw::Cut)?, end + end % 2))
}

fn extended(data: &[u8], limits: Limits) -> Result<Size, Flaw> {
    limits.take(le24(data, 4)? + 1, le24(data, 7)? + 1)
}

fn lossy(data: &[u8], limits: Limits) -> Result<Size, Flaw> {
    if array(data, 3)? != [0x9d, 0x01, 0x2a] {
        return Err(Flaw::Garbled("a lossy picture without its mark"));
    }
    // The upper two bits of each say how to scale it up.
    limits.take((le16(data, 6)? & 0x3fff).into(), (le16(data, 8)? & 0x3fff).into())
}

fn lossless(data: &[u8], limits: Limits) -> Result<Size, Flaw> {
    if byte(data, 0)? != 0x2f {
        return Err(Flaw::Garbled("a lossless picture without its mark"));
    }
    let bits = le32(data, 1)?;
    limits.take((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
}

/// One frame of an animation: what it declares, and the picture inside, which may declare something else.
fn frame(data: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let declared = limits.take(le24(data, 6)? + 1, le24(data, 9)? + 1)?;
    let mut at = 16;
    while at < data.len() {
        let (kind, inner, next) = chunk(data, at)?;
        let size = match &kind {
            b"VP8 " => lossy(inner, limits)?,
            b"VP8L" => lossless(inner, limits)?,
            _ => declared,
        };
        if size != declared {
            return Err(Flaw::Garbled("a frame is not as large as it says"));
        }
        at = next;
    }
    Ok(declared)
}
