//! TikTok's JSON inside its pages: where it stands, and its values in every type they come in.

use serde::Deserialize;
use serde_json::Value;

/// The shape a page's data has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Since late 2023.
    Universal,
    /// 2022 and 2023.
    Sigi,
    /// 2019 to 2021.
    Next,
}

/// The data of a page, and its shape.
pub(super) fn data(text: &str) -> Option<(Shape, &str)> {
    let script = |id: &str| script(text, id);
    if let Some(data) = script("__UNIVERSAL_DATA_FOR_REHYDRATION__") {
        return Some((Shape::Universal, data));
    }
    if let Some(data) = script("SIGI_STATE") {
        return Some((Shape::Sigi, data));
    }
    if let Some(data) = script("sigi-persisted-data") {
        // An assignment, and others after it.
        let (_, data) = data.split_once('=')?;
        return Some((Shape::Sigi, data));
    }
    script("__NEXT_DATA__").map(|data| (Shape::Next, data))
}

/// The text of the script with this id, whatever the order and quotes of its attributes.
fn script<'a>(text: &'a str, id: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once("<script")?;
        let (tag, body) = after.split_once('>')?;
        if has_id(tag, id) {
            // A page that was cut has no end of the script.
            return Some(body.split_once("</script").map_or(body, |(data, _)| data).trim());
        }
        rest = body;
    }
}

fn has_id(tag: &str, id: &str) -> bool {
    tag.split("id").skip(1).any(|after| {
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        let value = value.map(|value| value.trim_start_matches(['"', '\'']));
        value.and_then(|value| value.strip_prefix(id)).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/'))
        })
    })
}

/// The parts of the newest shape that say something here; the rest is skipped unread.
#[derive(Debug, Deserialize)]
pub(super) struct Universal {
    #[serde(rename = "__DEFAULT_SCOPE__")]
    pub(super) scope: Scope,
}

/// See [`Universal`].
#[derive(Debug, Deserialize)]
pub(super) struct Scope {
    #[serde(rename = "webapp.user-detail")]
    pub(super) user_detail: Option<Value>,
}

/// The parts of the middle shape that say something here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sigi {
    #[serde(rename = "UserModule")]
    pub(super) users: Value,
    #[serde(rename = "UserPage")]
    pub(super) page: Value,
    #[serde(rename = "LoginContextModule")]
    pub(super) login: Value,
}

/// The parts of the oldest shape that say something here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    pub(super) props: Value,
}

/// One object and its members, in every type they come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a>(pub(super) &'a Value);

impl<'a> Node<'a> {
    pub(super) fn get(self, key: &str) -> Node<'a> {
        Node(self.0.get(key).unwrap_or(&Value::Null))
    }

    pub(super) fn is_object(self) -> bool {
        self.0.is_object()
    }

    /// Text that says something; ids may come as numbers.
    pub(super) fn text(self, key: &str) -> Option<String> {
        let text = self.whole_text(key)?;
        let said = text.trim();
        (!said.is_empty() && said != "0").then(|| said.to_owned())
    }

    /// Text as it is, perhaps empty.
    pub(super) fn whole_text(self, key: &str) -> Option<String> {
        match self.get(key).0 {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A flag; 0 and 1 are flags, too.
    pub(super) fn flag(self, key: &str) -> Option<bool> {
        match self.get(key).0 {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => number.as_u64().map(|number| number != 0),
            _ => None,
        }
    }

    /// A number, also one written as text.
    pub(super) fn number(self, key: &str) -> Option<i64> {
        match self.get(key).0 {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The member whose name is this in any case; of an object with a single member, that one.
    pub(super) fn named(self, name: &str) -> Option<Node<'a>> {
        let members = self.0.as_object()?;
        let named = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let only = || members.iter().next().filter(|_| members.len() == 1);
        named.or_else(only).map(|(_, value)| Node(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_found_whatever_the_tag_looks_like() {
        for tag in [
            "<script id=\"SIGI_STATE\" type=\"application/json\">",
            "<script type='application/json' id='SIGI_STATE'>",
            "<script nonce=x id=SIGI_STATE>",
            "<script data-id=\"x\" id = \"SIGI_STATE\" >",
        ] {
            let page = format!(
                "<script id=other>{{}}</script><p>SIGI_STATE</p>{tag} {{\"a\":1}} </script><script>x</script>"
            );
            assert_eq!(data(&page), Some((Shape::Sigi, "{\"a\":1}")), "{tag}");
        }
        assert_eq!(data("<script id=SIGI_STATE_X>{}</script><p id=SIGI_STATE>"), None);
        assert_eq!(data("<script id=__NEXT_DATA__>{\"cut\":"), Some((Shape::Next, "{\"cut\":")));
        let assigned =
            "<script id='sigi-persisted-data'>window['SIGI_STATE']={\"a\":1};window['X']={}</script>";
        assert_eq!(data(assigned), Some((Shape::Sigi, "{\"a\":1};window['X']={}")));
    }
}
