use super::*;

fn tokens(text: &str) -> String {
    Tokens::of(text).joined
}

fn finds(query: &str, text: &str) -> bool {
    Phrase::of(query, false).is_in(&tokens(text))
}

#[test]
fn words_lose_case_width_and_diacritics() {
    assert_eq!(tokens("Crème BRÛLÉE, straße; Łódź ﬁne"), "creme brulee strasse lodz fine");
    assert_eq!(tokens("ＳＫＩＮ　ｃａｒｅ１２"), "skin care12");
    assert_eq!(tokens("Ёлка йод ΣΊΣΥΦΟΣ İstanbul"), "елка иод σισυφοσ istanbul");
    assert_eq!(tokens("L'Oréal don’t 'quoted'"), "loreal dont quoted");
    assert_eq!(tokens("𝓜𝓲𝓷𝓪 ①"), "mina 1");
}

#[test]
fn runs_give_pairs_and_their_last_character() {
    assert_eq!(tokens("리뷰"), "리뷰 뷰");
    assert_eq!(tokens("뷰"), "뷰");
    assert_eq!(tokens("뷰티 크림"), "뷰티 티 크림 림");
    assert_eq!(tokens("食べ物ブログ"), "食べ べ物 物ブ ブロ ログ グ");
    assert_eq!(tokens("ｶﾞｲﾄﾞ"), "ガイ イド ド");
    assert_eq!(tokens("K뷰티mina"), "k 뷰티 티 mina");
}

#[test]
fn every_part_of_a_run_is_found() {
    for part in ["뷰", "뷰티", "티크", "크리에", "리에이터", "터", "뷰티크리에이터"] {
        assert!(finds(part, "뷰티크리에이터"), "{part}");
    }
    for other in ["뷰크", "티뷰", "봄"] {
        assert!(!finds(other, "뷰티크리에이터"), "{other}");
    }
    assert!(finds("뷰", "리뷰") && finds("犬", "柴犬の日"));
    assert!(finds("뷰티 크림", "뷰티 크림") && !finds("뷰티 크림", "뷰티와 크림"));
    assert!(finds("my 뷰", "this is my 뷰티풀 day"));
    assert!(finds("กาแฟ", "ร้านกาแฟสด"));
}

#[test]
fn composed_and_decomposed_spelling_is_one() {
    assert_eq!(tokens("e\u{301}te\u{301}"), tokens("été"));
    assert_eq!(tokens("\u{1107}\u{1172}\u{1110}\u{1175}"), tokens("뷰티"));
    assert_eq!(tokens("か\u{3099}"), tokens("が"));
    assert_ne!(tokens("か"), tokens("が"));
}

#[test]
fn emoji_are_tokens_without_skin_tone() {
    assert_eq!(tokens("love💄💄 it"), "love 💄 💄 it");
    assert_eq!(tokens("👩🏽‍🍳"), "👩\u{200d}🍳");
    assert_eq!(tokens("🇰🇷🇺🇸"), "🇰🇷 🇺🇸");
    assert_eq!(tokens("❤️"), "❤");
    assert!(finds("👍", "ok 👍🏿") && finds("👍🏻", "ok 👍"));
    assert!(!finds("🍳", "👩‍🍳"));
}

#[test]
fn tags_and_handles_are_listed_and_give_their_words() {
    let found = Tokens::of("See @Mina.Kim_ and ＃K뷰티 #skin_care, a@b #");
    assert_eq!(found.tags, ["k뷰티", "skin_care"]);
    assert_eq!(found.mentions, ["mina.kim_"]);
    assert_eq!(found.joined, "see mina kim and k 뷰티 티 skin care a b");
}

#[test]
fn addresses_are_left_out() {
    for text in [
        "mail: Mina.Kim+ad@mail.example.com!",
        "mail: ｍｉｎａ＠ｍａｉｌ.ｅｘａｍｐｌｅ",
        "mail:mina@mail.example mina@mail.example",
        "mail müller@straße.example.",
    ] {
        assert_eq!(tokens(text), "mail", "{text}");
        assert!(Tokens::of(text).mentions.is_empty(), "{text}");
    }
    assert_eq!(tokens("메일mina@mail.example 문의"), "메일 일 문의 의");
    assert_eq!(Tokens::of("인스타@mina.kim").mentions, ["mina.kim"]);
}

#[test]
fn folding_twice_is_folding_once() {
    let odd: String = ('\u{0}'..='\u{3ffff}').step_by(7).collect();
    let every: Vec<char> = odd.chars().collect();
    for part in every.chunks(64) {
        let text: String = part.iter().collect();
        let once = fold(&text).into_owned();
        assert_eq!(fold(&once), once, "{text:?}");
    }
}

#[test]
fn a_short_cut_gives_what_the_long_way_gives() {
    for c in '\u{0}'..='\u{1ffff}' {
        let text = format!("A{c}");
        let long = fold(&format!("{text}\u{feff}")).into_owned();
        assert_eq!(fold(&text), long, "{c:?}");
    }
}

#[test]
fn tokens_hold_no_white_space_and_everything_is_bounded() {
    let nasty = "a\u{2028}b\u{85}c\u{1680}d\u{202f}e\0f\u{3000}g";
    assert_eq!(tokens(nasty), "a b c d e f g");
    let long = Tokens::of(&"x".repeat(100_000));
    assert_eq!(long.joined.len(), MAX_WORD);
    assert!(Tokens::of(&"\u{fdfa}".repeat(100_000)).joined.chars().count() <= 2 * MAX_TEXT);
    assert!(Tokens::of(&"뷰".repeat(100_000)).joined.chars().count() <= 3 * MAX_TEXT);
    let joined = Tokens::of(&["👩"; 1_000].join("\u{200d}")).joined;
    assert!(joined.contains(' ') && joined.split(' ').all(|token| token.chars().count() <= MAX_WORD));
    assert_eq!(keyword(&"y ".repeat(10_000)).chars().count(), MAX_KEYWORD);
}

#[test]
fn keywords_are_folded_as_a_whole() {
    assert_eq!(keyword("  Skin \n Care "), "skin care");
    assert_eq!(keyword("KR"), "kr");
}
