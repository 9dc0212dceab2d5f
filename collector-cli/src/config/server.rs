//! What the sections that may name a server have in common.

use super::tree::Node;
use crate::sources::ConfigPath;

/// Whether a URL names a server of one of these schemes: `scheme://…`.
pub(super) fn is_remote(url: &str, schemes: &[&str]) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme))
}

/// Notes keys that say something about a server where none is named.
pub(super) fn refuse_keys(node: &Node<'_>, keys: &[&str]) {
    for key in keys {
        if let Some(key) = node.get(key) {
            key.fault("only a server has this; name one in `url`, or leave the key out");
        }
    }
}

/// Notes a password in a URL: a configuration holds no secret.
pub(super) fn refuse_password(node: &Node<'_>, url: &str) -> Option<()> {
    let user = url.split_once("://").map_or("", |(_, rest)| rest);
    let user = user.split(['/', '?', '#']).next().and_then(|authority| authority.rsplit_once('@'));
    if user.is_some_and(|(user, _)| user.contains(':')) {
        node.fault("a password is never written into a URL; write password = { env = \"NAME\" }");
        return None;
    }
    Some(())
}

/// The bytes of a file that a key names; none where secrets are not read either.
pub(super) fn read_file(node: &Node<'_>, key: &str, file: &ConfigPath) -> Option<Vec<u8>> {
    if node.env().is_none() {
        return Some(Vec::new());
    }
    let path = file.as_path();
    std::fs::read(path)
        .map_err(|error| node.fault_in(key, format!("cannot read {}: {error}", path.display())))
        .ok()
}

/// The same as text; `None` when there is nothing in it.
pub(super) fn read_pem(node: &Node<'_>, key: &str, file: &ConfigPath) -> Option<Option<String>> {
    let pem = read_file(node, key, file)?;
    Some(Some(String::from_utf8_lossy(&pem).into_owned()).filter(|pem| !pem.is_empty()))
}
