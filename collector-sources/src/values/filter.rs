//! The closed list of filters.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use url::Url;

use super::date::{self, Order};
use super::number::{self, Point};
use super::{country, language};

/// Longest text a value may be made of, in bytes; more is cut off at a character.
const LONGEST_TEXT: usize = 64 << 10;

/// Why a filter could make nothing of a value. Shows the kind of the value and never more than a few characters of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    filter: Filter,
    found: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (example, _) = self.filter.example();
        write!(f, "`{}` cannot use {}: it takes values such as `{example}`", self.filter, self.found)
    }
}

impl std::error::Error for Unfit {}

macro_rules! filters {
    ($(#[doc = $says:literal] $filter:ident $name:literal: $from:literal => $to:literal;)*) => {
        /// One conversion of a value. Every one takes `null` to `null`, and a list element by element unless it says
        /// otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Filter {
            $(
                #[doc = $says]
                #[doc = concat!("\n\n`", $from, "` becomes `", $to, "`.")]
                #[serde(rename = $name)]
                $filter,
            )*
        }

        impl Filter {
            /// Every filter.
            pub const ALL: &[Self] = &[$(Self::$filter,)*];

            /// Its name in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$filter => $name,)* }
            }

            /// What it does, as a sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$filter => $says.trim_ascii(),)* }
            }

            /// A value it takes and what it makes of it, both as JSON.
            pub const fn example(self) -> (&'static str, &'static str) {
                match self { $(Self::$filter => ($from, $to),)* }
            }
        }
    };
}

filters! {
    /// Makes text of a number or flag.
    Text "text": "12" => "\"12\"";
    /// Takes white space and invisible characters off both ends; what is empty then is unknown.
    Trim "trim": "\" Mina \"" => "\"Mina\"";
    /// Puts one space where there was any white space, and trims.
    Squeeze "squeeze": "\"Mina\\n  Kim\"" => "\"Mina Kim\"";
    /// Makes letters small.
    Lower "lower": "\"Mina\"" => "\"mina\"";
    /// Makes letters large.
    Upper "upper": "\"kr\"" => "\"KR\"";
    /// A whole number, also one written as text; what has another character is refused.
    Int "int": "\"-12\"" => "-12";
    /// A number with a fraction; `.` stands before the fraction.
    Number "number": "\"1,234.5\"" => "1234.5";
    /// A number with a fraction; `,` stands before the fraction.
    NumberComma "number_comma": "\"1.234,5\"" => "1234.5";
    /// How many: words such as `k`, `m`, `만`, `Mio` and separators count; the result is whole.
    Count "count": "\"32.5m\"" => "32500000";
    /// The same where `,` stands before the fraction: `1.234 Mio` are 1,234 million.
    CountComma "count_comma": "\"1,2 Mio\"" => "1200000";
    /// A share of one hundred as a share of one, with or without the sign.
    Percent "percent": "\"16.60%\"" => "0.166";
    /// The same where `,` stands before the fraction.
    PercentComma "percent_comma": "\"16,60 %\"" => "0.166";
    /// An amount in hundredths; a currency's sign or code is left out.
    Hundredths "hundredths": "\"$1,234.5\"" => "123450";
    /// The same where `,` stands before the fraction.
    HundredthsComma "hundredths_comma": "\"1.234,56 €\"" => "123456";
    /// Yes or no: `true`, `1`, `yes` and `y` against `false`, `0`, `no` and `n`.
    Flag "flag": "\"1\"" => "true";
    /// Whether there is anything: text, a number other than 0, a list with elements.
    Present "present": "\"badge\"" => "true";
    /// A moment in seconds since 1970; 0 is unknown.
    UnixSeconds "unix_s": "1769862600" => "\"2026-01-31T12:30:00Z\"";
    /// A moment in milliseconds since 1970; 0 is unknown.
    UnixMillis "unix_ms": "1769862600000" => "\"2026-01-31T12:30:00Z\"";
    /// A moment or day in a form that has one meaning only, with names of months in English; UTC where no zone is told.
    Date "date": "\"Jan 31, 2026\"" => "\"2026-01-31T00:00:00Z\"";
    /// The same, and of numbers alone the day comes first.
    DateDayFirst "date_dmy": "\"31/01/2026\"" => "\"2026-01-31T00:00:00Z\"";
    /// The same, and of numbers alone the month comes first.
    DateMonthFirst "date_mdy": "\"01/31/2026\"" => "\"2026-01-31T00:00:00Z\"";
    /// A country by ISO 3166 code, flag or name, as two letters.
    Country "country": "\"South Korea\"" => "\"KR\"";
    /// A language by tag or name, as ISO 639.
    Language "language": "\"en-US\"" => "\"en\"";
    /// A handle without `@`, also out of a link to a profile.
    Handle "handle": "\"https://www.tiktok.com/@mina.k?lang=en\"" => "\"mina.k\"";
    /// A complete link; `https://` is added where no scheme is.
    Url "url": "\"//example.com/a\"" => "\"https://example.com/a\"";
    /// Texts between commas, as a list.
    Split "split": "\"beauty, food\"" => "[\"beauty\",\"food\"]";
    /// The first element of a list that is known.
    First "first": "[null,\"a\",\"b\"]" => "\"a\"";
    /// The number of elements of a list.
    Length "length": "[1,2]" => "2";
    /// JSON that was written as text.
    Json "json": "\"{\\\"a\\\":1}\"" => "{\"a\":1}";
    /// 0 is unknown, also as text.
    ZeroIsUnknown "zero_is_unknown": "0" => "null";
    /// Numbers below 0 are unknown.
    NegativeIsUnknown "negative_is_unknown": "-1" => "null";
    /// Empty text, lists and objects are unknown.
    EmptyIsUnknown "empty_is_unknown": "\"\"" => "null";
    /// What people write for nothing is unknown: `-`, `–`, `n/a`, `none`, `null`, `unknown`, `undefined`.
    DashIsUnknown "dash_is_unknown": "\"N/A\"" => "null";
}

impl Filter {
    /// The filter with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|filter| filter.name() == name)
    }

    /// What it makes of a value; `null` when nothing is known.
    ///
    /// # Errors
    /// When it can make nothing of a value of this kind or text.
    pub fn apply(self, value: &Value) -> Result<Value, Unfit> {
        match value {
            Value::Null => Ok(Value::Null),
            Value::Array(elements) if !self.takes_lists() => {
                elements.iter().map(|element| self.apply(element)).collect::<Result<_, _>>().map(Value::Array)
            }
            value => self.convert(value).ok_or_else(|| Unfit { filter: self, found: shown(value) }),
        }
    }

    /// Whether it is about a list as a whole.
    fn takes_lists(self) -> bool {
        matches!(self, Self::First | Self::Length | Self::Present | Self::EmptyIsUnknown)
    }

    /// The value, or `None` for one it can make nothing of.
    fn convert(self, value: &Value) -> Option<Value> {
        match self {
            Self::Text => text(value).map(Value::from),
            Self::Trim => text(value).map(|text| known(text.trim_matches(is_blank))),
            Self::Squeeze => text(value).map(|text| known(&squeezed(&text))),
            Self::Lower => text(value).map(|text| text.to_lowercase().into()),
            Self::Upper => text(value).map(|text| text.to_uppercase().into()),
            Self::Int => int(value),
            Self::Number => float(value, |text| number::decimal(text, Point::Dot)),
            Self::NumberComma => float(value, |text| number::decimal(text, Point::Comma)),
            Self::Count => count(value, |text| number::count(text, Point::Dot)),
            Self::CountComma => count(value, |text| number::count(text, Point::Comma)),
            Self::Percent => share(value, Point::Dot),
            Self::PercentComma => share(value, Point::Comma),
            Self::Hundredths => {
                number::hundredths(&written(value)?, dot_for_numbers(value, Point::Dot)).map(Value::from)
            }
            Self::HundredthsComma => {
                number::hundredths(&written(value)?, dot_for_numbers(value, Point::Comma)).map(Value::from)
            }
            Self::Flag => flag(value),
            Self::Present => Some(is_present(value).into()),
            Self::UnixSeconds => unix(value, false),
            Self::UnixMillis => unix(value, true),
            Self::Date => moment(value, Order::Plain),
            Self::DateDayFirst => moment(value, Order::DayFirst),
            Self::DateMonthFirst => moment(value, Order::MonthFirst),
            Self::Country => country::code(value.as_str()?).map(Value::from),
            Self::Language => language::code(value.as_str()?).map(Value::from),
            Self::Handle => handle(&text(value)?).map(Value::from),
            Self::Url => link(value.as_str()?).map(Value::from),
            Self::Split => {
                let parts =
                    value.as_str()?.split([',', '，', ';', '|']).map(|part| part.trim_matches(is_blank));
                Some(parts.filter(|part| !part.is_empty()).map(Value::from).collect())
            }
            Self::First => {
                Some(value.as_array()?.iter().find(|element| !element.is_null()).cloned().unwrap_or_default())
            }
            Self::Length => Some(value.as_array()?.len().into()),
            Self::Json => serde_json::from_str(value.as_str()?).ok(),
            Self::ZeroIsUnknown => Some(unless(value, is_zero(value))),
            Self::NegativeIsUnknown => Some(unless(value, is_negative(value))),
            Self::EmptyIsUnknown => Some(unless(value, is_empty(value))),
            Self::DashIsUnknown => Some(unless(value, is_dash(value))),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Sends a value through filters, one after the other.
///
/// # Errors
/// What the first filter says that can make nothing of it.
pub fn apply_all(filters: &[Filter], value: Value) -> Result<Value, Unfit> {
    filters.iter().try_fold(value, |value, filter| filter.apply(&value))
}

/// What a value looks like in a message: its kind, and of text or numbers the beginning. Text with an `@` may be an
/// address, and is not shown.
fn shown(value: &Value) -> String {
    const MOST: usize = 24;
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("the flag {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.contains(['@', '＠']) => {
            format!("a text of {} characters", text.chars().count())
        }
        Value::String(text) if text.chars().count() > MOST => {
            format!("the text {:?}…", text.chars().take(MOST).collect::<String>())
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// White space, and what is invisible at the ends of texts: zero-width characters and marks of direction.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\0')
}

fn squeezed(text: &str) -> String {
    text.split(char::is_whitespace)
        .map(|word| word.trim_matches(is_blank))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.get(..text.floor_char_boundary(LONGEST_TEXT))?.to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The text, or `null` when it is empty.
fn known(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Text or number as written.
fn written(value: &Value) -> Option<String> {
    (value.is_string() || value.is_number()).then(|| text(value))?
}

/// Numbers of JSON have their point, whatever the locale of texts.
fn dot_for_numbers(value: &Value, point: Point) -> Point {
    if value.is_number() { Point::Dot } else { point }
}

fn int(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(value.clone()),
        Value::Number(number) => {
            // Up to 2^53 every whole number is exact.
            let float = number.as_f64()?;
            let exact = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
            exact.then(|| Value::from(float as i64))
        }
        Value::String(text) => {
            let text = text.trim_matches(is_blank);
            let signed = || text.parse::<i64>().ok().map(Value::from);
            text.parse::<u64>().ok().map(Value::from).or_else(signed)
        }
        _ => None,
    }
}

fn float(value: &Value, read: impl Fn(&str) -> Option<f64>) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => number(read(text.trim_matches(is_blank))?),
        _ => None,
    }
}

fn number(float: f64) -> Option<Value> {
    Number::from_f64(float).map(Value::Number)
}

fn share(value: &Value, point: Point) -> Option<Value> {
    number(number::percent(&written(value)?, dot_for_numbers(value, point))?)
}

fn count(value: &Value, read: impl Fn(&str) -> Option<u64>) -> Option<Value> {
    match value {
        Value::Number(_) => int(value).filter(|number| number.is_u64()),
        Value::String(text) => read(text.trim_matches(is_blank)).map(Value::from),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<Value> {
    let flag = match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64()? != 0.0,
        Value::String(text) => match text.trim_matches(is_blank).to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "y" => true,
            "0" | "false" | "no" | "n" => false,
            "" => return Some(Value::Null),
            _ => return None,
        },
        _ => return None,
    };
    Some(flag.into())
}

fn unix(value: &Value, millis: bool) -> Option<Value> {
    let number = int(value)?.as_i64()?;
    if number == 0 {
        return Some(Value::Null);
    }
    date::unix(number, millis).map(|moment| moment.to_string().into())
}

fn moment(value: &Value, order: Order) -> Option<Value> {
    date::moment(value.as_str()?, order).map(|moment| moment.to_string().into())
}

/// The name itself, or the last part of a link that is one.
fn handle(text: &str) -> Option<String> {
    let text = text.trim_matches(is_blank);
    let part = match text.split_once("://") {
        Some((_, address)) => {
            let path = address.split(['?', '#']).next().unwrap_or_default();
            let parts = || path.split('/').skip(1).filter(|part| !part.is_empty());
            parts().find(|part| part.starts_with('@')).or_else(|| parts().last())?
        }
        None => text,
    };
    let bare = part.strip_prefix(['@', '＠']).unwrap_or(part);
    let good =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '@' | '?' | '#' | '<' | '>');
    (!bare.is_empty() && bare.chars().count() <= 100 && bare.chars().all(good)).then(|| bare.to_owned())
}

fn link(text: &str) -> Option<String> {
    const LONGEST: usize = 2_048;
    let text = text.trim_matches(is_blank);
    let whole = match text.strip_prefix("//") {
        Some(rest) => format!("https://{rest}"),
        None if text.contains("://") => text.to_owned(),
        None => format!("https://{text}"),
    };
    let url = Url::parse(&whole).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().is_some_and(|host| host.contains('.') || text.contains("://"));
    (matches!(url.scheme(), "http" | "https") && plain && host && whole.len() <= LONGEST).then_some(whole)
}

fn unless(value: &Value, unknown: bool) -> Value {
    if unknown { Value::Null } else { value.clone() }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().parse::<f64>() == Ok(0.0),
        _ => false,
    }
}

fn is_negative(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number < 0.0),
        Value::String(text) => text.trim().parse::<f64>().is_ok_and(|number| number < 0.0),
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim_matches(is_blank).is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn is_dash(value: &Value) -> bool {
    const NOTHING: [&str; 11] =
        ["", "-", "–", "—", "--", "n/a", "na", "none", "null", "unknown", "undefined"];
    let text = value.as_str().map(|text| text.trim_matches(is_blank).to_ascii_lowercase());
    text.is_some_and(|text| NOTHING.contains(&text.as_str()))
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        value => !is_empty(value) && !matches!(value, Value::Number(_) if is_zero(value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_filter_does_what_its_example_says_and_has_one_name() {
        for filter in Filter::ALL {
            let (from, to) = filter.example();
            let value: Value = serde_json::from_str(from).unwrap();
            assert_eq!(filter.apply(&value).unwrap().to_string(), to, "{filter}");
            assert_eq!(Filter::from_name(filter.name()), Some(*filter));
            assert_eq!(serde_json::to_value(filter).unwrap(), json!(filter.name()));
            assert!(filter.description().ends_with('.'), "{filter}");
        }
        assert_eq!(Filter::from_name("no_such"), None);
    }

    #[test]
    fn unknown_stays_unknown_in_every_filter() {
        for filter in Filter::ALL {
            assert_eq!(filter.apply(&Value::Null), Ok(Value::Null), "{filter}");
        }
    }

    #[test]
    fn no_filter_panics_whatever_it_is_given() {
        let odd = [
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!(""),
            json!("\u{0}"),
            json!("é".repeat(100_000)),
            json!("https://"),
            json!("@"),
            json!("١٢٣٬٤٥٦٫٧"),
            json!("99999999999999999999.99999999999999999999%"),
            json!([]),
            json!([[["x"]]]),
            json!({}),
        ];
        for filter in Filter::ALL {
            for value in &odd {
                // An answer or a refusal, and a refusal is short.
                if let Err(unfit) = filter.apply(value) {
                    assert!(unfit.to_string().len() < 300, "{filter}: {unfit}");
                }
            }
        }
    }

    #[test]
    fn filters_make_one_value_after_the_other() {
        let chain = [Filter::Trim, Filter::Count, Filter::ZeroIsUnknown];
        assert_eq!(apply_all(&chain, json!(" 1.2만 ")), Ok(json!(12_000)));
        assert_eq!(apply_all(&chain, json!("0")), Ok(Value::Null));
        assert_eq!(apply_all(&chain, json!("")), Ok(Value::Null));
        assert_eq!(apply_all(&[], json!({})), Ok(json!({})));
    }

    #[test]
    fn lists_are_converted_element_by_element() {
        assert_eq!(Filter::Count.apply(&json!(["1k", null, 3])), Ok(json!([1000, null, 3])));
        assert!(Filter::Count.apply(&json!(["1k", "x"])).is_err());
        assert_eq!(Filter::Length.apply(&json!(["a", "b"])), Ok(json!(2)));
        assert_eq!(Filter::First.apply(&json!([])), Ok(Value::Null));
        assert_eq!(Filter::EmptyIsUnknown.apply(&json!([])), Ok(Value::Null));
        assert_eq!(Filter::Present.apply(&json!([])), Ok(json!(false)));
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(Filter::Int.apply(&json!("18446744073709551615")), Ok(json!(u64::MAX)));
        assert_eq!(Filter::Int.apply(&json!(12.0)), Ok(json!(12)));
        assert_eq!(
            Filter::Text.apply(&json!(7_234_567_890_123_456_789_u64)),
            Ok(json!("7234567890123456789"))
        );
        for value in [json!("1.5"), json!("12k"), json!(1.5), json!(true), json!("")] {
            assert!(Filter::Int.apply(&value).is_err(), "{value}");
        }
        for value in [json!(-1), json!(1.5), json!("-1"), json!(true), json!({})] {
            assert!(Filter::Count.apply(&value).is_err(), "{value}");
        }
        assert_eq!(Filter::HundredthsComma.apply(&json!(1.5)), Ok(json!(150)));
        assert_eq!(Filter::PercentComma.apply(&json!(12.5)), Ok(json!(0.125)));
    }

    #[test]
    fn a_handle_is_a_name_or_the_end_of_a_link() {
        for (text, expected) in [
            ("@Mina.K", "Mina.K"),
            ("mina", "mina"),
            ("https://www.tiktok.com/@mina/video/12?x=1", "mina"),
            ("https://example.com/creators/mina/", "mina"),
            ("\u{200e}@mina\u{200b}", "mina"),
        ] {
            assert_eq!(Filter::Handle.apply(&json!(text)), Ok(json!(expected)), "{text}");
        }
        for text in ["", "@", "two words", "https://example.com", "a/b", "a@b.test"] {
            assert!(Filter::Handle.apply(&json!(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_link_is_one_people_can_follow() {
        for (text, expected) in [
            ("example.com/me", "https://example.com/me"),
            ("http://example.com", "http://example.com"),
            ("http://localhost/x", "http://localhost/x"),
        ] {
            assert_eq!(Filter::Url.apply(&json!(text)), Ok(json!(expected)), "{text}");
        }
        for text in [
            "",
            "javascript:alert(1)",
            "ftp://example.com/",
            "https://me:pw@example.com/",
            "hello",
            "mailto:a@b.c",
        ] {
            assert!(Filter::Url.apply(&json!(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_names_filter_and_value_and_never_an_address() {
        let unfit = Filter::Count.apply(&json!("many")).unwrap_err().to_string();
        assert_eq!(unfit, "`count` cannot use the text \"many\": it takes values such as `\"32.5m\"`");
        let unfit = Filter::Count.apply(&json!("mail mina@example.test")).unwrap_err().to_string();
        assert!(!unfit.contains("mina"), "{unfit}");
    }
}
