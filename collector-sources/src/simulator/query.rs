//! Query strings, decoded leniently: whatever comes, nothing panics and memory stays bounded.

/// More parameters than any endpoint knows; the rest of a longer query is not looked at.
const MAX_PARAMETERS: usize = 64;

/// The decoded parameters of a query string, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).take(MAX_PARAMETERS);
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The value of a parameter; the last one counts when it came twice.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let ahead = rest.clone();
                match escaped(&mut rest) {
                    Some(decoded) => decoded,
                    None => {
                        // A percent sign that starts no escape stands for itself.
                        rest = ahead;
                        b'%'
                    }
                }
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn escaped(rest: &mut std::str::Bytes<'_>) -> Option<u8> {
    let mut digit = || char::from(rest.next()?).to_digit(16);
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse("name=%EB%B7%B0+%ED%8B%B0&cursor=20&cursor=40&flag&a%26b=c%3D");
        assert_eq!(query.get("name"), Some("뷰 티"));
        assert_eq!(query.get("cursor"), Some("40"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("a&b"), Some("c="));
        assert_eq!(query.get("missing"), None);
    }

    #[test]
    fn hostile_queries_stay_text() {
        for raw in ["", "&&&", "=", "%", "%f", "%zz=%", "a=%ff%fe", "%%%=%%%", "a=%E"] {
            let query = Query::parse(raw);
            assert_eq!(query.get("nothing"), None, "{raw}");
        }
        assert_eq!(Query::parse("a=100%").get("a"), Some("100%"));
        assert_eq!(Query::parse("a=%4").get("a"), Some("%4"));
        let many = "x=1&".repeat(100_000);
        assert_eq!(Query::parse(&many).0.len(), MAX_PARAMETERS);
    }
}
