//! Lists of posts that belong to somebody or something: own posts, liked posts, posts of a sound, one post.

use super::super::answer::Answer;
use super::super::config::UnknownUser;
use super::super::graph::{list_position, tied_at};
use super::super::json::Json;
use super::super::population::Creator;
use super::super::posts::{find_post, posted_at};
use super::super::vendor::Vendor;
use super::user::Counters;
use super::{POST_BYTES, VendorCall, parameters, post};

/// Posts the vendor reads from the platform at a time for one account.
const OWN_PAGE: usize = 10;

/// The most posts an account can have at the top of its list.
const MOST_PINNED: usize = 3;

const LIKED_PAGE: usize = 20;
const SOUND_PAGE: usize = 18;

/// A part of somebody's own posts.
#[derive(Debug, Default)]
struct OwnPosts {
    positions: Vec<u32>,
    /// Pages of ten it took.
    depth: u64,
    /// Milliseconds of the last post that is not pinned, when there are more.
    next: Option<u64>,
}

impl VendorCall<'_> {
    pub(super) fn user_posts(&self) -> Answer {
        let asked = self.query.get("username").unwrap_or_default();
        let owner = self.world.owner(asked).filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        self.own_posts(&asked.to_ascii_lowercase(), owner, 1)
    }

    pub(super) fn user_posts_from_sec_uid(&self) -> Answer {
        let asked = self.query.get("secUid").unwrap_or_default();
        let owner = self
            .world
            .population
            .find_sec_uid(asked)
            .filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        self.own_posts(asked, owner, 0)
    }

    fn own_posts(&self, asked: &str, owner: Option<u32>, extra_units: u64) -> Answer {
        let start = self.number("start_cursor");
        let subjects = vec![format!("{asked}#{start}")];
        let Some(index) = owner else { return self.no_posts().charged(1, subjects) };
        let author = self.world.present(index);
        let part = self.part_of_own(&author, start);
        let mut json = Json::with_capacity(part.positions.len() * POST_BYTES + 64);
        json.open('{').key("data").open('[');
        let style = post::Style { short: self.flag("new_version"), ..post::Style::default() };
        for position in &part.positions {
            self.styled_post(&mut json, &author, *position, Counters::Real, style);
        }
        json.close(']');
        if let Some(next) = part.next {
            json.int("nextCursor", next);
        }
        json.close('}');
        let units = (part.depth + extra_units).max(1);
        Answer::json(self.config.success_status, json.into_string()).charged(units, subjects)
    }

    /// Pinned posts first, then the latest; each page of ten is read whole, and a page with a post that is too old is
    /// the last.
    fn part_of_own(&self, author: &Creator, start_ms: u64) -> OwnPosts {
        if author.private {
            return OwnPosts::default();
        }
        let seed = self.world.population.seed();
        let created = |position: u32| posted_at(seed, author, position);
        let pinned: Vec<u32> =
            (0..author.videos).filter(|at| self.world.post(author, *at).pinned).take(MOST_PINNED).collect();
        let later = |at: &u32| start_ms == 0 || created(*at) * 1_000 < start_ms;
        let rest = (0..author.videos).filter(|at| !pinned.contains(at)).filter(later);
        let top = pinned.iter().copied().filter(|_| start_ms == 0);
        let queue: Vec<u32> = top.chain(rest).collect();
        let oldest = self.number("oldest_createtime");
        let mut part = OwnPosts::default();
        for page in queue.chunks(OWN_PAGE).take(self.number("depth") as usize) {
            part.positions.extend(page);
            part.depth += 1;
            if page.iter().any(|at| !pinned.contains(at) && created(*at) < oldest) {
                break;
            }
        }
        let last = part.positions.iter().rev().find(|at| !pinned.contains(at));
        part.next = last.filter(|_| part.positions.len() < queue.len()).map(|at| created(*at) * 1_000);
        part
    }

    /// What is said of an account nobody has, or that has nothing to show.
    fn no_posts(&self) -> Answer {
        match self.config.unknown_user {
            UnknownUser::Null => self.data("null".to_owned()),
            UnknownUser::Invalid => Answer::detail(463, "Invalid username or user id."),
            UnknownUser::NotFound => Answer::detail(473, "User not found."),
            UnknownUser::UserNull | UnknownUser::Empty | UnknownUser::NearMiss => self.data("[]".to_owned()),
        }
    }

    pub(super) fn liked_posts(&self) -> Answer {
        let asked = self.query.get("secUid").unwrap_or_default();
        let sent = self.number("cursor");
        let subjects = vec![format!("{asked}#{sent}")];
        let owner = self
            .world
            .population
            .find_sec_uid(asked)
            .filter(|index| self.world.knows(Vendor::EnsembleData, *index));
        let Some(index) = owner else { return self.data("null".to_owned()).charged(1, subjects) };
        let liked = self.world.liked(index);
        let from = list_position(sent / 1_000);
        let page = liked.iter().enumerate().skip(from).take(LIKED_PAGE);
        let mut json = self.opened();
        let mut last = from;
        json.key("liked_posts").open('[');
        for (at, author) in page {
            last = at;
            self.post(&mut json, &self.world.listed(*author), 0, false);
        }
        json.close(']');
        if last + 1 < liked.len() {
            json.int("nextCursor", tied_at(last) * 1_000);
        }
        self.closed(json).charged(1, subjects)
    }

    pub(super) fn music_posts(&self) -> Answer {
        let asked = self.query.get("music_id").unwrap_or_default();
        let users = asked.parse().map_or_else(|_| Vec::new(), |sound| self.world.users_of_sound(sound));
        let sent = self.number("cursor");
        let from = usize::try_from(sent).unwrap_or(usize::MAX).min(users.len());
        let to = users.len().min(from + SOUND_PAGE);
        let mut json = self.opened();
        json.key("aweme_list").open('[');
        for author in users.get(from..to).unwrap_or_default() {
            let author = self.world.listed(*author);
            self.styled_post(&mut json, &author, 0, Counters::Missing, post::Style::default());
        }
        json.close(']');
        if to < users.len() {
            json.int("nextCursor", to as u64);
        }
        self.closed(json).charged(1, vec![format!("{asked}#{sent}")])
    }

    pub(super) fn post_info(&self) -> Answer {
        let asked = self.query.get("url").unwrap_or_default();
        let id = asked.split_once("tiktok.com/@").and_then(|(_, path)| {
            let (_, rest) = path.split_once("/video/").or_else(|| path.split_once("/photo/"))?;
            rest.split(['?', '#', '/']).next()?.parse::<u64>().ok()
        });
        let Some(id) = id else {
            return Answer::detail(462, "Url not valid. Check correct format on the documentation.");
        };
        let mut json = Json::with_capacity(POST_BYTES);
        json.open('{').key("data").open('[');
        let found = find_post(self.world.population, id)
            .filter(|(index, _)| self.world.knows(Vendor::EnsembleData, *index));
        if let Some((index, position)) = found {
            self.post(&mut json, &self.world.present(index), position, self.flag("new_version"));
        }
        json.close(']').close('}');
        Answer::json(self.config.success_status, json.into_string()).charged(2, vec![id.to_string()])
    }

    /// A parameter's number; what is missing or negative counts as 0.
    pub(super) fn number(&self, name: &str) -> u64 {
        let number = self.query.get(name).and_then(parameters::integer).unwrap_or_default();
        u64::try_from(number).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.query.get(name).and_then(parameters::boolean) == Some(true)
    }

    /// An answer whose `data` is an object, begun.
    pub(super) fn opened(&self) -> Json {
        let mut json = Json::with_capacity(POST_BYTES);
        json.open('{').key("data").open('{');
        json
    }

    /// An answer begun by [`opened`](Self::opened), ended.
    pub(super) fn closed(&self, mut json: Json) -> Answer {
        json.close('}').close('}');
        Answer::json(self.config.success_status, json.into_string())
    }
}
