//! Names and numbers of things, and the two hashes: one for identities, one for comparing contents.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A short shared name: an instance, a kind, a sink.
pub type Name = Arc<str>;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// One run of a query.
    RunId
);
number!(
    /// The claim under which a worker holds a task. Only grows; it is the fence.
    ClaimNo
);
number!(
    /// The surrogate key of an entity: given once, never given again.
    RecordKey
);
number!(
    /// One stored answer.
    PayloadId
);
number!(
    /// One dead letter.
    DeadId
);

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl $name {
            /// From the 16 bytes a store kept; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }
    };
}

hash!(
    /// The deterministic id of a task.
    TaskId
);
hash!(
    /// The hash of one identity (kind and value).
    IdHash
);
hash!(
    /// A hash of contents, to tell changed from unchanged. Not for identities: it does not resist forgery.
    Digest
);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes).to_be_bytes())
    }

    /// The digest of what `value` serialises to as JSON.
    pub fn of_json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => Self::of(&json),
            // A value that cannot be written has one digest of its own: it is compared, never stored.
            Err(error) => Self::of(error.to_string().as_bytes()),
        }
    }
}

/// Collects the parts of something whose [`Digest`] is wanted. Parts cannot run into each other.
///
/// Gathered and hashed at once: many small updates of a hasher cost several times as much.
#[derive(Debug)]
pub(crate) struct Parts(Vec<u8>);

impl Parts {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(1_024))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn json(&mut self, name: &str, value: &impl Serialize) {
        self.push(name.as_bytes());
        self.push(&Digest::of_json(value).0);
    }

    pub(crate) fn digest(self) -> Digest {
        Digest::of(&self.0)
    }
}

/// A collision-resistant hash over parts; each part is length-prefixed, so parts cannot run into each other.
pub(crate) fn hash_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    out
}

/// One identity somebody showed: a kind such as `tiktok:uid`, and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// The namespace of the value.
    pub kind: Arc<str>,
    /// The value, in the namespace's canonical spelling.
    pub value: Arc<str>,
}

impl Id {
    /// The identity `value` of the kind `kind`.
    pub fn new(kind: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }

    /// Its hash, under which stores keep it.
    pub fn hash(&self) -> IdHash {
        IdHash(hash_parts([self.kind.as_bytes(), self.value.as_bytes()]))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// The identities of one thing.
///
/// Strong ones (a platform's own number) never join two different values; the first is the strongest. Weak
/// ones (a handle) belong to whoever showed them last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ids {
    /// Identities that never move, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strong: Vec<Id>,
    /// Identities that can move to somebody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weak: Vec<Id>,
}

impl Ids {
    /// Nothing known.
    pub fn none() -> Self {
        Self::default()
    }

    /// The value of the first identity of this kind, strong before weak.
    pub fn get(&self, kind: &str) -> Option<&str> {
        self.iter().find(|id| &*id.kind == kind).map(|id| &*id.value)
    }

    /// All, strong before weak.
    pub fn iter(&self) -> impl Iterator<Item = &Id> {
        self.strong.iter().chain(&self.weak)
    }

    /// The identity that says most: the first strong one, else the first weak one.
    pub fn strongest(&self) -> Option<&Id> {
        self.iter().next()
    }

    /// Adds those that are not among them yet.
    pub fn include(&mut self, other: Self) {
        for (known, more) in [(&mut self.strong, other.strong), (&mut self.weak, other.weak)] {
            for id in more {
                if !known.contains(&id) {
                    known.push(id);
                }
            }
        }
    }

    /// Whether both can be the same thing: no strong kind with two different values.
    pub fn compatible(&self, other: &Self) -> bool {
        self.strong.iter().all(|a| other.strong.iter().all(|b| a.kind != b.kind || a.value == b.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Id::new("ab", "c").hash(), Id::new("a", "bc").hash());
        assert_eq!(Id::new("a", "bc").hash(), Id::new("a", "bc").hash());
    }

    #[test]
    fn two_values_of_one_strong_kind_are_two_things() {
        let a = Ids { strong: vec![Id::new("uid", "1")], weak: vec![Id::new("handle", "x")] };
        let b = Ids { strong: vec![Id::new("uid", "2")], weak: vec![Id::new("handle", "x")] };
        let c = Ids { strong: vec![Id::new("sec", "2")], weak: vec![] };
        assert!(!a.compatible(&b));
        assert!(a.compatible(&c) && b.compatible(&c));
    }
}
