//! Tables of a source file as types that know their own documentation: what is read and what the reference says of it
//! come out of one text.

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Its name in Rust; a leading `r#` is not part of it.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) takes: &'static str,
    /// What counts without it.
    pub(super) default: &'static str,
    /// What it means, line by line.
    pub(super) says: &'static [&'static str],
}

impl Key {
    /// Its name in a file.
    pub(super) fn name(&self) -> &'static str {
        self.name.strip_prefix("r#").unwrap_or(self.name)
    }
}

/// A table, as the reference shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// What it is for, line by line.
    pub(super) says: &'static [&'static str],
    /// Its keys, in order.
    pub(super) keys: &'static [Key],
}

/// Declares a table: `key: type, "takes", "default";`. Whether a key must be there is checked where all are understood,
/// because there the message can say what it is for.
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $( $(#[doc = $says:literal])+ $key:ident: $type:ty, $takes:literal, $default:literal; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(super) struct $name {
            $( $(#[doc = $says])+ pub(super) $key: $type, )+
        }

        impl $name {
            /// What the reference says of it.
            pub(super) const TABLE: crate::declarative::section::Table = crate::declarative::section::Table {
                says: &[$($about),+],
                keys: &[$(crate::declarative::section::Key {
                    name: stringify!($key),
                    takes: $takes,
                    default: $default,
                    says: &[$($says),+],
                }),+],
            };
        }
    };
}

pub(super) use table;
