//! Lives: little in the row itself, the rest as a JSON document inside a text.

use super::super::json::Json;
use super::super::posts::LATEST_POST;
use super::user::Scene;

/// Lives have rooms with ids beyond what a double can hold.
const FIRST_ROOM: u64 = 7_300_000_000_000_000_000;

/// Writes a row of a search for lives.
pub(super) fn write(json: &mut Json, hashtag: &str, host: &Scene<'_>) {
    let creator = host.creator;
    let room = FIRST_ROOM + u64::from(creator.index);
    json.open('{').int("type", 1).key("lives").open('{');
    json.id("aweme_id", room).int("aweme_type", 101).key("author").open('{');
    json.plain_member("unique_id", &creator.handle).text("nickname", &creator.name);
    if host.has_ids {
        json.id("uid", creator.uid).plain_member("sec_uid", &creator.sec_uid);
    }
    json.int("room_id", room).id("room_id_str", room).text("room_title", &creator.name).close('}');
    json.raw(r#""room":{"has_commerce_goods":false,"is_battle":false}"#);
    json.text("rawdata", &rawdata(room, hashtag, host)).close('}').close('}');
}

fn rawdata(room: u64, hashtag: &str, host: &Scene<'_>) -> String {
    let creator = host.creator;
    let mut json = Json::with_capacity(1 << 10);
    json.open('{').id("id_str", room).key("owner").open('{');
    if host.has_ids {
        json.int("id", creator.uid).id("id_str", creator.uid).plain_member("sec_uid", &creator.sec_uid);
    }
    json.text("nickname", &creator.name)
        .text("bio_description", &creator.bio)
        .plain_member("display_id", &creator.handle)
        .key("follow_info")
        .open('{')
        .int("follower_count", creator.followers)
        .int("following_count", creator.following)
        .close('}')
        .close('}');
    json.int("user_count", creator.followers / 900)
        .key("stats")
        .open('{')
        .int("total_user", creator.followers / 100)
        .close('}');
    json.int("like_count", creator.hearts / 5_000)
        .int("start_time", LATEST_POST)
        .key("hashtag")
        .open('{')
        .text("title", hashtag)
        .close('}');
    json.text("stream_url", r#"{"rtmp_pull_url":"","resolution_name":{}}"#).close('}');
    json.into_string()
}
