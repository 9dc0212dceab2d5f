//! What bytes are: the type by the bytes themselves, the size as declared, and whether the file is whole. Nothing is
//! decoded, so no picture can be larger in memory than it is on the wire.

mod gif;
mod isobmff;
mod jpeg;
mod png;
mod webp;

use std::fmt;

/// Animations with more frames are refused: each frame costs whoever shows it a whole picture.
const MOST_FRAMES: usize = 1_000;

/// Bytes that are enough to tell the type.
pub(super) const TELLING: usize = 32;

/// A type of picture that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Jpeg,
    Png,
    WebP,
    Gif,
    Avif,
    Heic,
}

impl Kind {
    /// The one whose files end so.
    pub(super) fn of_ending(ending: &str) -> Option<Self> {
        let all = [Self::Jpeg, Self::Png, Self::WebP, Self::Gif, Self::Avif, Self::Heic];
        all.into_iter().find(|kind| kind.ending() == ending)
    }

    /// As in a `Content-Type`.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
        }
    }

    /// The ending of a file's name.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Heic => "heic",
        }
    }
}

/// How large a picture may say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) side: u32,
    pub(super) pixels: u64,
}

/// A picture's size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Why bytes are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// They are no picture of a kept type.
    Foreign,
    /// The file ends too early.
    Cut,
    /// The parts contradict each other.
    Garbled(&'static str),
    /// It declares too many pixels.
    TooLarge(Size),
    /// It has too many frames, layers or passes.
    TooMany(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is no JPEG, PNG, WebP, GIF, AVIF or HEIC picture"),
            Self::Cut => f.write_str("it is cut short"),
            Self::Garbled(what) => write!(f, "it is garbled: {what}"),
            Self::TooLarge(Size { width, height }) => write!(f, "{width} x {height} pixels are too many"),
            Self::TooMany(what) => write!(f, "it has too many {what}"),
        }
    }
}

impl Limits {
    /// Takes a declared size, or refuses it.
    fn take(self, width: u32, height: u32) -> Result<Size, Flaw> {
        let size = Size { width, height };
        if width == 0 || height == 0 {
            return Err(Flaw::Garbled("it has no pixels"));
        }
        let within = width.max(height) <= self.side && u64::from(width) * u64::from(height) <= self.pixels;
        if within { Ok(size) } else { Err(Flaw::TooLarge(size)) }
    }
}

/// The type that a file beginning like this has.
pub(super) fn kind(start: &[u8]) -> Option<Kind> {
    let is = |at: usize, mark: &[u8]| start.get(at..at + mark.len()) == Some(mark);
    if is(0, b"\xff\xd8\xff") {
        Some(Kind::Jpeg)
    } else if is(0, b"\x89PNG\r\n\x1a\n") {
        Some(Kind::Png)
    } else if is(0, b"RIFF") && is(8, b"WEBP") {
        Some(Kind::WebP)
    } else if is(0, b"GIF87a") || is(0, b"GIF89a") {
        Some(Kind::Gif)
    } else if is(4, b"ftyp") {
        isobmff::kind(start)
    } else {
        None
    }
}

/// Looks a whole file through.
///
/// # Errors
/// Why it is not kept.
pub(super) fn inspect(bytes: &[u8], limits: Limits) -> Result<(Kind, Size), Flaw> {
    let kind = kind(bytes).ok_or(Flaw::Foreign)?;
    let size = match kind {
        Kind::Jpeg => jpeg::size(bytes, limits),
        Kind::Png => png::size(bytes, limits),
        Kind::WebP => webp::size(bytes, limits),
        Kind::Gif => gif::size(bytes, limits),
        Kind::Avif | Kind::Heic => isobmff::size(bytes, limits),
    }?;
    Ok((kind, size))
}

/// The `N` bytes at this place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Flaw> {
    let end = at.checked_add(N).ok_or(Flaw::Cut)?;
    bytes.get(at..end).and_then(|part| part.try_into().ok()).ok_or(Flaw::Cut)
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, Flaw> {
    bytes.get(at).copied().ok_or(Flaw::Cut)
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Flaw> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, Flaw> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Result<u16, Flaw> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn le24(bytes: &[u8], at: usize) -> Result<u32, Flaw> {
    let [low, middle, high] = array(bytes, at)?;
    Ok(u32::from_le_bytes([low, middle, high, 0]))
}

fn le32(bytes: &[u8], at: usize) -> Result<u32, Flaw> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// A length as an index; what does not fit this machine does not fit a file either.
fn index(length: u32) -> Result<usize, Flaw> {
    usize::try_from(length).map_err(|_| Flaw::Cut)
}
