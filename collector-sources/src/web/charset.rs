//! Bytes to text, as browsers do it. Pure.
//!
//! A byte order mark decides, then the header, then what the page says of itself in its first 1,024 bytes, then whether
//! the bytes are UTF-8; else they are windows-1252. What cannot be read becomes U+FFFD, and reading goes on.

use std::borrow::Cow;

use collector_core::task::Payload;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of a page is searched for what it says of itself.
const HEAD: usize = 1_024;

/// The text of an answer.
pub(super) fn text(payload: &Payload) -> Cow<'_, str> {
    let bytes = &*payload.body;
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0;
    }
    let said = payload.header("content-type").and_then(of_header).or_else(|| of_page(bytes));
    let encoding = match said {
        Some(encoding) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => UTF_8,
        None => WINDOWS_1252,
    };
    encoding.decode_without_bom_handling(bytes).0
}

/// The character set a content type names.
fn of_header(value: &str) -> Option<&'static Encoding> {
    value.split(';').skip(1).find_map(|parameter| {
        let (name, label) = parameter.split_once('=')?;
        let named = name.trim().eq_ignore_ascii_case("charset");
        named.then(|| Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())).flatten()
    })
}

/// The character set a page names in `<meta charset>` or `<meta http-equiv>`.
fn of_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(bytes.get(..HEAD).unwrap_or(bytes)).to_ascii_lowercase();
    let named = head.split("<meta").skip(1).find_map(|tag| {
        let (_, label) = tag.split('>').next()?.split_once("charset")?;
        let label = label.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
        let end = label
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/'))
            .unwrap_or(label.len());
        Encoding::for_label(label.get(..end)?.as_bytes())
    })?;
    // A page that could be read so far cannot be what it says then.
    Some(if named == UTF_16LE || named == UTF_16BE { UTF_8 } else { named })
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    fn read(bytes: &[u8], content_type: Option<&str>) -> String {
        let mut payload = Payload::new(bytes.to_vec(), Timestamp::default());
        payload.headers.extend(content_type.map(|value| ("content-type".to_owned(), value.to_owned())));
        text(&payload).into_owned()
    }

    #[test]
    fn the_stronger_word_decides() {
        for (bytes, content_type, expected) in [
            ("민아".as_bytes(), None, "민아"),
            (b"caf\xe9", None, "café"),
            (b"caf\xe9", Some("text/html; charset=ISO-8859-1"), "café"),
            (b"\x80", Some("text/html;charset=\"ascii\""), "€"),
            (b"\xb9\xce\xbe\xc6", Some("text/html; charset=euc-kr"), "민아"),
            (b"\x83e\x83X\x83g", Some("text/html; Charset = Shift_JIS"), "テスト"),
            (b"\xef\xbb\xbfx\xc3\xa9", Some("text/html; charset=euc-kr"), "xé"),
            (b"\xff\xfea\0", None, "a"),
            (b"\xfe\xff\0a", Some("text/html; charset=utf-8"), "a"),
            (b"\xc3\xa9", Some("text/html; charset=nonsense"), "é"),
            (b"a\xffb", Some("text/html; charset=utf-8"), "a\u{fffd}b"),
        ] {
            assert_eq!(read(bytes, content_type), expected, "{bytes:?} {content_type:?}");
        }
    }

    #[test]
    fn a_page_says_it_of_itself_near_its_beginning() {
        for head in [
            "<meta charset=euc-kr>",
            "<META CHARSET='EUC-KR'/>",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=euc-kr\">",
            "<meta name=x content=y><meta charset = \"euc-kr\" >",
        ] {
            let page = [head.as_bytes(), b"\xb9\xce\xbe\xc6"].concat();
            assert!(read(&page, None).ends_with("민아"), "{head}");
            let far = [&[b' '; HEAD][..], &page].concat();
            assert!(!read(&far, None).ends_with("민아"), "{head}");
        }
        let page = ["<meta charset=utf-16>".as_bytes(), "é".as_bytes()].concat();
        assert!(read(&page, None).ends_with('é'));
    }
}
