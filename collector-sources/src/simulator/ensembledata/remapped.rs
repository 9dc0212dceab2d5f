//! Posts in the shape of the platform's web pages, as reads of a whole hashtag give them.

use super::super::json::Json;
use super::super::posts::Post;
use super::user::Scene;

/// Writes a post with its author in this shape.
pub(super) fn write(json: &mut Json, post: &Post, hashtag: (u32, &str), author: &Scene<'_>) {
    json.open('{');
    item(json, post, hashtag.1, author);
    people(json, author);
    // Counters of authors are all zero here: not delivered.
    json.raw(
        r#""authorStats":{"followingCount":0,"followerCount":0,"heartCount":0,"videoCount":0,"diggCount":0}"#,
    );
    let sound = (7_000_000_000_000_000_000 | (post.id >> 16)).to_string();
    json.key("musicInfos")
        .open('{')
        .plain_member("musicId", &sound)
        .text("musicName", "original sound")
        .text("authorName", &author.creator.name)
        .raw(r#""original":true,"playUrl":[],"covers":[],"coversMedium":[],"coversLarger":[]"#)
        .close('}');
    tags(json, hashtag);
    json.raw(r#""duetInfo":"0","stickerTextList":[]"#).close('}');
}

fn item(json: &mut Json, post: &Post, hashtag: &str, author: &Scene<'_>) {
    json.key("itemInfos").open('{').id("id", post.id).text("text", &format!("{} #{hashtag} ", post.caption));
    // A number in a text, unlike everywhere else.
    json.id("createTime", post.created_at);
    if author.has_ids {
        json.id("authorId", author.creator.uid);
    }
    json.int("playCount", post.views)
        .int("diggCount", post.likes)
        .int("commentCount", post.comments)
        .int("shareCount", post.shares);
    json.key("covers").open('[');
    author.links.picture(json, &format!("tos-alisg-p-0037/{:032x}", post.id), "~tplv-tiktokx-360p.webp");
    json.close(']').raw(r#""coversOrigin":[],"coversDynamic":[],"shareCover":[""]"#);
    json.key("video").open('{').raw(r#""urls":[]"#).key("videoMeta").open('{');
    json.raw(r#""width":576,"height":1024,"ratio":14"#).int("duration", post.duration_ms / 1_000);
    json.close('}').close('}');
    json.raw(r#""isAd":false,"isOriginal":false,"isOfficial":false,"secret":false,"forFriend":false,"liked":false"#)
        .raw(r#""itemMute":false,"shareEnabled":true,"stitchEnabled":true,"showNotPass":false,"vl1":false"#)
        .raw(r#""isActivityItem":false,"commentStatus":0,"warnInfo":[]"#)
        .close('}');
}

fn people(json: &mut Json, author: &Scene<'_>) {
    let creator = author.creator;
    json.key("authorInfos").open('{').plain_member("uniqueId", &creator.handle);
    if author.has_ids {
        json.id("userId", creator.uid).plain_member("secUid", &creator.sec_uid);
    }
    json.text("nickName", &creator.name)
        .text("signature", &creator.bio)
        .flag("verified", creator.verified)
        .flag("secret", creator.private)
        .flag("isSecret", creator.private)
        .raw(r#""user_type":"","roomId":"","relation":-1"#);
    for (member, mark) in [
        ("covers", "~c5_100x100.webp"),
        ("coversMedium", "~c5_720x720.webp"),
        ("coversLarger", "~c5_1080x1080.jpeg"),
    ] {
        json.key(member).open('[');
        author.links.picture(json, &creator.avatar_uri, mark);
        json.close(']');
    }
    json.close('}');
}

/// The name of the hashtag is empty in one list, and only the other one and the text have it.
fn tags(json: &mut Json, (number, name): (u32, &str)) {
    let id = (1_600_000 + u64::from(number)).to_string();
    json.key("challengeInfoList").open('[').open('{').plain_member("challengeId", &id);
    json.text("challengeName", name).raw(r#""text":"","isCommerce":false,"splitTitle":"","covers":[]"#);
    json.close('}').close(']').key("textExtra").open('[').open('{').plain_member("HashtagId", &id);
    json.raw(
        r#""HashtagName":"","Start":0,"End":0,"Type":1,"UserId":"","SecUid":"","AwemeId":"","SubType":0"#,
    );
    json.raw(r#""IsCommerce":false,"UserUniqueId":"""#).close('}').close(']');
}
