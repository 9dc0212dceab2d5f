//! Lists of people: searches, followers, those followed, and those who comment.

use super::super::answer::Answer;
use super::super::graph::{list_position, tied_at};
use super::super::json::Json;
use super::super::population::push_base64;
use super::super::posts::find_post;
use super::super::random::mix;
use super::super::vendor::Vendor;
use super::user::{Counters, Scene};
use super::{VendorCall, comment};

const SEARCH_PAGE: usize = 10;
const RELATED_PAGE: usize = 100;

/// Comments on a page; the first one has one more, which the vendor does not explain.
const COMMENTS_PAGE: usize = 30;

/// Members of a search's entry that were never seen with a value.
const ENTRY_NULLS: &str = r#""challenges":null,"effects":null,"items":null,"mix_list":null,"musics":null,"position":null,"uniqid_position":null"#;

impl VendorCall<'_> {
    pub(super) fn user_search(&self) -> Answer {
        let asked = self.query.get("keyword").unwrap_or_default();
        let found = self.world.people_called(asked);
        let (from, to) = self.window(found.len(), SEARCH_PAGE);
        let mut json = self.opened();
        json.key("users").open('[');
        for index in found.get(from..to).unwrap_or_default() {
            let creator = self.world.present(*index);
            json.open('{').key("user_info").open('{');
            self.scene(&creator, Counters::Real).mobile_members(&mut json);
            json.digit("is_private_account", creator.private).close('}').raw(ENTRY_NULLS).close('}');
        }
        json.close(']');
        if to < found.len() {
            json.int("nextCursor", to as u64);
        }
        self.closed(json).charged(2, vec![format!("{}#{from}", asked.to_lowercase())])
    }

    pub(super) fn followers(&self) -> Answer {
        self.related("followers", |call, index| call.world.followers(index))
    }

    pub(super) fn followings(&self) -> Answer {
        self.related("followings", |call, index| {
            if call.world.hides_followings(index) { Vec::new() } else { call.world.followings(index) }
        })
    }

    fn related(&self, list: &str, everybody: fn(&Self, u32) -> Vec<u32>) -> Answer {
        let asked = self.query.get("secUid").unwrap_or_default();
        let sent = self.number("cursor");
        let subjects = vec![format!("{asked}#{sent}")];
        let owner = self
            .world
            .population
            .find_sec_uid(asked)
            .filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        let Some(index) = owner else { return self.data("null".to_owned()).charged(1, subjects) };
        let people = everybody(self, index);
        // Only one of the two lists needs its second cursor; without it the list starts over.
        let needs_token = list == "followings" && sent != 0;
        let has_token = self.query.get("page_token") == Some(page_token(sent).as_str());
        let from = if needs_token && !has_token { 0 } else { list_position(sent) };
        let to = people.len().min(from + RELATED_PAGE);
        let mut json = self.opened();
        json.key(list).open('[');
        for index in people.get(from..to).unwrap_or_default() {
            let creator = self.world.present(*index);
            let scene = Scene { dated: true, ..self.scene(&creator, Counters::Real) };
            json.open('{');
            scene.mobile_members(&mut json);
            json.close('}');
        }
        let owner = self.world.present(index);
        let total = if list == "followers" { owner.followers } else { owner.following };
        json.close(']').int("total", total);
        if to < people.len() {
            self.next_related(&mut json, list, tied_at(to - 1));
        }
        self.closed(json).charged(2, subjects)
    }

    fn next_related(&self, json: &mut Json, list: &str, cursor: u64) {
        json.int("nextCursor", cursor);
        if list == "followings" {
            json.text("nextPageToken", &page_token(cursor));
        }
    }

    pub(super) fn post_comments(&self) -> Answer {
        let asked = self.query.get("aweme_id").unwrap_or_default();
        let sent = self.number("cursor");
        let subjects = vec![format!("{asked}#{sent}")];
        let found = asked.parse().ok().and_then(|id| find_post(self.world.population, id));
        let Some((index, _)) = found.filter(|(index, _)| self.world.knows(Vendor::EnsembleData, *index))
        else {
            return self.data("null".to_owned()).charged(1, subjects);
        };
        let writers = self.world.commenters(index);
        let (from, to) = self.window(writers.len(), COMMENTS_PAGE + usize::from(sent == 0));
        let mut json = self.opened();
        json.key("comments").open('[');
        for (number, writer) in writers.iter().enumerate().take(to).skip(from) {
            let writer = self.world.listed(*writer);
            comment::write(&mut json, asked, number, &self.scene(&writer, Counters::Zero));
        }
        json.close(']').int("total", writers.len() as u64);
        if to < writers.len() {
            json.int("nextCursor", to as u64);
        }
        self.closed(json).charged(1, subjects)
    }

    /// Where the page at the cursor begins and ends in a list of `length` rows.
    pub(super) fn window(&self, length: usize, page: usize) -> (usize, usize) {
        let from = usize::try_from(self.number("cursor")).unwrap_or(usize::MAX).min(length);
        (from, length.min(from.saturating_add(page)))
    }
}

/// The second cursor that goes with a cursor: opaque, and in need of encoding.
fn page_token(cursor: u64) -> String {
    let mut token = String::with_capacity(16);
    push_base64(&mut token, mix(cursor), 10);
    token.push_str("+/==");
    token
}
