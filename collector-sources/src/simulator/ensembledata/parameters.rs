//! Parameters each endpoint takes and the vendor's words for wrong ones.

use serde_json::{Value, json};

use super::super::answer::Endpoint;
use super::super::query::Query;

/// What a parameter has to look like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text { min: usize, max: usize },
    Integer,
    Boolean,
}

#[derive(Debug, Clone, Copy)]
struct Parameter {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const ANY_LENGTH: usize = usize::MAX;

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, required: false }
}

const fn text(min: usize) -> Kind {
    Kind::Text { min, max: ANY_LENGTH }
}

const TOKEN: Parameter = required("token", Kind::Text { min: 15, max: 17 });

fn parameters(endpoint: Endpoint) -> &'static [Parameter] {
    const USER_INFO: &[Parameter] = &[required("username", text(1)), TOKEN];
    const FROM_SEC_UID: &[Parameter] =
        &[required("secUid", text(1)), optional("alternative_method", Kind::Boolean), TOKEN];
    const HASHTAG: &[Parameter] = &[required("name", text(0)), optional("cursor", Kind::Integer), TOKEN];
    const MULTI_INFO: &[Parameter] = &[
        required("ids", text(2)),
        optional("new_version", Kind::Boolean),
        optional("download_video", Kind::Boolean),
        TOKEN,
    ];
    const USED_UNITS: &[Parameter] = &[required("date", text(0)), TOKEN];
    const HISTORY: &[Parameter] = &[required("days", Kind::Integer), TOKEN];
    match endpoint {
        Endpoint::UserInfo => USER_INFO,
        Endpoint::UserInfoFromSecUid => FROM_SEC_UID,
        Endpoint::HashtagPosts => HASHTAG,
        Endpoint::PostMultiInfo => MULTI_INFO,
        Endpoint::UsedUnits => USED_UNITS,
        Endpoint::History => HISTORY,
        Endpoint::ListCreators | Endpoint::Unknown => &[],
    }
}

/// Lists what is wrong with a call's parameters, in the form of the vendor's 422.
pub(super) fn problems(endpoint: Endpoint, query: &Query) -> Option<Vec<Value>> {
    let problems: Vec<Value> = parameters(endpoint)
        .iter()
        .filter_map(|parameter| match query.get(parameter.name) {
            None if parameter.required => {
                Some(problem(parameter.name, "field required", "value_error.missing"))
            }
            None => None,
            Some(value) => wrong(parameter, value),
        })
        .collect();
    (!problems.is_empty()).then_some(problems)
}

fn wrong(parameter: &Parameter, value: &str) -> Option<Value> {
    match parameter.kind {
        Kind::Integer if integer(value).is_none() => {
            Some(problem(parameter.name, "value is not a valid integer", "type_error.integer"))
        }
        Kind::Boolean if boolean(value).is_none() => {
            Some(problem(parameter.name, "value could not be parsed to a boolean", "type_error.bool"))
        }
        Kind::Text { min, max } => wrong_length(parameter.name, value.chars().count(), min, max),
        Kind::Integer | Kind::Boolean => None,
    }
}

fn wrong_length(name: &str, length: usize, min: usize, max: usize) -> Option<Value> {
    let (limit, side, code) = if length < min {
        (min, "least", "min_length")
    } else if length > max {
        (max, "most", "max_length")
    } else {
        return None;
    };
    let message = format!("ensure this value has at {side} {limit} characters");
    let mut entry = problem(name, &message, &format!("value_error.any_str.{code}"));
    entry["ctx"] = json!({ "limit_value": limit });
    Some(entry)
}

fn problem(name: &str, message: &str, code: &str) -> Value {
    json!({ "loc": ["query", name], "msg": message, "type": code })
}

/// Reads a number as the vendor's framework does: surrounding blanks and a sign are fine.
pub(super) fn integer(value: &str) -> Option<i64> {
    value.trim().parse().ok()
}

/// Reads a flag as the vendor's framework does.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
        "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(endpoint: Endpoint, query: &str) -> Vec<String> {
        let problems = problems(endpoint, &Query::parse(query)).unwrap_or_default();
        problems
            .iter()
            .map(|entry| format!("{} {}", entry["loc"][1], entry["type"]).replace('"', ""))
            .collect()
    }

    #[test]
    fn wrong_parameters_are_named_all_at_once() {
        let token = "token=simulated-token1";
        let cases: [(Endpoint, String, &[&str]); 9] = [
            (Endpoint::UserInfo, format!("username=a&{token}"), &[]),
            (
                Endpoint::UserInfo,
                String::new(),
                &["username value_error.missing", "token value_error.missing"],
            ),
            (Endpoint::UserInfo, format!("username=&{token}"), &["username value_error.any_str.min_length"]),
            (
                Endpoint::UserInfo,
                "username=a&token=short".to_owned(),
                &["token value_error.any_str.min_length"],
            ),
            (
                Endpoint::UserInfo,
                "username=a&token=eighteen-characters".to_owned(),
                &["token value_error.any_str.max_length"],
            ),
            (Endpoint::HashtagPosts, format!("name=a&cursor=x&{token}"), &["cursor type_error.integer"]),
            (Endpoint::PostMultiInfo, format!("ids=1&{token}"), &["ids value_error.any_str.min_length"]),
            (
                Endpoint::PostMultiInfo,
                format!("ids=12&new_version=maybe&{token}"),
                &["new_version type_error.bool"],
            ),
            (Endpoint::History, format!("days=1.5&{token}"), &["days type_error.integer"]),
        ];
        for (endpoint, query, expected) in cases {
            assert_eq!(codes(endpoint, &query), expected, "{query}");
        }
    }

    #[test]
    fn flags_are_read_in_every_spelling() {
        for (text, flag) in
            [("True", Some(true)), ("on", Some(true)), ("NO", Some(false)), ("0", Some(false)), ("", None)]
        {
            assert_eq!(boolean(text), flag, "{text}");
        }
    }
}
