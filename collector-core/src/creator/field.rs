//! The one table of a creator's fields: what each means and how long a value counts as current.

use std::fmt;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Creator, CreatorSighting};
use crate::clock::Timestamp;

/// What kind of value a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// One text.
    Text,
    /// Several texts.
    List,
    /// Yes or no.
    Flag,
    /// A whole number, never negative.
    Number,
    /// A moment.
    Time,
    /// Several named values: [`PostStats`](super::PostStats), [`extra`](Creator::extra).
    Object,
}

/// A field's row in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldInfo {
    /// Its name in JSON, configuration and search.
    pub name: &'static str,
    /// The kind of its value.
    pub value: FieldType,
    /// What a number counts; empty for anything else.
    pub unit: &'static str,
    /// What it means.
    pub definition: &'static str,
    /// How much older than the newest sighting a value may be before any younger one replaces it, whoever said
    /// it; `None` for a value that does not age.
    pub max_age: Option<Duration>,
}

/// A value somebody stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum FieldValue<'a> {
    /// One text, not empty.
    Text(&'a str),
    /// Several texts, at least one.
    List(&'a [Box<str>]),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A moment.
    Time(Timestamp),
}

/// A place that holds a value, or not.
trait Place {
    /// What is stated there; empty texts and lists state nothing.
    fn stated(&self) -> Option<FieldValue<'_>>;
}

impl Place for Option<Box<str>> {
    fn stated(&self) -> Option<FieldValue<'_>> {
        self.as_deref().filter(|text| !text.is_empty()).map(FieldValue::Text)
    }
}

impl Place for Vec<Box<str>> {
    fn stated(&self) -> Option<FieldValue<'_>> {
        (!self.is_empty()).then_some(FieldValue::List(self))
    }
}

impl Place for Option<bool> {
    fn stated(&self) -> Option<FieldValue<'_>> {
        self.map(FieldValue::Flag)
    }
}

impl Place for Option<u64> {
    fn stated(&self) -> Option<FieldValue<'_>> {
        self.map(FieldValue::Number)
    }
}

impl Place for Option<Timestamp> {
    fn stated(&self) -> Option<FieldValue<'_>> {
        self.map(FieldValue::Time)
    }
}

/// Lists go on showing the old handle for hours: so long a profile's stands against theirs.
const HALF_A_DAY: Duration = Duration::from_secs(12 * 60 * 60);

const fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 24 * 60 * 60))
}

macro_rules! fields {
    (
        stated { $(#[doc = $says:literal] $stated:ident $place:ident: $type:ident $unit:literal, $age:expr;)* }
        made { $(#[doc = $tells:literal] $made:ident $name:ident: $kind:ident $of:literal, $for:expr;)* }
    ) => {
        /// A field of a [`Creator`].
        ///
        /// How the value is chosen: among the sightings in which it is not older than the field's
        /// [maximum age](FieldInfo::max_age), by the declared precedence of the sources; of equal rank, for
        /// counters and the handle a profile before other aspects, then the youngest. If all are older, the youngest.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Field {
            $(
                #[doc = $says]
                #[doc = concat!("\n\n`", stringify!($type), "` ", $unit, " · maximum age `", stringify!($age), "`")]
                $stated,
            )*
            $(
                #[doc = $tells]
                #[doc = concat!("\n\n`", stringify!($kind), "` ", $of, " · maximum age `", stringify!($for), "`")]
                $made,
            )*
        }

        impl Field {
            /// Every field.
            pub const ALL: &[Self] = &[$(Self::$stated,)* $(Self::$made,)*];

            /// The fields a sighting states as they are; the others are made from several of its parts.
            pub(super) const STATED: &[Self] = &[$(Self::$stated,)*];

            /// Its row in the table.
            pub const fn info(self) -> FieldInfo {
                match self {
                    $(Self::$stated => FieldInfo {
                        name: stringify!($place),
                        value: FieldType::$type,
                        unit: $unit,
                        definition: $says.trim_ascii(),
                        max_age: $age,
                    },)*
                    $(Self::$made => FieldInfo {
                        name: stringify!($name),
                        value: FieldType::$kind,
                        unit: $of,
                        definition: $tells.trim_ascii(),
                        max_age: $for,
                    },)*
                }
            }

            /// What a sighting states; `None` for a field that is made from several parts.
            pub fn stated_by(self, sighting: &CreatorSighting) -> Option<FieldValue<'_>> {
                match self {
                    $(Self::$stated => sighting.$place.stated(),)*
                    $(Self::$made => None,)*
                }
            }

            /// The value a creator has; `None` for `posts` and `extra`, which have several.
            pub fn value_in(self, creator: &Creator) -> Option<FieldValue<'_>> {
                match self {
                    $(Self::$stated => creator.$place.stated(),)*
                    Self::FormerHandles => creator.former_handles.stated(),
                    Self::Posts | Self::Extra => None,
                }
            }

            /// Moves everything that a sighting states into a creator.
            pub(super) fn move_all(sighting: &mut CreatorSighting, creator: &mut Creator) {
                $(if sighting.$place.stated().is_some() {
                    creator.$place = std::mem::take(&mut sighting.$place);
                })*
            }

            /// Copies what a sighting states into a creator.
            pub(super) fn copy(self, sighting: &CreatorSighting, creator: &mut Creator) {
                match self {
                    $(Self::$stated => creator.$place.clone_from(&sighting.$place),)*
                    $(Self::$made => {})*
                }
            }
        }
    };
}

impl Serialize for Field {
    /// By the name in the table.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format_args!("there is no field `{name}`")))
    }
}

fields! {
    stated {
        /// The platform's number for the account: never changes.
        Uid uid: Text "", None;
        /// The platform's second key for the account: never changes.
        SecUid sec_uid: Text "", None;
        /// The handle as last shown, without `@`; none if somebody else has shown it since.
        Handle handle: Text "", Some(HALF_A_DAY);
        /// Display name.
        Name name: Text "", days(30);
        /// Biography.
        Bio bio: Text "", days(30);
        /// Links to elsewhere.
        Links links: List "", days(30);
        /// ISO 639-1 language.
        Language language: Text "", days(365);
        /// ISO 3166 country of residence.
        Country country: Text "", days(365);
        /// Categories in the source's words.
        Categories categories: List "", days(180);
        /// Verified by the platform.
        Verified verified: Flag "", days(30);
        /// Private account.
        Private private: Flag "", days(7);
        /// `business`, `personal` … in the source's words.
        AccountType account_type: Text "", days(180);
        /// Has a shop.
        HasShop has_shop: Flag "", days(90);
        /// Shows an e-mail address.
        HasEmail has_email: Flag "", days(180);
        /// The e-mail address; only when keeping it is switched on.
        Email email: Text "", days(180);
        /// When the account was made.
        CreatedAt created_at: Time "", None;
        /// Followers.
        Followers followers: Number "accounts", days(7);
        /// Accounts followed.
        Following following: Number "accounts", days(7);
        /// Likes received.
        Likes likes: Number "likes", days(7);
        /// Posts published.
        Videos videos: Number "posts", days(7);
        /// What was sold through the account in the last 30 days, by the source's estimate.
        Gmv30d gmv_30d: Number "hundredths of `currency`", days(30);
        /// Pieces sold through the account in the last 30 days, by the source's estimate.
        Units30d units_30d: Number "pieces", days(30);
        /// Average price of what the account sells.
        AvgPrice avg_price: Number "hundredths of `currency`", days(30);
        /// ISO 4217 currency of the amounts.
        Currency currency: Text "", days(30);
        /// How well the account sells, on the source's own scale.
        EcScore ec_score: Number "hundredths of a point", days(30);
        /// Link to the avatar, as signed by the source: works for hours to days.
        Avatar avatar: Text "", days(1);
    }
    made {
        /// Handles shown before the present one, latest first.
        FormerHandles former_handles: List "", None;
        /// Figures over the latest posts, whoever showed them.
        Posts posts: Object "", None;
        /// What is not modelled, each name chosen by itself.
        Extra extra: Object "", days(30);
    }
}

impl Field {
    /// Its name in JSON, configuration and search.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The field with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether a profile knows it best: counts, and the handle.
    pub const fn is_best_in_profiles(self) -> bool {
        matches!(self, Self::Handle) || matches!(self.info().value, FieldType::Number)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
