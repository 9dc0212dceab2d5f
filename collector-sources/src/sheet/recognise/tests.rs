use super::*;

const KEY: &str = "MS4wLjABAAAAmade-up_0123456789";

fn read(text: &str) -> Result<String, NotRecognised> {
    recognise(&Cell::Text(text.to_owned()), Role::Any).map(|ids| ids.strongest().unwrap().to_string())
}

#[test]
fn a_handle_is_recognised_however_it_is_written() {
    for text in [
        "mina.k",
        "@Mina.K",
        " @mina.k ",
        "@ mina.k",
        "＠ｍｉｎａ．ｋ",
        "\u{feff}@mi\u{200b}na.k\u{a0}",
        "\u{3000}@mina.k\u{202c}",
        "\"@mina.k\"",
        "https://www.tiktok.com/@mina.k",
        "HTTPS://WWW.TIKTOK.COM/@Mina.K/",
        "http://m.tiktok.com/@mina.k?lang=ko-KR&_t=8abc&is_from_webapp=1",
        "tiktok.com/@mina.k#top",
        "www.tiktok.com/%40mina.k?utm_source=x",
        "https://vm.tiktok.com/@mina.k/",
        "https://us.tiktok.com/@mina.k",
        "https://www.tiktok.com/@mina.k/video/7234567890123456789?is_copy_url=1&q=@other",
        "https://www.tiktok.com/@mina.k/live",
        "미나 https://www.tiktok.com/@mina.k?x=1",
        "https://www.tiktok.com/@mina.k\nhttps://www.tiktok.com/@mina.k",
    ] {
        assert_eq!(read(text).as_deref(), Ok("tiktok:handle:mina.k"), "{text:?}");
    }
}

#[test]
fn numbers_and_second_keys_are_told_apart_from_handles() {
    assert_eq!(read("6784512345").as_deref(), Ok("tiktok:uid:6784512345"));
    assert_eq!(read("7012345678901234567").as_deref(), Ok("tiktok:uid:7012345678901234567"));
    assert_eq!(read("@6784512").as_deref(), Ok("tiktok:handle:6784512"));
    assert_eq!(read(KEY), Ok(format!("tiktok:sec_uid:{KEY}")));
    assert_eq!(read(&format!("https://www.tiktok.com/@{KEY}")), Ok(format!("tiktok:sec_uid:{KEY}")));
    let share = format!("https://m.tiktok.com/h5/share/usr/6784512345.html?u_code=x&sec_uid={KEY}&lang=en");
    assert_eq!(read(&share), Ok(format!("tiktok:sec_uid:{KEY}")));
    assert_eq!(
        read("https://www.tiktok.com/share/user/6784512345?x").as_deref(),
        Ok("tiktok:uid:6784512345")
    );
    let of = |cell: Cell, role| recognise(&cell, role).map(|ids| ids.strongest().unwrap().to_string());
    assert_eq!(of(Cell::Number(6_784_512_345.0), Role::Any).as_deref(), Ok("tiktok:uid:6784512345"));
    assert_eq!(
        of(Cell::Whole(7_012_345_678_901_234_567), Role::Uid).as_deref(),
        Ok("tiktok:uid:7012345678901234567")
    );
    assert_eq!(of(Cell::Text("778899".into()), Role::Handle).as_deref(), Ok("tiktok:handle:778899"));
    assert_eq!(
        of(Cell::Json("7012345678901234567".into()), Role::Any).as_deref(),
        Ok("tiktok:uid:7012345678901234567")
    );
}

#[test]
fn numbers_that_a_spreadsheet_rounded_are_refused() {
    for text in
        ["7.0123E+18", "7,0123E+18", "7.01234567890123e18", "7E18", "7012345678901230000", "1234567890123450"]
    {
        assert_eq!(read(text), Err(NotRecognised::Rounded(text.into())), "{text}");
    }
    assert!(read("7012345678901230000.0").is_err());
    for cell in
        [Cell::Number(7.012345678901234e18), Cell::Number(1e15), Cell::Whole(7_012_345_678_901_230_000)]
    {
        assert!(matches!(recognise(&cell, Role::Uid), Err(NotRecognised::Rounded(_))), "{cell:?}");
    }
    // A handle may look like it, when nothing can have rounded it.
    assert_eq!(read("@7e18").as_deref(), Ok("tiktok:handle:7e18"));
    assert_eq!(read("7e1").as_deref(), Ok("tiktok:handle:7e1"));
    assert!(read("123456789012345").is_ok() && read("7012345678901234560").is_ok());
}

#[test]
fn what_names_nobody_says_why() {
    use NotRecognised as N;
    let table: &[(&str, N)] = &[
        ("", N::Empty),
        (" \u{200b} ", N::Empty),
        ("-", N::Empty),
        ("mina@example.com", N::Email),
        ("https://vm.tiktok.com/ZMabcdef/", N::ShortLink),
        ("https://www.tiktok.com/t/ZTabcdef/", N::ShortLink),
        ("https://m.tiktok.com/v/7234567890123456789.html", N::PostOnly),
        ("https://www.tiktok.com/tag/kbeauty", N::OtherPage),
        ("https://www.tiktok.com/", N::OtherPage),
        ("https://www.instagram.com/mina.k/", N::OtherSite("www.instagram.com".into())),
        ("https://tiktok.com.evil.example/@mina", N::OtherSite("tiktok.com.evil.example".into())),
        ("https://www.tiktok.com@evil.example/@mina", N::OtherSite("evil.example".into())),
        ("https://notiktok.com/@mina", N::OtherSite("notiktok.com".into())),
        ("https://www.tiktok.com/@a.b https://www.tiktok.com/@c.d", N::Several),
        ("@mina @jo", N::Several),
        ("mina, jo", N::Several),
        ("N/A", N::BadCharacter('/')),
        ("none", N::Placeholder("none".into())),
        ("뷰티지은", N::BadCharacter('뷰')),
        ("mina k", N::BadCharacter(' ')),
        ("#REF!", N::BadCharacter('#')),
        ("=cmd|' /C calc'!A0", N::BadCharacter('=')),
        ("777", N::ShortNumber),
        ("x", N::BadLength(1)),
        (&"x".repeat(65), N::BadLength(65)),
        ("MS4wLjABshort", N::BadKey),
        ("https://www.tiktok.com/@", N::BadLength(0)),
    ];
    for (text, why) in table {
        assert_eq!(read(text), Err(why.clone()), "{text:?}");
        assert!(!why.to_string().is_empty());
    }
}

#[test]
fn nothing_makes_it_panic() {
    let pieces = [
        "@",
        "%",
        "%4",
        "%40",
        "%ff",
        "tiktok.com",
        "://",
        "/",
        "?",
        "#",
        "7e",
        "E+",
        "0",
        "뷰",
        "\u{200d}",
        ".",
        ",",
        "MS4wLjAB",
    ];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let text = format!("{a}{b}{c}");
                for role in Role::ALL {
                    drop(recognise(&Cell::Text(text.clone()), role));
                }
            }
        }
    }
}
