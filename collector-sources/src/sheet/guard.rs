//! Looks at a workbook's archive before anything is made of it: how large it is unpacked, and what it promises.

use std::io::{Cursor, Read};

use collector_core::error::{Error, Result};
use zip::ZipArchive;

use super::read::malformed;

/// Parts of an archive; a workbook of a hundred sheets has a few hundred.
const PARTS: usize = 4_096;
/// Bytes read at once.
const STEP: usize = 64 << 10;
/// The table of all texts, which says at its beginning how many there are: memory is set aside for that many.
const TEXTS: &str = "sharedstrings.xml";
/// The fewest bytes a text takes there: `<si/>`.
const SHORTEST_TEXT: u64 = 5;

/// Refuses archives that are larger than `most` bytes unpacked, whatever they say of themselves, and tables of texts
/// that promise more than they hold.
///
/// # Errors
/// `Malformed`.
pub(super) fn check(bytes: &[u8], most: u64) -> Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > PARTS {
        return Err(malformed(format!("the workbook has {} parts, at most {PARTS} are read", archive.len())));
    }
    let mut left = most;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(damaged)?;
        if part.size() > left {
            return Err(too_large(most));
        }
        let is_texts = part.name().map_err(damaged)?.to_ascii_lowercase().ends_with(TEXTS);
        left =
            if is_texts { texts(part, left)? } else { skip(part, left)? }.ok_or_else(|| too_large(most))?;
    }
    Ok(())
}

fn damaged(error: zip::result::ZipError) -> Error {
    malformed("the workbook is damaged; open it, save it as a new file and try again").caused_by(error)
}

fn too_large(most: u64) -> Error {
    malformed(format!("the workbook is larger than {most} bytes unpacked; split it, or save the list as CSV"))
}

/// Reads a part to its end; gives what is left, or nothing when it is larger.
fn skip(mut part: impl Read, left: u64) -> Result<Option<u64>> {
    let mut buffer = [0; STEP];
    let mut left = left;
    loop {
        let read = part.read(&mut buffer).map_err(|error| damaged(error.into()))? as u64;
        if read == 0 {
            return Ok(Some(left));
        }
        let Some(rest) = left.checked_sub(read) else { return Ok(None) };
        left = rest;
    }
}

/// Reads the table of texts and compares what it promises with what it holds.
fn texts(part: impl Read, left: u64) -> Result<Option<u64>> {
    let mut bytes = Vec::new();
    let read = part.take(left.saturating_add(1)).read_to_end(&mut bytes);
    let length = read.map_err(|error| damaged(error.into()))? as u64;
    let Some(left) = left.checked_sub(length) else { return Ok(None) };
    // In another encoding the promise would not be seen here.
    if bytes.contains(&0) || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(malformed("the workbook's texts are not in UTF-8; save it anew"));
    }
    if promises(&bytes).any(|texts| texts > length / SHORTEST_TEXT + 1) {
        return Err(malformed("the workbook promises more texts than it has; save it anew"));
    }
    Ok(Some(left))
}

/// Every number behind `uniqueCount=`.
fn promises(bytes: &[u8]) -> impl Iterator<Item = u64> {
    const NAME: &[u8] = b"uniqueCount";
    let places = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    places.filter_map(|(at, _)| {
        let value = bytes.get(at + NAME.len()..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'"))?;
        let digits = value.iter().take_while(|byte| !matches!(byte, b'"' | b'\''));
        let number = digits.filter(|byte| byte.is_ascii_digit());
        Some(number.fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in parts {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_bomb_is_refused_by_what_comes_out_and_not_by_what_it_says() {
        let mut bomb = archive(&[("xl/worksheets/sheet1.xml", &vec![b'0'; 3 << 20])]);
        assert!(bomb.len() < 16 << 10);
        assert!(check(&bomb, 4 << 20).is_ok());
        assert!(check(&bomb, 1 << 20).unwrap_err().to_string().contains("larger than 1048576 bytes"));
        // The size it claims, in both headers, is a lie.
        let size = (3_u32 << 20).to_le_bytes();
        for at in 0..bomb.len() - 4 {
            if bomb[at..at + 4] == size {
                bomb[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
            }
        }
        assert!(check(&bomb, 1 << 20).is_err());
        let many = archive(&[("a", &[0; 700_000]), ("b", &[0; 700_000])]);
        assert!(check(&many, 1 << 20).is_err(), "parts add up");
    }

    #[test]
    fn a_promise_of_texts_is_compared_with_what_is_there() {
        let table =
            |head: &str| format!("<?xml version=\"1.0\"?><sst {head}><si><t>a</t></si></sst>").into_bytes();
        let texts = |bytes: &[u8]| check(&archive(&[("xl/SharedStrings.xml", bytes)]), 1 << 20);
        assert!(texts(&table("count=\"9\" uniqueCount=\"1\"")).is_ok());
        for head in ["uniqueCount=\"99999999999\"", "uniqueCount = '7777'", "uniqueCount=\"9 9 9 9\""] {
            assert!(texts(&table(head)).unwrap_err().to_string().contains("promises"), "{head}");
        }
        let wide: Vec<u8> =
            "<sst uniqueCount=\"99999999\"/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(texts(&wide).is_err());
    }
}
