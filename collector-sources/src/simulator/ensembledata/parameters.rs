//! Parameters each endpoint takes and the vendor's words for wrong ones.

use serde_json::{Value, json};

use super::super::query::Query;
use super::Endpoint;

/// What a parameter has to look like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text {
        min: usize,
        max: usize,
    },
    Integer,
    /// An integer above 0.
    Positive,
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
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
    const CURSOR: Parameter = optional("cursor", Kind::Integer);
    const NEW_VERSION: Parameter = optional("new_version", Kind::Boolean);
    const DOWNLOAD: Parameter = optional("download_video", Kind::Boolean);
    const DEPTH: Parameter = required("depth", Kind::Positive);
    const START: Parameter = optional("start_cursor", Kind::Integer);
    const OLDEST: Parameter = optional("oldest_createtime", Kind::Integer);
    const USER_POSTS: &[Parameter] =
        &[required("username", text(1)), DEPTH, START, OLDEST, NEW_VERSION, DOWNLOAD, TOKEN];
    const SEC_UID_POSTS: &[Parameter] =
        &[required("secUid", text(1)), DEPTH, START, OLDEST, NEW_VERSION, DOWNLOAD, TOKEN];
    const BY_KEYWORD: &[Parameter] = &[required("keyword", text(1)), CURSOR, TOKEN];
    const RELATED: &[Parameter] = &[
        required("id", text(0)),
        required("secUid", text(1)),
        CURSOR,
        optional("page_token", text(0)),
        TOKEN,
    ];
    const LIKED: &[Parameter] = &[required("secUid", text(0)), CURSOR, TOKEN];
    const RECENT: &[Parameter] = &[
        required("name", text(0)),
        required("days", Kind::Integer),
        optional("remap_output", Kind::Boolean),
        optional("max_cursor", Kind::Integer),
        TOKEN,
    ];
    const PERIOD: Parameter = required("period", Kind::Choice(&["0", "1", "7", "30", "90", "180"]));
    const SORTING: Parameter = optional("sorting", Kind::Choice(&["0", "1", "2"]));
    const COUNTRY: Parameter = optional("country", text(0));
    const EXACTLY: Parameter = optional("match_exactly", Kind::Boolean);
    const KEYWORD: &[Parameter] = &[
        required("name", text(0)),
        CURSOR,
        PERIOD,
        SORTING,
        COUNTRY,
        EXACTLY,
        optional("get_author_stats", Kind::Boolean),
        TOKEN,
    ];
    const FULL: &[Parameter] = &[required("name", text(0)), PERIOD, SORTING, COUNTRY, EXACTLY, TOKEN];
    const POST_INFO: &[Parameter] = &[required("url", text(0)), NEW_VERSION, DOWNLOAD, TOKEN];
    const COMMENTS: &[Parameter] = &[required("aweme_id", text(0)), CURSOR, TOKEN];
    const MUSIC_POSTS: &[Parameter] = &[required("music_id", text(0)), CURSOR, TOKEN];
    const LIVES: &[Parameter] = &[required("keyword", text(0)), CURSOR, COUNTRY, TOKEN];
    const USED_UNITS: &[Parameter] = &[required("date", text(0)), TOKEN];
    const HISTORY: &[Parameter] = &[required("days", Kind::Integer), TOKEN];
    match endpoint {
        Endpoint::UserInfo => USER_INFO,
        Endpoint::UserInfoFromSecUid => FROM_SEC_UID,
        Endpoint::HashtagPosts => HASHTAG,
        Endpoint::PostMultiInfo => MULTI_INFO,
        Endpoint::UserPosts => USER_POSTS,
        Endpoint::UserPostsFromSecUid => SEC_UID_POSTS,
        Endpoint::UserSearch => BY_KEYWORD,
        Endpoint::UserFollowers | Endpoint::UserFollowings => RELATED,
        Endpoint::UserLikedPosts => LIKED,
        Endpoint::HashtagRecent => RECENT,
        Endpoint::KeywordSearch => KEYWORD,
        Endpoint::KeywordFull => FULL,
        Endpoint::PostInfo => POST_INFO,
        Endpoint::PostComments => COMMENTS,
        Endpoint::MusicPosts => MUSIC_POSTS,
        Endpoint::LiveSearch => LIVES,
        Endpoint::UsedUnits => USED_UNITS,
        Endpoint::History => HISTORY,
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
        Kind::Positive if integer(value).is_some_and(|number| number <= 0) => {
            let mut entry =
                problem(parameter.name, "ensure this value is greater than 0", "value_error.number.not_gt");
            entry["ctx"] = json!({ "limit_value": 0 });
            Some(entry)
        }
        Kind::Choice(words) if !words.contains(&value) => {
            let mut entry =
                problem(parameter.name, "value is not a valid enumeration member", "type_error.enum");
            entry["ctx"] = json!({ "enum_values": words });
            Some(entry)
        }
        Kind::Integer | Kind::Positive if integer(value).is_none() => {
            Some(problem(parameter.name, "value is not a valid integer", "type_error.integer"))
        }
        Kind::Boolean if boolean(value).is_none() => {
            Some(problem(parameter.name, "value could not be parsed to a boolean", "type_error.bool"))
        }
        Kind::Text { min, max } => wrong_length(parameter.name, value.chars().count(), min, max),
        Kind::Integer | Kind::Positive | Kind::Boolean | Kind::Choice(_) => None,
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
        let cases: [(Endpoint, String, &[&str]); 12] = [
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
            (
                Endpoint::UserPosts,
                format!("username=a&depth=0&{token}"),
                &["depth value_error.number.not_gt"],
            ),
            (
                Endpoint::KeywordSearch,
                format!("name=a&period=14&sorting=x&{token}"),
                &["period type_error.enum", "sorting type_error.enum"],
            ),
            (Endpoint::UserFollowers, format!("id=7&{token}"), &["secUid value_error.missing"]),
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
