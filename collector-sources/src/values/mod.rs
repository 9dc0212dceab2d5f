//! What the vendors' answers are made of, whoever sends them: values that may come in another type than documented,
//! identities, biographies, codes, and bodies that are not what was asked for.

pub(crate) mod answer;
pub(crate) mod bio;
pub(crate) mod found;
pub(crate) mod ident;
pub(crate) mod lenient;
pub(crate) mod list;
pub(crate) mod text;
