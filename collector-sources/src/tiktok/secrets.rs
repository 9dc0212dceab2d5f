//! Keeps credentials out of what the vendor says back.

use crate::http::Secret;
use crate::values::text::shortened;

/// What TikTok's access and refresh tokens begin with.
const TOKENS: [&str; 3] = ["clt.", "act.", "rft."];

/// The vendor's message, short, without the credentials that were sent and without anything that looks like a token.
pub(super) fn told(message: &str, secrets: &[&Secret]) -> String {
    let scrubbed = secrets.iter().fold(message.to_owned(), |text, secret| secret.scrub(&text));
    let word = |word: &str| {
        if TOKENS.iter().any(|token| word.contains(token)) {
            "[redacted]".to_owned()
        } else {
            word.to_owned()
        }
    };
    shortened(&scrubbed.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_tokens_are_taken_out() {
        let secret = Secret::from("s3cret");
        assert_eq!(
            told("key s3cret, token \"clt.2.abc\" is bad", &[&secret]),
            "key [redacted], token [redacted] is bad"
        );
    }
}
