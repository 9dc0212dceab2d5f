//! AVIF and HEIC: boxes in boxes. The sizes stand in the properties of the items.

use super::{Flaw, Kind, Limits, Size, array, be32, index};

/// More boxes of one level are no picture's.
const MOST_BOXES: usize = 4_096;

/// The type by its brands: the first one, and those it is compatible with.
pub(super) fn kind(start: &[u8]) -> Option<Kind> {
    let end = usize::try_from(be32(start, 0).ok()?).ok()?.min(start.len());
    let brands = start.get(8..end)?.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1);
    brands.map(|(_, brand)| brand).find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Kind::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Kind::Heic),
        _ => None,
    })
}

pub(super) fn size(bytes: &[u8], limits: Limits) -> Result<Size, Flaw> {
    let (mut largest, mut has_data) = (None, false);
    for_each(bytes, &mut |kind, data| {
        match kind {
            // Its first four bytes are a version and flags.
            b"meta" => properties(data.get(4..).ok_or(Flaw::Cut)?, limits, &mut largest)?,
            b"mdat" => has_data = true,
            _ => {}
        }
        Ok(())
    })?;
    largest.filter(|_| has_data).ok_or(Flaw::Garbled("no picture inside"))
}

/// The largest size that any item has: tiles are smaller than the picture they make.
fn properties(meta: &[u8], limits: Limits, largest: &mut Option<Size>) -> Result<(), Flaw> {
    within(meta, b"iprp", &mut |properties| {
        within(properties, b"ipco", &mut |list| {
            within(list, b"ispe", &mut |extent| {
                let size = limits.take(be32(extent, 4)?, be32(extent, 8)?)?;
                let area = |size: Size| u64::from(size.width) * u64::from(size.height);
                if largest.is_none_or(|known| area(known) < area(size)) {
                    *largest = Some(size);
                }
                Ok(())
            })
        })
    })
}

/// What is done with a box: its kind and its data.
type Look<'a> = &'a mut dyn FnMut(&[u8; 4], &[u8]) -> Result<(), Flaw>;

/// Looks into each box of this kind.
fn within(
    bytes: &[u8],
    wanted: &[u8; 4],
    look: &mut dyn FnMut(&[u8]) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    for_each(bytes, &mut |kind, data| if kind == wanted { look(data) } else { Ok(()) })
}

/// Walks the boxes of one level to the end, which must be where the bytes end.
fn for_each(bytes: &[u8], look: Look<'_>) -> Result<(), Flaw> {
    let (mut at, mut boxes) = (0, 0);
    while at < bytes.len() {
        boxes += 1;
        if boxes > MOST_BOXES {
            return Err(Flaw::TooMany("parts"));
        }
        let kind = array(bytes, at + 4)?;
        let (head, length) = match be32(bytes, at)? {
            // Up to the end.
            0 => (8, bytes.len() - at),
            1 => (16, usize::try_from(u64::from_be_bytes(array(bytes, at + 8)?)).map_err(|_| Flaw::Cut)?),
            length => (8, index(length)?),
        };
        if length < head {
            return Err(Flaw::Garbled("a part shorter than its own head"));
        }
        let end = at.checked_add(length).ok_or(Flaw::Cut)?;
        look(&kind, bytes.get(at + head..end).ok_or(Flaw::Cut)?)?;
        at = end;
    }
    Ok(())
}
