//! Comments.

use super::super::json::Json;
use super::super::names::CAPTIONS;
use super::super::posts::LATEST_POST;
use super::user::Scene;

/// Writes the `number`th comment of a post.
pub(super) fn write(json: &mut Json, post: &str, number: usize, writer: &Scene<'_>) {
    let text = CAPTIONS.get(number % CAPTIONS.len()).copied().unwrap_or_default();
    json.open('{')
        .id("cid", 7_100_000_000_000_000_000 + number as u64)
        .text("aweme_id", post)
        .text("text", text)
        .int("create_time", LATEST_POST - 60 * number as u64)
        .int("digg_count", number as u64 % 17)
        .int("reply_comment_total", number as u64 % 3)
        .raw(r#""reply_id":"0","reply_to_reply_id":"0","reply_comment":null,"status":1,"comment_language":"un""#)
        .key("user")
        .open('{');
    writer.mobile_members(json);
    json.close('}')
        .raw(r#""text_extra":[],"is_author_digged":false,"author_pin":false,"stick_position":0,"label_list":null"#)
        .raw(r#""no_show":false,"user_buried":false,"collect_stat":0,"trans_btn_style":0"#)
        .raw(r#""share_info":{"url":"","title":"","desc":"","acl":{"code":0,"extra":"{}"}}"#)
        .close('}');
}
