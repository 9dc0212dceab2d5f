//! A field of a creator, and how what was seen becomes it.

use collector_core::creator::{CreatorSighting, Field as Place};

use super::super::path::{Path, Step};
use super::super::walk::{Scalar, Seen, Want};
use crate::values::{Filter, Target, apply_all};

/// A field of a creator: where it comes from, and how it becomes what it is.
#[derive(Debug, Clone)]
pub(in super::super) struct Field {
    pub(in super::super) target: Target,
    pub(in super::super) filters: Vec<Filter>,
    pub(in super::super) path: Path,
    /// The key in the file.
    pub(in super::super) key: String,
    pub(in super::super) required: bool,
}

impl Field {
    /// What has to be taken for it.
    pub(in super::super) fn want(&self) -> Want {
        let list = matches!(self.target, Target::Field(Place::Links | Place::Categories));
        let whole = self.filters.iter().any(|filter| {
            matches!(
                filter,
                Filter::First | Filter::Length | Filter::Present | Filter::EmptyIsUnknown | Filter::Json
            )
        });
        let each = self.path.steps().is_none_or(|steps| steps.contains(&Step::Each));
        match &self.target {
            Target::Extra(_) if self.filters.is_empty() => Want::Json,
            _ if list && (self.filters.is_empty() || each) => Want::Many,
            _ if whole || list => Want::Json,
            _ => Want::One,
        }
    }

    /// Puts what was seen where it belongs; tells whether there was anything.
    pub(super) fn set(&self, seen: Seen<'_>, item: &mut CreatorSighting) -> Result<bool, String> {
        let value = match seen {
            Seen::Nothing | Seen::Null => return Ok(false),
            Seen::Odd(found) => {
                return Err(format!("`{}` leads to {found}, where one value is wanted", self.path));
            }
            Seen::Scalar(scalar) => match self.set_plain(scalar, item) {
                Ok(set) => return Ok(set),
                Err(scalar) => scalar.to_json(),
            },
            Seen::List(list) => list.iter().map(Scalar::to_json).collect(),
            Seen::Json(value) => value,
        };
        let value = apply_all(&self.filters, value).map_err(|unfit| unfit.to_string())?;
        self.target.set(item, &value)?;
        Ok(!value.is_null())
    }

    /// The short way for nearly all values: they are of the right kind already. Gives the others back.
    fn set_plain<'a>(&self, scalar: Scalar<'a>, item: &mut CreatorSighting) -> Result<bool, Scalar<'a>> {
        let Target::Field(place) = &self.target else { return Err(scalar) };
        match (scalar, self.filters.as_slice()) {
            (Scalar::Text(text), [] | [Filter::Text]) if text.len() <= SHORT => {
                let Some(place) = text_place(*place, item) else { return Err(Scalar::Text(text)) };
                *place = Some(text.into());
                Ok(true)
            }
            (Scalar::Unsigned(0), [.., Filter::ZeroIsUnknown]) => Ok(false),
            (Scalar::Unsigned(number), [] | [Filter::Int | Filter::Count | Filter::ZeroIsUnknown])
            | (Scalar::Unsigned(number), [Filter::Int | Filter::Count, Filter::ZeroIsUnknown]) => {
                let Some(place) = number_place(*place, item) else { return Err(Scalar::Unsigned(number)) };
                *place = Some(number);
                Ok(true)
            }
            (Scalar::Flag(flag), [] | [Filter::Flag]) => {
                let Some(place) = flag_place(*place, item) else { return Err(Scalar::Flag(flag)) };
                *place = Some(flag);
                Ok(true)
            }
            (scalar, _) => Err(scalar),
        }
    }
}

/// Longer texts go the long way, where they are cut.
const SHORT: usize = 1_000;

fn text_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<Box<str>>> {
    Some(match place {
        Place::Uid => &mut item.uid,
        Place::SecUid => &mut item.sec_uid,
        Place::Handle => &mut item.handle,
        Place::Name => &mut item.name,
        Place::Bio => &mut item.bio,
        Place::Language => &mut item.language,
        Place::Country => &mut item.country,
        Place::AccountType => &mut item.account_type,
        Place::Avatar => &mut item.avatar,
        _ => return None,
    })
}

fn number_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<u64>> {
    Some(match place {
        Place::Followers => &mut item.followers,
        Place::Following => &mut item.following,
        Place::Likes => &mut item.likes,
        Place::Videos => &mut item.videos,
        _ => return None,
    })
}

fn flag_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<bool>> {
    Some(match place {
        Place::Verified => &mut item.verified,
        Place::Private => &mut item.private,
        Place::HasShop => &mut item.has_shop,
        Place::HasEmail => &mut item.has_email,
        _ => return None,
    })
}
