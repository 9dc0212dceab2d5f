//! A profile. The answer does not say whose: it is whose was asked for.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::Result;
use collector_core::task::{Page, Payload, Task};

use super::super::kind::Kind;
use super::super::wire::User;
use super::{Reader, clean};
use crate::values::answer::{Fields, misshapen};
use crate::values::bio;

/// Longest link kept, in bytes.
const LONGEST_LINK: usize = 2_048;

pub(super) fn read(reader: &Reader, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
    let opened = reader.open::<User<'_>>(Kind::Profile, payload)?;
    let user = match reader.without_data(task, payload, opened)? {
        Ok(user) => user,
        Err(page) => return Ok(page),
    };
    let mut page = reader.page(payload)?;
    let mut fields = Fields { place: "data", malformed: &mut page.malformed };
    let mut seen = CreatorSighting::showing(aspect::PROFILE);
    if let Some(name) = fields.text("display_name", &user.display_name) {
        bio::set_name(&mut seen, &clean(name), reader.keep_email);
    }
    // An empty biography is known to be empty; only a missing one is unknown.
    if let Some(about) = fields.take("bio_description", &user.bio_description) {
        bio::set_bio(&mut seen, &clean(about), reader.keep_email);
    }
    if let Some(link) = fields.text("bio_url", user.bio_url.or(&user.bio_url_in_capitals)) {
        bio::add_link(&mut seen, link);
    }
    let usable = |link: &&str| link.starts_with("http") && link.len() <= LONGEST_LINK;
    seen.avatar = fields.text("avatar_url", &user.avatar_url).filter(usable).map(Into::into);
    seen.verified = fields.copy("is_verified", &user.is_verified);
    seen.followers = fields.copy("follower_count", &user.follower_count);
    seen.following = fields.copy("following_count", &user.following_count);
    seen.likes = fields.copy("likes_count", &user.likes_count);
    seen.videos = fields.copy("video_count", &user.video_count);
    if seen == CreatorSighting::showing(aspect::PROFILE) {
        return Err(misshapen("data", "a user"));
    }
    seen.handle = Some(task.subject().into());
    page.items.push(seen);
    Ok(page)
}
