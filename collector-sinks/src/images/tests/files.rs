//! Small valid pictures, and the parts to make broken ones of.

/// Makes a picture of a size that carries some bytes.
pub(super) type Make = fn(u32, u32, &[u8]) -> Vec<u8>;

/// The six kinds, each with a file of this size that carries these bytes.
pub(super) const KINDS: [(&str, Make); 6] =
    [("jpg", jpeg), ("png", png), ("webp", webp), ("gif", gif), ("avif", avif), ("heic", heic)];

pub(super) fn segment(mark: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xff, mark][..], &length, data].concat()
}

pub(super) fn frame(width: u16, height: u16) -> Vec<u8> {
    let ([h0, h1], [w0, w1]) = (height.to_be_bytes(), width.to_be_bytes());
    segment(0xc0, &[8, h0, h1, w0, w1, 1, 1, 0x11, 0])
}

pub(super) fn scan(data: &[u8]) -> Vec<u8> {
    [&segment(0xda, &[1, 1, 0, 0, 63, 0])[..], data].concat()
}

pub(super) fn jpeg(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    let frame = frame(width as u16, height as u16);
    [
        &[0xff, 0xd8][..],
        &segment(0xfe, payload),
        &frame,
        &scan(&[1, 0xff, 0, 2, 0xff, 0xd3, 3]),
        &[0xff, 0xd9],
    ]
    .concat()
}

pub(super) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
}

pub(super) fn ihdr(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat())
}

pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(super) fn png(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    [PNG, &ihdr(width, height), &chunk(b"tEXt", payload), &chunk(b"IDAT", &[0; 9]), &chunk(b"IEND", &[])]
        .concat()
}

pub(super) fn riff(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

pub(super) fn part(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut part = [kind, &(data.len() as u32).to_le_bytes()[..], data].concat();
    part.resize(part.len() + data.len() % 2, 0);
    part
}

pub(super) fn vp8l(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    part(b"VP8L", &[&[0x2f][..], &bits.to_le_bytes(), &[0; 4]].concat())
}

pub(super) fn vp8(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    part(b"VP8 ", &[&[0, 0, 0, 0x9d, 0x01, 0x2a][..], &size, &[0; 4]].concat())
}

fn le24(value: u32) -> [u8; 3] {
    let [low, middle, high, _] = value.to_le_bytes();
    [low, middle, high]
}

pub(super) fn vp8x(width: u32, height: u32) -> Vec<u8> {
    part(b"VP8X", &[&[2, 0, 0, 0][..], &le24(width - 1), &le24(height - 1)].concat())
}

pub(super) fn anmf(width: u32, height: u32, inner: &[u8]) -> Vec<u8> {
    let head = [&[0; 6][..], &le24(width - 1), &le24(height - 1), &[0; 4]].concat();
    part(b"ANMF", &[&head[..], inner].concat())
}

pub(super) fn webp(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    riff(&[vp8x(width, height), vp8l(width, height), part(b"EXIF", payload)].concat())
}

pub(super) fn gif_head(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0, 0, 0]].concat()
}

pub(super) fn gif_frame(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [&[0x2c, 0, 0, 0, 0][..], &size, &[0x80], &[0; 6], &[2, 2, 0x4c, 0x01, 0]].concat()
}

pub(super) fn gif(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    let pieces = payload.chunks(255).flat_map(|piece| [&[piece.len() as u8][..], piece].concat());
    let comment: Vec<u8> = [0x21, 0xfe].into_iter().chain(pieces).chain([0]).collect();
    let (width, height) = (width as u16, height as u16);
    [gif_head(width, height), comment, gif_frame(width, height), vec![0x3b]].concat()
}

pub(super) fn r#box(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, data].concat()
}

pub(super) fn meta(sizes: &[(u32, u32)]) -> Vec<u8> {
    let extents: Vec<u8> = sizes
        .iter()
        .flat_map(|(width, height)| {
            r#box(b"ispe", &[[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat())
        })
        .collect();
    let properties = r#box(b"iprp", &r#box(b"ipco", &extents));
    r#box(b"meta", &[&[0; 4][..], &properties].concat())
}

fn isobmff(brand: &[u8; 4], width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    let start = r#box(b"ftyp", &[&b"mif1"[..], &[0; 4], brand, b"miaf"].concat());
    [
        start,
        meta(&[(width.div_ceil(2), height), (width, height)]),
        r#box(b"free", payload),
        r#box(b"mdat", &[0; 9]),
    ]
    .concat()
}

pub(super) fn avif(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    isobmff(b"avif", width, height, payload)
}

pub(super) fn heic(width: u32, height: u32, payload: &[u8]) -> Vec<u8> {
    isobmff(b"heic", width, height, payload)
}
