//! How picture links are signed: nine characters that are new in every answer, and eighteen that follow from them, the
//! path and its end.

use collector_core::id::Digest;

use super::super::population::push_base64;

/// Characters that differ from answer to answer.
pub(in super::super) const NONCE: usize = 9;

/// The nine characters for a number.
pub(super) fn nonce(number: u64) -> String {
    let mut text = String::with_capacity(NONCE);
    push_base64(&mut text, number, NONCE);
    plain(text)
}

/// The signature of a path, given in parts, that begins with these nine characters.
pub(in super::super) fn of(seed: u64, nonce: &str, expires: &str, path: &[&str]) -> String {
    let mut signed = seed.to_le_bytes().to_vec();
    for part in [&[nonce, " ", expires, " "][..], path].into_iter().flatten() {
        signed.extend_from_slice(part.as_bytes());
    }
    let Digest(digest) = Digest::of(&signed);
    let (first, second) = digest.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let mut text = String::with_capacity(2 * NONCE);
    push_base64(&mut text, number(first), NONCE);
    push_base64(&mut text, number(second), NONCE);
    format!("{nonce}{}", plain(text))
}

/// Both would need escaping in a query.
fn plain(text: String) -> String {
    text.replace(['-', '_'], "x")
}
