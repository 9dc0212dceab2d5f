//! JSON-LD in pages: who a page is about, and what it says of them. Pure.

use collector_core::creator::Field;
use serde_json::{Map, Value};

use super::html::Document;

/// Nodes looked at in one page.
const MOST_NODES: usize = 2_000;

/// Nesting followed.
const DEEPEST: usize = 32;

/// Longest block read, in bytes.
const LONGEST_BLOCK: usize = 2 << 20;

/// The person or organization a page is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entity {
    node: Map<String, Value>,
    /// The page's own node, when it is another.
    page: Option<Map<String, Value>>,
}

impl Entity {
    /// Whom the page is about; `None` when it does not say, or says it of several.
    pub(super) fn of(document: &Document) -> Option<Self> {
        let nodes = nodes(document);
        if let Some(page) = nodes.iter().find(|node| is_a(node, "ProfilePage"))
            && let Some(node) = page.get("mainEntity").and_then(|main| resolved(main, &nodes))
        {
            return Some(Self { node, page: Some(page.clone()) });
        }
        let people: Vec<_> =
            nodes.iter().filter(|node| is_a(node, "Person") || is_a(node, "Organization")).collect();
        let canonical = document.canonical();
        let own = people.iter().find(|node| {
            let address =
                |key: &str| node.get(key).and_then(Value::as_str).map(|url| url.trim_end_matches('/'));
            let canonical = canonical.as_deref().map(|url| url.trim_end_matches('/'));
            canonical.is_some() && (address("url") == canonical || address("@id") == canonical)
        });
        let only = || people.iter().filter(|node| is_a(node, "Person")).collect::<Vec<_>>();
        let node = match (own, only().as_slice()) {
            (Some(own), _) => Some((*own).clone()),
            (None, [only]) => Some((**only).clone()),
            (None, []) => author(&nodes),
            (None, _) => None,
        };
        node.map(|node| Self { node, page: None })
    }

    /// A value by a path of member names such as `address.addressCountry`; lists give all of their elements'.
    pub(super) fn at(&self, path: &str) -> Value {
        let from_page = |page: &Map<String, Value>| values_at(&Value::Object(page.clone()), path);
        let mut found = values_at(&Value::Object(self.node.clone()), path);
        if found.is_empty() {
            found = self.page.as_ref().map(from_page).unwrap_or_default();
        }
        match found.len() {
            0 => Value::Null,
            1 => found.remove(0),
            _ => Value::Array(found),
        }
    }

    /// What the vocabulary says about a field of a creator, as it is written.
    pub(super) fn field(&self, field: Field) -> Value {
        match field {
            Field::Name => self.first("name"),
            Field::Bio => self.first("description"),
            Field::Handle => self.handle().map_or(Value::Null, Value::from),
            Field::Uid => self.id().map_or(Value::Null, Value::from),
            Field::Avatar => self.image(),
            Field::Links => match self.at("sameAs") {
                Value::Null => self.at("relatedLink"),
                links => links,
            },
            Field::Followers => self.count("interactionStatistic", &["FollowAction"]),
            Field::Following => match self.count("agentInteractionStatistic", &["FollowAction"]) {
                Value::Null => self.count("interactionStatistic", &["SubscribeAction"]),
                count => count,
            },
            Field::Likes => self.count("interactionStatistic", &["LikeAction"]),
            Field::Videos => match self.count("agentInteractionStatistic", &["WriteAction"]) {
                Value::Null => self.count("interactionStatistic", &["WriteAction"]),
                count => count,
            },
            Field::Language => self.first("knowsLanguage"),
            Field::CreatedAt => {
                self.page.as_ref().and_then(|page| page.get("dateCreated")).cloned().unwrap_or_default()
            }
            _ => Value::Null,
        }
    }

    fn first(&self, key: &str) -> Value {
        match self.at(key) {
            Value::Array(all) => all.into_iter().next().unwrap_or_default(),
            Value::Object(node) => node.get("name").cloned().unwrap_or_default(),
            value => value,
        }
    }

    /// The name others call it by: of several candidates the first that can be one.
    fn handle(&self) -> Option<String> {
        let text =
            |key: &str| self.first(key).as_str().map(|text| text.trim().trim_start_matches('@').to_owned());
        let usable = |text: &String| !text.is_empty() && !text.contains(char::is_whitespace);
        text("alternateName")
            .filter(usable)
            .or_else(|| text("additionalName").filter(usable))
            .or_else(|| text("identifier").filter(usable).filter(|text| !is_site_id(text)))
            .or_else(|| {
                let url = self.first("url");
                let path = url.as_str()?.split(['?', '#']).next()?.trim_end_matches('/');
                let last = path.split_once("://")?.1.split_once('/')?.1.rsplit('/').next()?;
                Some(last.trim_start_matches('@').to_owned()).filter(usable)
            })
    }

    fn id(&self) -> Option<String> {
        let id = self.first("identifier");
        let text = id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|number| number.to_string()))?;
        is_site_id(&text).then_some(text)
    }

    fn image(&self) -> Value {
        let image = self.node.get("image").cloned().unwrap_or_default();
        let image =
            if let Value::Array(all) = image { all.into_iter().next().unwrap_or_default() } else { image };
        match &image {
            Value::Object(node) => {
                node.get("url").or_else(|| node.get("contentUrl")).cloned().unwrap_or_default()
            }
            _ => image,
        }
    }

    /// A counter in one of the two lists.
    fn count(&self, list: &str, actions: &[&str]) -> Value {
        let counters = match self.node.get(list) {
            Some(Value::Array(counters)) => counters.as_slice(),
            Some(counter) => std::slice::from_ref(counter),
            None => return Value::Null,
        };
        let counts = counters.iter().find_map(|counter| match counter {
            Value::Object(counter) => {
                let action = action(counter.get("interactionType")?)?;
                let count =
                    || counter.get("userInteractionCount").or_else(|| counter.get("interactionCount"));
                actions.contains(&action.as_str()).then(count)?.cloned()
            }
            // The old way: `UserFollows:123`.
            Value::String(text) => {
                let (what, count) = text.split_once(':')?;
                let old = if actions.contains(&"FollowAction") { "UserFollows" } else { "UserLikes" };
                (what == old).then(|| count.into())
            }
            _ => None,
        });
        counts.unwrap_or_default()
    }
}

/// Whether an identifier is the site's own number rather than a name.
fn is_site_id(text: &str) -> bool {
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.bytes().all(|byte| byte.is_ascii_digit())
        || text.starts_with("did:")
        || (text.len() == 36 && text.chars().all(hex))
}

/// The name of an action, out of a link, a bare name, an object or a list.
fn action(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(bare(text).to_owned()),
        Value::Object(node) => action(node.get("@type").or_else(|| node.get("@id"))?),
        Value::Array(all) => action(all.first()?),
        _ => None,
    }
}

/// A name of the vocabulary without its address.
fn bare(name: &str) -> &str {
    name.rsplit(['/', '#', ':']).next().unwrap_or(name).trim()
}

fn is_a(node: &Map<String, Value>, name: &str) -> bool {
    match node.get("@type") {
        Some(Value::String(kind)) => bare(kind) == name,
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| bare(kind) == name),
        _ => false,
    }
}

/// The author of whatever the page shows, if it is one.
fn author(nodes: &[Map<String, Value>]) -> Option<Map<String, Value>> {
    let mut authors = nodes.iter().filter_map(|node| resolved(node.get("author")?, nodes));
    let first = authors.next()?;
    authors.all(|other| other == first).then_some(first)
}

/// The object itself, or the one of the page that it refers to.
fn resolved(value: &Value, nodes: &[Map<String, Value>]) -> Option<Map<String, Value>> {
    match value {
        Value::Object(node) if node.len() == 1 && node.contains_key("@id") => {
            let id = node.get("@id");
            nodes.iter().find(|other| other.get("@id") == id && other.len() > 1).cloned()
        }
        Value::Object(node) => Some(node.clone()),
        Value::Array(all) => resolved(all.first()?, nodes),
        _ => None,
    }
}

fn values_at(value: &Value, path: &str) -> Vec<Value> {
    let mut found = vec![value];
    for step in path.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(elements) => elements.iter().collect(),
                value => vec![value],
            })
            .filter_map(|value| value.get(step))
            .collect();
    }
    let flat = found.into_iter().flat_map(|value| match value {
        Value::Array(elements) => elements.clone(),
        value => vec![value.clone()],
    });
    flat.filter(|value| !value.is_null()).take(MOST_NODES).collect()
}

/// All objects of all blocks of a page, outer ones first.
fn nodes(document: &Document) -> Vec<Map<String, Value>> {
    let mut nodes = Vec::new();
    for block in document.scripts("application/ld+json") {
        for value in values(&block) {
            gather(&value, &mut nodes, 0);
        }
    }
    nodes
}

fn gather(value: &Value, nodes: &mut Vec<Map<String, Value>>, depth: usize) {
    if depth > DEEPEST || nodes.len() >= MOST_NODES {
        return;
    }
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| gather(element, nodes, depth + 1)),
        Value::Object(node) => {
            nodes.push(node.clone());
            node.values().for_each(|member| gather(member, nodes, depth + 1));
        }
        _ => {}
    }
}

/// The values of one block, which is often not quite JSON: wrapped in comments, with raw line breaks in texts, with
/// commas too many, several in a row. What cannot be read is left out.
fn values(block: &str) -> Vec<Value> {
    let block = block.get(..block.floor_char_boundary(LONGEST_BLOCK)).unwrap_or_default();
    let block = unwrapped(block);
    let read =
        |text: &str| serde_json::Deserializer::from_str(text).into_iter().collect::<Result<Vec<Value>, _>>();
    read(block)
        .or_else(|_| read(&mended(block)))
        .or_else(|_| read(&mended(&block.replace("&quot;", "\"").replace("&amp;", "&"))))
        .unwrap_or_default()
}

fn unwrapped(block: &str) -> &str {
    const BEFORE: [&str; 5] = ["\u{feff}", "<!--", "//<![CDATA[", "/*<![CDATA[*/", "<![CDATA["];
    const AFTER: [&str; 4] = ["-->", "//]]>", "/*]]>*/", "]]>"];
    let mut block = block.trim();
    while let Some(rest) = BEFORE.iter().find_map(|mark| block.strip_prefix(mark)) {
        block = rest.trim_start();
    }
    while let Some(rest) = AFTER.iter().find_map(|mark| block.strip_suffix(mark)) {
        block = rest.trim_end();
    }
    block.trim_end_matches(';')
}

/// The same with control characters in texts escaped and commas before a closing bracket left out.
fn mended(block: &str) -> String {
    let mut mended = String::with_capacity(block.len());
    let (mut inside, mut escaped, mut comma) = (false, false, false);
    for c in block.chars() {
        if inside {
            match c {
                '\n' => mended.push_str("\\n"),
                '\r' => mended.push_str("\\r"),
                '\t' => mended.push_str("\\t"),
                c if c.is_control() => mended.push(' '),
                c => mended.push(c),
            }
            inside = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        if comma && !c.is_whitespace() {
            if !matches!(c, ']' | '}') {
                mended.push(',');
            }
            comma = false;
        }
        match c {
            ',' => comma = true,
            '\u{feff}' => {}
            c => mended.push(c),
        }
        inside = c == '"';
    }
    mended
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(text: &str) -> Document {
        Document::parse(text, None).unwrap()
    }

    fn entity(block: &str) -> Option<Entity> {
        Entity::of(&page(&format!("<script type='Application/LD+JSON; charset=utf-8'>{block}</script>")))
    }

    fn field(block: &str, field: Field) -> Value {
        entity(block).unwrap_or_else(|| panic!("{block}")).field(field)
    }

    #[test]
    fn a_profile_page_says_everything() {
        let block = json!({
            "@context": "https://schema.org",
            "@type": "ProfilePage",
            "dateCreated": "2020-01-02T03:04:05Z",
            "mainEntity": {
                "@type": "Person", "name": "Mina", "alternateName": "@mina.k", "identifier": "123",
                "description": "tea", "image": { "@type": "ImageObject", "contentUrl": "https://x.test/a.jpg" },
                "sameAs": ["https://a.test/", "https://b.test/"],
                "interactionStatistic": [
                    { "@type": "InteractionCounter", "interactionType": "https://schema.org/FollowAction", "userInteractionCount": "1,234" },
                    { "@type": "InteractionCounter", "interactionType": { "@type": "http://schema.org/LikeAction" }, "userInteractionCount": 7 },
                    { "interactionType": ["SubscribeAction"], "name": "Friends", "userInteractionCount": 5 },
                ],
                "agentInteractionStatistic": { "interactionType": "WriteAction", "userInteractionCount": 9 },
            },
        })
        .to_string();
        for (name, expected) in [
            (Field::Name, json!("Mina")),
            (Field::Handle, json!("mina.k")),
            (Field::Uid, json!("123")),
            (Field::Bio, json!("tea")),
            (Field::Avatar, json!("https://x.test/a.jpg")),
            (Field::Links, json!(["https://a.test/", "https://b.test/"])),
            (Field::Followers, json!("1,234")),
            (Field::Likes, json!(7)),
            (Field::Following, json!(5)),
            (Field::Videos, json!(9)),
            (Field::CreatedAt, json!("2020-01-02T03:04:05Z")),
            (Field::Country, Value::Null),
        ] {
            assert_eq!(field(&block, name), expected, "{name}");
        }
    }

    #[test]
    fn blocks_that_are_not_quite_json_are_read() {
        for block in [
            "<!-- {\"@type\":\"Person\",\"name\":\"a\\nb\"} -->",
            "//<![CDATA[\n{\"@type\":[\"Thing\",\"Person\"],\"name\":\"a\\nb\"}\n//]]>",
            "{\"@type\":\"schema:Person\",\"name\":\"a\nb\",}",
            "{\"@type\":\"http://schema.org/Person\",\"name\":\"a\\nb\"};",
            "{\"@type\":\"WebSite\"} {\"@type\":\"Person\",\"name\":\"a\\nb\"}",
            "[{\"@graph\":[{\"@type\":\"Person\",\"name\":\"a\\nb\"},],},]",
            "{&quot;@type&quot;:&quot;Person&quot;,&quot;name&quot;:&quot;a\nb&quot;}",
        ] {
            assert_eq!(field(block, Field::Name), json!("a\nb"), "{block}");
        }
        let document = page(
            "<script type=application/ld+json>{broken</script>\
             <script type=application/ld+json>{\"@type\":\"Person\",\"name\":\"x\"}</script>",
        );
        assert_eq!(Entity::of(&document).unwrap().field(Field::Name), json!("x"));
    }

    #[test]
    fn nobody_is_guessed() {
        for block in [
            "{}",
            "[]",
            "{\"@type\":\"BreadcrumbList\"}",
            "[{\"@type\":\"Person\",\"name\":\"a\"},{\"@type\":\"Person\",\"name\":\"b\"}]",
            "[{\"author\":{\"name\":\"a\"}},{\"author\":{\"name\":\"b\"}}]",
        ] {
            assert_eq!(entity(block), None, "{block}");
        }
        let graph = json!({ "@graph": [
            { "@type": "ProfilePage", "mainEntity": { "@id": "#me" } },
            { "@type": "Person", "@id": "#other", "name": "b" },
            { "@type": "Person", "@id": "#me", "name": "a" },
        ]});
        assert_eq!(field(&graph.to_string(), Field::Name), json!("a"));
        let article = json!({ "@type": "Article", "author": { "@type": "Brand", "name": "a" } });
        assert_eq!(field(&article.to_string(), Field::Name), json!("a"));
        let document = page(
            "<link rel=canonical href='https://x.test/b'><script type=application/ld+json>\
             [{\"@type\":\"Person\",\"name\":\"a\"},{\"@type\":\"Person\",\"name\":\"b\",\"url\":\"https://x.test/b/\"}]</script>",
        );
        assert_eq!(Entity::of(&document).unwrap().field(Field::Name), json!("b"));
    }

    #[test]
    fn the_handle_is_the_first_candidate_that_can_be_one() {
        for (node, expected) in [
            (json!({ "alternateName": "two words", "additionalName": "@x" }), json!("x")),
            (json!({ "identifier": "name1" }), json!("name1")),
            (json!({ "identifier": "did:plc:abc", "url": "https://x.test/@jo/?a" }), json!("jo")),
            (json!({ "identifier": 12, "url": "https://x.test/" }), Value::Null),
        ] {
            let mut node = node;
            node["@type"] = json!("Person");
            assert_eq!(field(&node.to_string(), Field::Handle), expected, "{node}");
        }
        let old = json!({ "@type": "Person", "interactionStatistic": ["UserLikes:3", "UserFollows:123"] });
        assert_eq!(field(&old.to_string(), Field::Followers), json!("123"));
    }

    #[test]
    fn a_path_reaches_into_lists_and_the_page() {
        let block = json!({
            "@type": "ProfilePage", "dateModified": "2026-01-01",
            "mainEntity": { "@type": "Person", "name": "x", "address": [{ "addressCountry": "KR" }, {}] },
        });
        let entity = entity(&block.to_string()).unwrap();
        assert_eq!(entity.at("address.addressCountry"), json!("KR"));
        assert_eq!(entity.at("dateModified"), json!("2026-01-01"));
        assert_eq!(entity.at("no.such"), Value::Null);
    }
}
