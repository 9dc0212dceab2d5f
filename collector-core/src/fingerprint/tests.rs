use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json as value};

use super::*;

fn of(body: &str) -> Digest {
    json(body.as_bytes(), &Volatile::default()).unwrap_or_else(|| panic!("not valid: {body}"))
}

fn of_value(document: &Value) -> Digest {
    of(&document.to_string())
}

/// A document with its members written in an order of their own.
fn shuffled(document: &Value, random: &mut StdRng) -> String {
    match document {
        Value::Object(members) => {
            let mut parts: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(&**key), shuffled(value, random)))
                .collect();
            parts.shuffle(random);
            format!("{{ {} }}", parts.join(" ,\n"))
        }
        Value::Array(elements) => {
            let parts: Vec<String> = elements.iter().map(|element| shuffled(element, random)).collect();
            format!("[ {}]", parts.join(", "))
        }
        leaf => leaf.to_string(),
    }
}

fn random_document(random: &mut StdRng, depth: u32) -> Value {
    match random.random_range(0..if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => random.random::<bool>().into(),
        2 => random.random::<u64>().into(),
        3 => random.random::<i64>().into(),
        4 => random.random::<f64>().into(),
        5 => format!("뷰티 \"{}\" \\ 🎀", random.random::<u16>()).into(),
        6 => (0..random.random_range(0..5)).map(|_| random_document(random, depth - 1)).collect(),
        _ => {
            let members = (0..random.random_range(0..6))
                .map(|i| (format!("k{i}"), random_document(random, depth - 1)))
                .collect::<Map<_, _>>();
            members.into()
        }
    }
}

/// Changes one leaf; an empty array or object counts as one.
fn change_a_leaf(document: &mut Value, random: &mut StdRng) {
    match document {
        Value::Object(members) if !members.is_empty() => {
            let at = random.random_range(0..members.len());
            if let Some(member) = members.values_mut().nth(at) {
                change_a_leaf(member, random);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            let at = random.random_range(0..elements.len());
            change_a_leaf(&mut elements[at], random);
        }
        leaf => *leaf = format!("changed {}", random.random::<u64>()).into(),
    }
}

#[test]
fn shuffled_keys_are_equal_and_a_changed_leaf_differs() {
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..2_000 {
        let document = random_document(&mut random, 4);
        let fingerprint = of_value(&document);
        assert_eq!(of(&shuffled(&document, &mut random)), fingerprint, "{document}");
        let mut changed = document.clone();
        change_a_leaf(&mut changed, &mut random);
        assert_ne!(of_value(&changed), fingerprint, "{document} and {changed}");
    }
}

#[test]
fn what_says_something_else_differs() {
    let documents = [
        r#"{"a":1,"b":2}"#,
        r#"{"a":2,"b":1}"#,
        r#"{"a":1}"#,
        r#"{"a":1,"b":2,"c":null}"#,
        r#"{"x":{"a":1},"y":{"a":2}}"#,
        r#"{"x":{"a":2},"y":{"a":1}}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"b":{"a":1}}"#,
        r#"[1,2,3]"#,
        r#"[1,3,2]"#,
        r#"[[1,2],3]"#,
        r#"[1,[2,3]]"#,
        r#"[[1],[2],[3]]"#,
        r#"[{"a":1},{"b":2}]"#,
        r#"[{"b":2},{"a":1}]"#,
        r#"["a",1,"b",2]"#,
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "[null]",
        r#""""#,
        "null",
        "false",
        "true",
        "0",
        "1",
        "-1",
        "1.5",
        "-1.5",
        r#""1""#,
        r#""null""#,
        r#""true""#,
        r#"{"a":[1],"b":[2]}"#,
        r#"{"a":[2],"b":[1]}"#,
        r#"{"a":1,"a":1}"#,
    ];
    for (i, one) in documents.iter().enumerate() {
        for other in &documents[i + 1..] {
            assert_ne!(of(one), of(other), "{one} and {other}");
        }
    }
}

#[test]
fn two_equal_elements_do_not_cancel_out() {
    assert_ne!(of("[5,5]"), of("[6,6]"));
    assert_ne!(of(r#"{"a":5,"b":5}"#), of(r#"{"a":6,"b":6}"#));
}

#[test]
fn how_a_text_is_written_does_not_count() {
    assert_eq!(of(r#"{"caf\u00e9": "a\/b \ud83c\udf80"}"#), of(" {\"caf\u{e9}\" : \"a/b 🎀\"}\n"));
}

#[test]
fn a_volatile_key_is_skipped_at_any_depth() {
    let volatile = Volatile::new(&["request_id", "now"]);
    let of = |document: Value| json(document.to_string().as_bytes(), &volatile);
    let answer =
        |id: Value, now: Value| value!({"now": now, "data": [{"user": {"request_id": id, "name": "x"}}]});
    assert_eq!(of(answer(1.into(), 2.into())), of(answer("other".into(), value!({"deep": [1, {"a": 2}]}))));
    assert_eq!(of(answer(1.into(), 2.into())), of(value!({"data": [{"user": {"name": "x"}}]})));
    assert_ne!(of(answer(1.into(), 2.into())), of(value!({"data": [{"user": {"name": "y"}}]})));
    // Only keys are volatile, not the values that read the same, and only whole keys.
    assert_ne!(of(value!({"a": "now"})), of(value!({"a": "then"})));
    assert_ne!(of(value!({"not": 1})), of(value!({"not": 2})));
    assert_ne!(of(value!({"nowadays": 1})), of(value!({"nowadays": 2})));
}

#[test]
fn an_escaped_volatile_key_is_recognised() {
    let volatile = Volatile::new(&["request/id"]);
    assert_eq!(json(br#"{"request\/id":1}"#, &volatile), json(b"{}", &volatile));
}

#[test]
fn the_query_of_a_signed_link_is_left_out() {
    let of = |link: &str| of_value(&value!({ "avatar": link }));
    let signed = of("https://p16.example/a~tplv.jpeg?x-expires=1&x-signature=abc");
    assert_eq!(signed, of("https://p16.example/a~tplv.jpeg?x-expires=2&x-signature=def"));
    assert_ne!(signed, of("https://p16.example/b~tplv.jpeg?x-expires=1&x-signature=abc"));
    assert_ne!(signed, of("http://p16.example/a~tplv.jpeg?x-expires=1&x-signature=abc"));
    assert_eq!(of("http://a.example/x?token=1#top"), of("http://a.example/x?token=2#top"));
    assert_ne!(of("http://a.example/x?token=1#top"), of("http://a.example/x?token=1#end"));
    // A link that is not signed says what it says.
    assert_ne!(of("http://a.example/watch?v=1"), of("http://a.example/watch?v=2"));
    assert_ne!(of("http://a.example/x#?1"), of("http://a.example/x#?2"));
    // As vendors write it.
    assert_eq!(
        super::tests::of(r#"{"avatar":"https:\/\/p16.example\/a~tplv.jpeg?x-expires=1\u0026x-signature=2"}"#),
        signed
    );
}

#[test]
fn a_text_that_is_no_link_counts_in_full() {
    assert_ne!(of(r#""who? me""#), of(r#""who? you""#));
    assert_ne!(of(r#""https://a.example/?x and then""#), of(r#""https://a.example/?x and so on""#));
    assert_ne!(of(r#""https://a.example/?x\nfirst""#), of(r#""https://a.example/?x\nsecond""#));
    assert_ne!(of(r#""ftp://a.example/?x""#), of(r#""ftp://a.example/?y""#));
}

#[test]
fn wide_integers_do_not_collide() {
    let numbers = [
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "-9223372036854775808",
        "-9223372036854775809",
        "-9223372036854775810",
        "340282366920938463463374607431768211456",
        "340282366920938463463374607431768211457",
        "1e300",
    ];
    for (i, one) in numbers.iter().enumerate() {
        for other in &numbers[i + 1..] {
            assert_ne!(of(one), of(other));
            let (one, other) = (format!(r#"{{"a":[{one},"x\"1"]}}"#), format!(r#"{{"a":[{other},"x\"1"]}}"#));
            assert_ne!(of(&one), of(&other));
        }
    }
    assert_ne!(of("18446744073709551616"), of(r#""18446744073709551616""#));
}

#[test]
fn wide_integers_spoil_nothing_around_them() {
    let volatile = Volatile::new(&["v"]);
    let of = |body: &str| json(body.as_bytes(), &volatile).unwrap();
    let one = of(
        r#"{"n":18446744073709551617,"t":"\\ \"-18446744073709551617\" 뷰","v":18446744073709551618,"z":[1,-2.5e3]}"#,
    );
    let two = of(r#"{"z":[1,-2.5e3],"v":3,"t":"\\ \"-18446744073709551617\" 뷰","n":18446744073709551617}"#);
    assert_eq!(one, two);
    assert_eq!(
        quote_wide_integers(
            r#"["1\\",-18446744073709551616,"2\"18446744073709551616",1e5,123456789012345678]"#
        ),
        r#"["1\\","\u0000-18446744073709551616","2\"18446744073709551616",1e5,123456789012345678]"#
    );
}

#[test]
fn what_is_not_json_has_no_fingerprint() {
    for body in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "1 2",
        "{\"a\"}",
        "nul",
        "\"\\ud800\"",
        "01",
        "[1}",
        "<html>",
        "\"a\nb\"",
    ] {
        assert_eq!(json(body.as_bytes(), &Volatile::default()), None, "{body}");
    }
    assert_eq!(json(b"\"\xff\"", &Volatile::default()), None);
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(json(nested(100).as_bytes(), &Volatile::default()).is_some());
        assert_eq!(json(nested(200).as_bytes(), &Volatile::default()), None);
        assert_eq!(json(nested(1_000_000).as_bytes(), &Volatile::default()), None);
        // Also below a key that is skipped.
        let skipped = format!("{{\"skip\":{}}}", nested(1_000_000));
        json(skipped.as_bytes(), &Volatile::new(&["skip"]));
    }
}

/// What a reader may make of a document; what it does not name is skipped.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Known<'a> {
    #[serde(borrow)]
    k0: Option<std::borrow::Cow<'a, str>>,
    k1: Option<Box<Known<'a>>>,
    #[serde(default)]
    k2: Vec<Value>,
    k3: Option<f64>,
}

#[test]
fn reading_gives_the_same_value_and_the_same_fingerprint_in_one_go() {
    let mut random = StdRng::seed_from_u64(11);
    let volatile = Volatile::new(&["k2"]);
    let mut read_by_type = 0;
    for _ in 0..2_000 {
        let document = random_document(&mut random, 4);
        let text = shuffled(&document, &mut random);
        let print = json(text.as_bytes(), &volatile);
        assert!(print.is_some(), "{text}");
        let (again, same) = read::<Value>(text.as_bytes(), &volatile).unwrap();
        assert_eq!((again, same), (serde_json::from_str(&text).unwrap(), print), "{text}");
        assert_eq!(read::<IgnoredAny>(text.as_bytes(), &volatile).unwrap().1, print, "{text}");
        if let Ok(known) = serde_json::from_str::<Known<'_>>(&text) {
            read_by_type += 1;
            assert_eq!(read::<Known<'_>>(text.as_bytes(), &volatile).unwrap(), (known, print), "{text}");
        } else {
            assert!(read::<Known<'_>>(text.as_bytes(), &volatile).is_err(), "{text}");
        }
    }
    assert!(read_by_type > 30, "{read_by_type}");
}

#[test]
fn what_cannot_be_seen_in_one_go_is_read_twice() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    enum Mark {
        A(u8),
    }
    #[derive(serde::Deserialize)]
    struct Odd<'a> {
        #[serde(borrow)]
        raw: &'a serde_json::value::RawValue,
        mark: Mark,
    }
    for text in [
        r#"{"raw":{"b":1,"a":[2]},"mark":{"A":3},"more":"x"}"#,
        r#"{"raw":123456789012345678901234567890,"mark":{"A":3},"more":12345678901234567890123}"#,
    ] {
        let (odd, print) = read::<Odd<'_>>(text.as_bytes(), &Volatile::default()).unwrap();
        assert_eq!((odd.mark, print), (Mark::A(3), Some(of(text))));
        assert!(text.contains(odd.raw.get()));
    }
    let (_, print) = read::<IgnoredAny>(b"[123456789012345678901]", &Volatile::default()).unwrap();
    assert_eq!(print, Some(of("[123456789012345678901]")));
}

#[test]
fn what_is_read_but_too_deep_to_be_compared_has_no_fingerprint() {
    let deep = format!("{{\"a\":1,\"b\":{}{}}}", "[".repeat(200), "]".repeat(200));
    #[derive(serde::Deserialize)]
    struct Shallow {
        a: u8,
    }
    let (read_back, print) = read::<Shallow>(deep.as_bytes(), &Volatile::default()).unwrap();
    assert_eq!((read_back.a, print), (1, None));
    assert!(read::<Shallow>(b"{\"a\":1} x", &Volatile::default()).is_err(), "something stands behind it");
}
