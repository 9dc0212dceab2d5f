//! Files that cost more than they are worth, and what is no picture at all: all are refused, none is decoded.

use std::time::Duration;

use collector_core::testkit::server::Answer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::files::*;
use super::stage::{Stage, picture, problem};
use crate::images::Problem;
use crate::images::sniff::{self, Flaw, Kind, Limits, Size};

const LIMITS: Limits = Limits { side: 8_192, pixels: 40_000_000 };

/// A PNG of these chunks.
fn chunks(chunks: &[Vec<u8>]) -> Vec<u8> {
    [PNG, &chunks.concat()].concat()
}

fn without_end(mut bytes: Vec<u8>, missing: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - missing);
    bytes
}

/// The set: name and bytes.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let data = || chunk(b"IDAT", &[0; 9]);
    let end = || chunk(b"IEND", &[]);
    let animation = |frames: usize| [vp8x(8, 8), anmf(8, 8, &vp8l(8, 8)).repeat(frames)].concat();
    let ftyp = |brand: &[u8]| r#box(b"ftyp", &[brand, &[0; 4]].concat());
    let deep = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| r#box(b"iprp", &inner));
    let mut set = vec![
        // Sizes in the declared dimensions.
        ("png: a line of pixels without end", png(u32::MAX, 1, b"")),
        ("png: a side above the longest", png(8_193, 1, b"")),
        ("png: too many pixels", png(8_192, 8_192, b"")),
        ("png: two to the thirty-first", png(1 << 31, 1 << 31, b"")),
        ("png: no pixels", png(0, 7, b"")),
        ("jpeg: the largest there is", jpeg(65_535, 65_535, b"")),
        ("jpeg: no height yet", jpeg(8, 0, b"")),
        ("jpeg: a side above the longest", jpeg(8_193, 2, b"")),
        ("gif: the largest there is", gif(65_535, 65_535, b"")),
        ("gif: no pixels", gif(0, 0, b"")),
        (
            "gif: a frame larger than the screen allows",
            [gif_head(8, 8), gif_frame(65_535, 65_535), vec![0x3b]].concat(),
        ),
        ("webp: the largest canvas", riff(&[vp8x(1 << 24, 1 << 24), vp8l(8, 8)].concat())),
        ("webp: a lossless giant", riff(&vp8l(16_384, 16_384))),
        ("webp: a lossy giant", riff(&vp8(16_383, 16_383))),
        ("webp: a giant behind a small canvas", riff(&[vp8x(8, 8), vp8l(4_000, 4_000)].concat())),
        ("webp: a giant in a frame", riff(&[vp8x(8, 8), anmf(8, 8, &vp8l(16_384, 16_384))].concat())),
        ("webp: a lossy giant in a frame", riff(&[vp8x(8, 8), anmf(8, 8, &vp8(16_383, 16_383))].concat())),
        ("webp: no pixels", riff(&vp8(0, 0))),
        ("avif: the largest there is", avif(u32::MAX, u32::MAX, b"")),
        ("heic: the largest there is", heic(u32::MAX, 1, b"")),
        (
            "heic: one giant among the small",
            [ftyp(b"heic"), meta(&[(8, 8), (60_000, 60_000), (8, 8)]), r#box(b"mdat", b"x")].concat(),
        ),
        // Numbers of parts.
        (
            "png: an animation without end",
            chunks(&[ihdr(8, 8), chunk(b"acTL", &[0, 1, 0, 0, 0, 0, 0, 0]), data(), end()]),
        ),
        (
            "gif: an animation without end",
            [gif_head(8, 8), gif_frame(8, 8).repeat(1_001), vec![0x3b]].concat(),
        ),
        ("webp: an animation without end", riff(&animation(1_001))),
        (
            "jpeg: passes without end",
            [&[0xff, 0xd8][..], &frame(8, 8), &scan(&[1]).repeat(101), &[0xff, 0xd9]].concat(),
        ),
        (
            "heic: parts without end",
            [ftyp(b"heic"), r#box(b"free", b"").repeat(5_000), meta(&[(8, 8)])].concat(),
        ),
        (
            "jpeg: two pictures in one",
            [&[0xff, 0xd8][..], &frame(8, 8), &frame(8_000, 4_000), &scan(&[1]), &[0xff, 0xd9]].concat(),
        ),
        // Lengths that lie.
        (
            "png: a chunk longer than the file",
            chunks(&[ihdr(8, 8), [&u32::MAX.to_be_bytes()[..], b"IDAT"].concat()]),
        ),
        (
            "png: a chunk of two gigabytes",
            chunks(&[ihdr(8, 8), [&0x7fff_ffff_u32.to_be_bytes()[..], b"IDAT"].concat()]),
        ),
        (
            "jpeg: a segment shorter than its length",
            [&[0xff, 0xd8, 0xff, 0xe0, 0, 0][..], &frame(8, 8)].concat(),
        ),
        ("jpeg: a segment longer than the file", vec![0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 0, 0]),
        ("webp: a file longer than it is", [b"RIFF", &[0xff; 4][..], b"WEBP", &vp8l(8, 8)].concat()),
        ("webp: a part longer than the file", riff(&[b"VP8L", &u32::MAX.to_le_bytes()[..]].concat())),
        (
            "heic: a part shorter than its head",
            [ftyp(b"heic"), vec![0, 0, 0, 4, b'm', b'd', b'a', b't']].concat(),
        ),
        (
            "heic: a part of eighteen quintillion",
            [ftyp(b"heic"), [&1_u32.to_be_bytes()[..], b"mdat", &[0xff; 8]].concat()].concat(),
        ),
        // Parts that are missing or contradict each other.
        ("png: no picture inside", chunks(&[ihdr(8, 8), end()])),
        ("png: no header", chunks(&[data(), end()])),
        ("png: two headers", chunks(&[ihdr(8, 8), ihdr(8_000, 5_000), data(), end()])),
        (
            "png: a depth that no picture has",
            chunks(&[chunk(b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 64, 2, 0, 0, 0]), data(), end()]),
        ),
        ("jpeg: no picture inside", [&[0xff, 0xd8][..], &segment(0xfe, b"x"), &[0xff, 0xd9]].concat()),
        ("jpeg: only tables", vec![0xff, 0xd8, 0xff, 0xd9]),
        ("gif: no picture inside", [gif_head(8, 8), vec![0x3b]].concat()),
        ("gif: an unknown block", [gif_head(8, 8), vec![0x77, 1, 2]].concat()),
        ("webp: no picture inside", riff(&part(b"EXIF", b"x"))),
        ("heic: no sizes", [ftyp(b"heic"), r#box(b"mdat", b"x")].concat()),
        (
            "heic: nests deeper than it says",
            [ftyp(b"heic"), r#box(b"meta", &deep(2_000)), r#box(b"mdat", b"x")].concat(),
        ),
        (
            "heic: sizes cut short",
            [
                ftyp(b"heic"),
                r#box(
                    b"meta",
                    &[&[0; 4][..], &r#box(b"iprp", &r#box(b"ipco", &r#box(b"ispe", &[0; 6])))].concat(),
                ),
                r#box(b"mdat", b"x"),
            ]
            .concat(),
        ),
        // What is no picture.
        ("svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>                ".to_vec()),
        (
            "svg with a declaration",
            b"<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"aaaa\">]><svg>&a;</svg>".to_vec(),
        ),
        ("html", b"<!DOCTYPE html><html><script>alert(1)</script></html>                ".to_vec()),
        (
            "html that begins like a comment of a picture",
            b"GIF89 <html><script>alert(1)</script></html>".to_vec(),
        ),
        ("gzip", [&[0x1f, 0x8b, 8, 0][..], &[0; 64]].concat()),
        ("zip", [&b"PK\x03\x04"[..], &[0; 64]].concat()),
        ("pdf", b"%PDF-1.7 with a picture inside, but who looks that deep today?".to_vec()),
        ("bmp of four gigabytes", [&b"BM"[..], &[0xff; 64]].concat()),
        ("tiff", [&b"II*\0"[..], &[0xff; 64]].concat()),
        ("ico", [&[0, 0, 1, 0, 1, 0][..], &[0; 64]].concat()),
        ("jpeg xl", [&[0xff, 0x0a][..], &[0xff; 64]].concat()),
        ("a film", [r#box(b"ftyp", b"isom\0\0\0\0mp42"), vec![0; 64]].concat()),
        ("a program", [&b"\x7fELF"[..], &[0; 64]].concat()),
        ("zeros", vec![0; 4_096]),
        ("nothing", Vec::new()),
        ("one byte", vec![0xff]),
    ];
    for (kind, whole) in KINDS {
        set.push((kind, without_end(whole(8, 8, b"cut"), 1)));
    }
    set
}

#[test]
fn all_bombs_are_refused_and_the_set_is_large_enough() {
    let set = bombs();
    assert!(set.len() >= 40, "{}", set.len());
    for (name, bytes) in &set {
        let done = sniff::inspect(bytes, LIMITS);
        assert!(done.is_err(), "{name}: {done:?}");
        assert!(bytes.len() < 80_000, "{name} is a bomb of {} bytes", bytes.len());
    }
}

#[test]
fn the_reason_is_the_right_one() {
    let why = |name: &str| {
        let (_, bytes) = bombs().into_iter().find(|(known, _)| *known == name).unwrap();
        sniff::inspect(&bytes, LIMITS).unwrap_err()
    };
    assert_eq!(why("png: too many pixels"), Flaw::TooLarge(Size { width: 8_192, height: 8_192 }));
    assert_eq!(why("webp: a giant in a frame"), Flaw::TooLarge(Size { width: 16_384, height: 16_384 }));
    assert_eq!(
        why("heic: one giant among the small"),
        Flaw::TooLarge(Size { width: 60_000, height: 60_000 })
    );
    assert_eq!(why("jpeg: passes without end"), Flaw::TooMany("passes"));
    assert_eq!(why("gif: an animation without end"), Flaw::TooMany("frames"));
    for name in ["svg", "html", "gzip", "a film", "nothing"] {
        assert_eq!(why(name), Flaw::Foreign, "{name}");
    }
    for (kind, _) in KINDS {
        assert_eq!(why(kind), Flaw::Cut, "{kind}");
    }
}

#[test]
fn whole_pictures_are_what_they_are_up_to_the_limits() {
    for ((name, whole), kind) in
        KINDS.into_iter().zip([Kind::Jpeg, Kind::Png, Kind::WebP, Kind::Gif, Kind::Avif, Kind::Heic])
    {
        assert_eq!(kind.ending(), name);
        for (width, height) in [(1, 1), (1_080, 1_079), (8_192, 4_882), (4_882, 8_192)] {
            let found = sniff::inspect(&whole(width, height, b"payload"), LIMITS);
            assert_eq!(found, Ok((kind, Size { width, height })), "{name}");
        }
    }
    let animation = riff(&[vp8x(8, 8), anmf(8, 8, &vp8l(8, 8)).repeat(1_000)].concat());
    assert!(sniff::inspect(&animation, LIMITS).is_ok());
}

#[test]
fn a_picture_cut_anywhere_is_refused() {
    for (name, whole) in KINDS {
        let bytes = whole(640, 480, b"some payload to cut through");
        for length in 0..bytes.len() {
            let done = sniff::inspect(bytes.get(..length).unwrap(), LIMITS);
            assert!(done.is_err(), "{name} cut at {length} of {}: {done:?}", bytes.len());
        }
    }
}

#[test]
fn no_byte_turned_makes_the_looking_fail() {
    for (name, whole) in KINDS {
        let bytes = whole(640, 480, b"payload");
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut turned = bytes.clone();
                turned[at] = value;
                if let Ok((_, size)) = sniff::inspect(&turned, LIMITS) {
                    assert!(size.width.max(size.height) <= LIMITS.side, "{name}, byte {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_bomb_is_a_fact_and_no_file() {
    let stage = Stage::new().await;
    for (name, bytes) in bombs() {
        stage.host.route("/bomb", Answer::status(200).header("content-type", "image/jpeg").body(bytes));
        let wrote = stage.write_one(&stage.shows(&stage.link("/bomb"))).await;
        assert_eq!(problem(&wrote), Problem::Unusable, "{name}");
    }
    assert!(stage.place.keys().await.is_empty());
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let stage = Stage::new().await;
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let packed = picture("x").header("content-encoding", encoding);
        stage.host.route("/packed", packed);
        assert_eq!(
            stage.problem(&stage.shows(&stage.link("/packed"))).await,
            Problem::Unusable,
            "{encoding}"
        );
    }
    stage.host.route("/plain", picture("x").header("content-encoding", "identity"));
    assert!(stage.stored(&stage.shows(&stage.link("/plain"))).await.kept().is_some());
    stage.host.script([picture("y")]);
    stage.stored(&stage.shows(&stage.link("/asked"))).await;
    assert_eq!(stage.host.seen()[0].header("accept-encoding"), None, "compression was asked for");
}

#[tokio::test]
async fn an_announced_giant_is_not_read() {
    let stage = Stage::with(|config| config.max_bytes = 10_000).await;
    let (fits, giant) = (png(1, 1, &[b'x'; 9_800]), png(1, 1, &[b'x'; 10_000]));
    stage.host.route("/fits", Answer::status(200).body(fits));
    stage.host.route("/giant", Answer::status(200).body(giant));
    assert!(stage.stored(&stage.shows(&stage.link("/fits"))).await.kept().is_some());
    assert_eq!(stage.problem(&stage.shows(&stage.link("/giant"))).await, Problem::Unusable);
}

/// A host that sends a picture's beginning and then more without end; says how much it got rid of.
async fn endless(start: Vec<u8>) -> (std::net::SocketAddr, JoinSet<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 1_024];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
        stream.write_all(&start).await.unwrap();
        let (more, mut sent) = (vec![0; 65_536], start.len());
        while stream.write_all(&more).await.is_ok() {
            sent += more.len();
        }
        sent
    });
    (address, sending)
}

#[tokio::test]
async fn a_picture_without_end_is_read_up_to_the_cap() {
    const CAP: usize = 1 << 20;
    // What the machine's buffers swallow on the way.
    const SWALLOWED: usize = 16 << 20;
    let (address, mut sending) = endless(jpeg(8, 8, b"")).await;
    let stage = Stage::with(|config| (config.allow, config.max_bytes) = (vec![address], CAP)).await;
    let wrote = stage.write_one(&stage.shows(&format!("http://{address}/a"))).await;
    assert_eq!(problem(&wrote), Problem::Unusable);
    assert!(sending.join_next().await.unwrap().unwrap() < CAP + SWALLOWED);
}

#[tokio::test]
async fn a_page_without_end_is_left_at_its_beginning() {
    let (address, mut sending) = endless(b"<!DOCTYPE html><html><body>a very long page".to_vec()).await;
    let stage = Stage::with(|config| (config.allow, config.max_bytes) = (vec![address], 1 << 40)).await;
    let record = stage.shows(&format!("http://{address}/a"));
    let wrote = tokio::time::timeout(Duration::from_secs(10), stage.write_one(&record));
    assert_eq!(problem(&wrote.await.unwrap()), Problem::Unusable);
    assert!(sending.join_next().await.unwrap().unwrap() < 32 << 20);
}
