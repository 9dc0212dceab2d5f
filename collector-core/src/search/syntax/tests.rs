use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::search::query::{Bound, Filter, Scope, Term, Test};
use crate::search::{Direction, Plan, Sort};

fn parse(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{}\n{error}", error.pointer(text)))
}

fn only(text: &str) -> Filter {
    let mut query = parse(text);
    assert_eq!((query.filters.len(), query.terms.len()), (1, 0), "{text}");
    query.filters.remove(0)
}

fn within(text: &str) -> (Option<Bound>, Option<Bound>) {
    match only(text).any[..] {
        [Test::Within(from, to)] => (from, to),
        ref other => panic!("{text}: {other:?}"),
    }
}

fn at(value: i64) -> Option<Bound> {
    Some(Bound::At(value))
}

#[test]
fn the_example_of_the_page() {
    let query = parse(
        r#"country:kr,jp followers:10k..100k er:>=3% -shop "skin care" has:email last_post:<30d sort:followers"#,
    );
    let shop = Term { excluded: true, ..Term::new("shop") };
    assert_eq!(query.terms, [shop, Term::new("skin care")]);
    let is = |value: &str| Test::Is(value.to_owned());
    let month = Duration::from_secs(30 * 86_400);
    let expected = [
        Filter::new(SearchField::Country, [is("kr"), is("jp")]),
        Filter::new(SearchField::Followers, [Test::Within(at(10_000), at(100_000))]),
        Filter::new(SearchField::EngagementRate, [Test::Within(at(30_000), None)]),
        Filter::new(SearchField::HasEmail, [Test::from(true)]),
        Filter::new(SearchField::LastPostAt, [Test::Within(Some(Bound::Ago(month)), None)]),
    ];
    assert_eq!(query.filters, expected);
    assert_eq!(query.sort, Some(Sort::By(SearchField::Followers, Direction::Descending)));
}

#[test]
fn ranges_and_comparisons() {
    assert_eq!(within("f:10k.."), (at(10_000), None));
    assert_eq!(within("f:..1.5m"), (None, at(1_500_000)));
    assert_eq!(within("f:>10k"), (at(10_001), None));
    assert_eq!(within("f:<10k"), (None, at(9_999)));
    assert_eq!(within("f:=10_000"), (at(10_000), at(10_000)));
    assert_eq!(within("f:7"), (at(7), at(7)));
    assert_eq!(within("f:3만..2억"), (at(30_000), at(200_000_000)));
    assert_eq!(within("er:1%..2.5%"), (at(10_000), at(25_000)));
    assert_eq!(within("er:>0.03"), (at(30_001), None));
}

#[test]
fn times_are_dates_or_ages() {
    let day = |text: &str| Some(Bound::At(text.parse::<Timestamp>().unwrap().as_millis()));
    let ago = |days: u64| Some(Bound::Ago(Duration::from_secs(days * 86_400)));
    assert_eq!(within("created:2024-02"), (day("2024-02-01T00:00:00Z"), day("2024-02-29T23:59:59.999Z")));
    assert_eq!(within("created:2023..2024"), (day("2023-01-01T00:00:00Z"), day("2024-12-31T23:59:59.999Z")));
    assert_eq!(within("created:>2024-05-01"), (day("2024-05-02T00:00:00Z"), None));
    assert_eq!(
        within("created:2024-05-01T10:00:00Z"),
        (day("2024-05-01T10:00:00Z"), day("2024-05-01T10:00:00Z"))
    );
    assert_eq!(within("last_post:<30d"), (ago(30), None));
    assert_eq!(within("last_post:>30d"), (None, ago(30)));
    assert_eq!(within("last_post:7d..30d"), (ago(30), ago(7)));
    assert_eq!(within("last_post:..30d"), (ago(30), None));
    assert_eq!(within("last_post:2w.."), (None, ago(14)));
}

#[test]
fn flags_known_and_unknown() {
    assert_eq!(only("has:shop"), Filter::new(SearchField::HasShop, [Test::from(true)]));
    assert_eq!(only("has:bio"), Filter::new(SearchField::Bio, [Test::Known]));
    assert_eq!(only("-is:private"), Filter::not(SearchField::Private, [Test::from(true)]));
    assert_eq!(only("verified:no"), Filter::new(SearchField::Verified, [Test::from(false)]));
    assert_eq!(only("unknown:country"), Filter::not(SearchField::Country, [Test::Known]));
    assert_eq!(only("-unknown:country"), Filter::new(SearchField::Country, [Test::Known]));
    assert_eq!(parse("has:email,shop").filters.len(), 2);
}

#[test]
fn words_marks_and_quotes() {
    let scoped = |text: &str, scope| Term { scope, ..Term::new(text) };
    assert_eq!(
        parse("뷰티 10:30 ab*").terms[1..],
        [Term::new("10:30"), Term { prefix: true, ..Term::new("ab") }]
    );
    assert_eq!(parse(r#""say \"hi\" \\""#).terms, [Term::new(r#"say "hi" \"#)]);
    assert_eq!(parse("@Mina.K").terms, [scoped("Mina.K", Scope::Handle)]);
    assert_eq!(parse("bio:\"a b\"").terms, [scoped("a b", Scope::Field(SearchField::Bio))]);
    assert_eq!(parse("who:mi*").terms, [Term { prefix: true, ..scoped("mi", Scope::Who) }]);
    assert_eq!(only("#뷰티"), Filter::new(SearchField::Hashtag, [Test::Is("뷰티".into())]));
    assert_eq!(only(r#"category:"skin, care",food"#).any.len(), 2);
    assert_eq!(parse("   "), Query::all());
}

#[test]
fn options_and_text_are_one_query() {
    let mut query = parse("\"skin care\"");
    for (name, value) in [
        ("country", "KR"),
        ("followers", "10k..100k"),
        ("has", "email"),
        ("category", "a b,c"),
        ("sort", "er"),
    ] {
        query.condition(name, value).unwrap();
    }
    assert_eq!(
        query,
        parse(r#""skin care" country:KR followers:10k..100k has:email category:"a b",c sort:er"#)
    );
    let error = query.condition("followers", "1..x").unwrap_err();
    assert_eq!((error.start, error.end), (0, 4));
}

#[test]
fn faults_point_at_the_character() {
    let points = |text: &str| {
        let error = Query::parse(text).unwrap_err();
        (text.get(error.start..error.end).unwrap().to_owned(), error.message)
    };
    let (at, message) = points("뷰티 folowers:10k");
    assert_eq!((at.as_str(), message.contains("did you mean `followers`?")), ("folowers", true), "{message}");
    for (text, at) in [
        ("a followers:10q", "10q"),
        ("followers:5..1", "5..1"),
        ("followers:", ""),
        ("followers:..", ".."),
        ("followers:\"10\"", "\"10\""),
        ("er:3", "3"),
        ("er:3..5%", "3..5%"),
        ("last_post:30d..7d", "30d..7d"),
        ("last_post:2024..7d", "2024..7d"),
        ("created:2024-13", "2024-13"),
        ("created:99999", "99999"),
        ("is:country", "country"),
        ("has:emial", "emial"),
        ("verified:maybe", "maybe"),
        ("sort:bio", "bio"),
        ("sort:followers:up", "followers:up"),
        ("sort:f sort:er", "er"),
        ("country:kr,,jp", ""),
        ("x \"open", "\"open"),
        ("country:\"kr\"jp", ""),
        ("a - b", "-"),
        ("... x", "..."),
        ("name:", "name"),
        ("#", "#"),
        ("known:list", "list"),
        ("f:99999999999999999999", "99999999999999999999"),
        ("last_post:<99999999999999y", "<99999999999999y"),
    ] {
        assert_eq!(points(text).0, at, "{text}: {}", points(text).1);
    }
    assert!(Query::parse(&"a ".repeat(MAX_LENGTH)).is_err());
}

#[test]
fn the_pointer_counts_wide_characters_twice() {
    let text = "뷰티 folowers:1";
    let error = Query::parse(text).unwrap_err();
    assert_eq!(error.pointer(text), format!("{text}\n     ^^^^^^^^"));
    assert_eq!(error.character(text), 4);
}

#[test]
fn what_is_written_is_read_back() {
    for text in [
        r#"a "b c" -d who:mi* @x name:"q\"\\" bio:z*"#,
        "country:kr,us -verified:yes unknown:bio has:email",
        "f:1..2 f:..5 f:>3 er:1.2345%.. er:0.5",
        "created:2024 last_post:<90m last_post:7d..30d as_of:>5h",
        "#tag list:\"spring 1\" sort:er:asc",
        "a sort:relevance",
    ] {
        let query = parse(text);
        assert_eq!(parse(&query.to_string()), query, "{text} -> {query}");
    }
}

/// Every text is read or refused at a place within it, and never more than bounded.
#[test]
fn no_text_is_too_strange() {
    let bits = [
        ":",
        "\"",
        "-",
        "#",
        "@",
        ",",
        "..",
        "*",
        "\\",
        " ",
        "뷰",
        "👩‍🍳",
        "f",
        "er",
        "has",
        "sort",
        "10k",
        "<",
        "30d",
        "\u{202e}",
        "\0",
    ];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(bits[(state >> 33) as usize % bits.len()]);
        }
        match Query::parse(&text) {
            Ok(query) => {
                assert_eq!(Query::parse(&query.to_string()).as_ref(), Ok(&query), "{text:?} -> {query}");
                drop(Plan::new(&query, Timestamp::from_secs(0)));
            }
            Err(error) => {
                assert!(text.get(error.start..error.end).is_some(), "{text:?}: {error:?}");
                assert!(error.pointer(&text).starts_with(&text));
            }
        }
    }
}
