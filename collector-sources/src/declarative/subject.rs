//! What a call can be asked for.

use collector_core::creator::canonical_handle;
use collector_core::id::{Id, Ids};
use collector_core::known::not_known;
use collector_core::source::Role;

/// What a task of a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Handle,
    Uid,
    SecUid,
    Hashtag,
    Keyword,
    Post,
    /// A key of a query's `extra`.
    Extra(Box<str>),
}

impl Subject {
    /// The subject with this name.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(own) = name.strip_prefix("extra.").filter(|own| !own.is_empty()) {
            return Ok(Self::Extra(own.into()));
        }
        let known = ["handle", "uid", "sec_uid", "hashtag", "keyword", "post", "extra.NAME"];
        match name {
            "handle" => Ok(Self::Handle),
            "uid" => Ok(Self::Uid),
            "sec_uid" => Ok(Self::SecUid),
            "hashtag" => Ok(Self::Hashtag),
            "keyword" => Ok(Self::Keyword),
            "post" => Ok(Self::Post),
            _ => Err(not_known("subject", name, known)),
        }
    }

    /// Whether it is somebody: then what is asked fills in whom we know.
    pub(super) fn is_person(&self) -> bool {
        matches!(self, Self::Handle | Self::Uid | Self::SecUid)
    }

    pub(super) fn role(subject: Option<&Self>) -> Role {
        match subject {
            Some(subject) if subject.is_person() || *subject == Self::Post => Role::Hydration,
            _ => Role::Discovery,
        }
    }

    /// What follows the platform in the kind of identity, for somebody.
    fn id_kind(&self) -> Option<&'static str> {
        match self {
            Self::Handle => Some("handle"),
            Self::Uid => Some("uid"),
            Self::SecUid => Some("sec_uid"),
            _ => None,
        }
    }

    /// The identity that a subject names.
    pub(super) fn id(&self, platform: &str, subject: &str) -> Option<Id> {
        let kind = format!("{platform}:{}", self.id_kind()?);
        Some(match self {
            Self::Handle => Id::new(kind, canonical_handle(subject)),
            _ => Id::new(kind, subject),
        })
    }

    /// The subject by which somebody is asked about.
    pub(super) fn among<'i>(&self, platform: &str, ids: &'i Ids) -> Option<&'i str> {
        ids.get(&format!("{platform}:{}", self.id_kind()?))
    }

    /// Whether two texts name the same.
    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        match self {
            Self::Handle => canonical_handle(a) == canonical_handle(b),
            _ => a == b,
        }
    }
}
