//! Signed links to pictures and videos, as a content network hands them out: right for a while, new in every answer.

use super::json::{Json, push_number};
use super::population::purpose;
use super::random::hash;

pub(super) mod signature;

const HOUR: u64 = 3_600;

/// Picture links live 48 hours, cut down to the full hour.
const PICTURE_HOURS: u64 = 48;

/// How long ago the links ended that come out of a stale cache.
const ENDED_HOURS: u64 = 2;

/// Video links live about six hours.
const VIDEO_HOURS: u64 = 6;

/// The links of one answer.
#[derive(Debug)]
pub(super) struct Links<'a> {
    base_url: &'a str,
    picture_expiry: String,
    video_expiry: String,
    nonce: u64,
    seed: u64,
    full_hour: u64,
}

impl<'a> Links<'a> {
    /// Prepares links that begin with `base_url` and are signed anew for each `call`.
    pub(super) fn new(base_url: &'a str, now: u64, seed: u64, call: u64) -> Self {
        let full_hour = now / HOUR * HOUR;
        let mut picture_expiry = String::with_capacity(10);
        push_number(&mut picture_expiry, full_hour + PICTURE_HOURS * HOUR);
        Self {
            base_url,
            picture_expiry,
            video_expiry: format!("{:x}", full_hour + VIDEO_HOURS * HOUR),
            nonce: hash(seed, purpose::SIGNATURE, call),
            seed,
            full_hour,
        }
    }

    /// The same links, as they were when they ended some hours ago.
    pub(super) fn ended(&self) -> Self {
        let mut picture_expiry = String::with_capacity(10);
        push_number(&mut picture_expiry, self.full_hour.saturating_sub(ENDED_HOURS * HOUR));
        Self { picture_expiry, video_expiry: self.video_expiry.clone(), ..*self }
    }

    /// Writes a picture's link as a string value. `mark` is the part of the name that tells size and format.
    pub(super) fn picture(&self, json: &mut Json, uri: &str, mark: &str) {
        let nonce = signature::nonce(hash(self.nonce, mark.len() as u64, 0));
        let signature = signature::of(self.seed, &nonce, &self.picture_expiry, &[uri, mark]);
        json.plain(&[
            self.base_url,
            "/images/",
            uri,
            mark,
            "?x-expires=",
            &self.picture_expiry,
            "&x-signature=",
            &signature,
            "%3D",
        ]);
    }

    /// Writes a video's link as a string value; its expiry is a hexadecimal part of the path.
    pub(super) fn video(&self, json: &mut Json, uri: &str) {
        let digest =
            format!("{:016x}{:016x}", self.nonce, hash(self.nonce, purpose::SIGNATURE, uri.len() as u64));
        let expiry = self.video_expiry.as_str();
        json.plain(&[
            self.base_url,
            "/videos/",
            &digest,
            "/",
            expiry,
            "/video/",
            uri,
            "/?a=1233&br=1430&mime_type=video_mp4",
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(now: u64, call: u64) -> String {
        let mut json = Json::default();
        Links::new("http://host", now, 1, call).picture(&mut json, "tos-x/abc", "~c5_100x100.webp");
        json.into_string()
    }

    #[test]
    fn pictures_expire_on_the_hour_and_are_signed_anew() {
        let link = picture(1_793_491_200 + 1_234, 1);
        assert!(
            link.starts_with(
                "\"http://host/images/tos-x/abc~c5_100x100.webp?x-expires=1793664000&x-signature="
            )
        );
        assert_ne!(link, picture(1_793_491_200 + 1_234, 2));
    }

    #[test]
    fn a_video_link_hides_its_expiry_in_the_path() {
        let mut json = Json::default();
        Links::new("http://host", 1_793_491_200, 1, 1).video(&mut json, "tos/v");
        assert!(json.into_string().contains(&format!("/{:x}/video/", 1_793_491_200 + 6 * 3_600)));
    }
}
