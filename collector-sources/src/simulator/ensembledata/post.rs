//! Post objects, bare, as hashtag pages and multi-info carry them.

use super::super::json::Json;
use super::super::links::Links;
use super::super::population::purpose;
use super::super::posts::Post;
use super::super::random::hash;
use super::constants;
use super::user::{Scene, image, in_some_order};

/// How much of a post is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Style {
    /// Only the essential members.
    pub(in super::super) short: bool,
    /// With a link for downloading.
    pub(in super::super) download: bool,
    /// With what a search by keyword adds.
    pub(in super::super) searched: bool,
}

/// Covers of a video: member, mark in the link.
const COVERS: [(&str, &str); 4] = [
    ("cover", "~tplv-dmt-logom:0"),
    ("origin_cover", "~tplv-tiktokx-360p"),
    ("dynamic_cover", "~tplv-dynamic"),
    ("ai_dynamic_cover", "~tplv-ai-dynamic"),
];

/// Writes a post with its author. `hashtag` is number and name of the tag it carries.
pub(in super::super) fn write(
    json: &mut Json,
    post: &Post,
    hashtag: (u32, &str),
    author: &Scene<'_>,
    style: Style,
) {
    let writer = Writer { post, hashtag, author, quirk: hash(author.seed, purpose::QUIRK, post.id), style };
    json.open('{');
    writer.members(json);
    json.close('}');
}

struct Writer<'a> {
    post: &'a Post,
    hashtag: (u32, &'a str),
    author: &'a Scene<'a>,
    quirk: u64,
    style: Style,
}

impl Writer<'_> {
    fn members(&self, json: &mut Json) {
        let author = |json: &mut Json| {
            json.key("author").open('{');
            self.author.mobile_members(json);
            if self.style.searched {
                json.text("search_user_name", &self.author.creator.name)
                    .raw(r#""search_user_desc":"","name_field":"nickname""#);
            }
            json.close('}');
        };
        let essential: [&dyn Fn(&mut Json); 5] = [
            &|json| self.identity(json),
            &|json| self.statistics(json),
            &author,
            &|json| self.tags(json),
            &|json| self.video(json),
        ];
        in_some_order(json, self.author.order, &essential);
        if self.post.photo {
            self.pictures(json);
        }
        if self.style.searched {
            json.text("search_desc", self.post.caption);
        }
        if !self.style.short {
            json.raw(&constants::POST[0]);
            self.music(json);
            json.raw(&constants::POST[1]);
        }
    }

    fn identity(&self, json: &mut Json) {
        let (post, creator) = (self.post, self.author.creator);
        json.id("aweme_id", post.id).id("group_id", post.id);
        if self.author.has_ids {
            json.int("author_user_id", creator.uid);
        }
        json.text("desc", &self.caption())
            .int("create_time", post.created_at)
            .plain_member("region", creator.country)
            .plain_member("desc_language", if self.quirk.is_multiple_of(5) { "un" } else { creator.language })
            .plain_member("title_language", "un")
            .int("aweme_type", if post.photo { 2 } else { 0 })
            .digit("is_top", post.pinned)
            .flag("is_ads", false)
            .int("duration", post.duration_ms)
            .key("share_url");
        let id = post.id.to_string();
        json.plain(&[
            "https://m.tiktok.com/v/",
            &id,
            ".html?u_code=d4l8kc2i&preview_pb=0&language=en&_d=d4l8m&share_item_id=",
            &id,
        ]);
    }

    /// Old captures lack some of these, so now and then one is missing here too.
    fn statistics(&self, json: &mut Json) {
        let post = self.post;
        json.key("statistics")
            .open('{')
            .id("aweme_id", post.id)
            .int("play_count", post.views)
            .int("digg_count", post.likes)
            .int("comment_count", post.comments)
            .int("share_count", post.shares);
        if self.quirk % 31 != 1 {
            json.int("collect_count", post.saves);
        }
        json.int("download_count", post.shares / 3)
            .int("whatsapp_share_count", post.shares / 9)
            .raw(r#""forward_count":0,"lose_count":0,"lose_comment_count":0"#)
            .close('}');
    }

    fn caption(&self) -> String {
        let (_, name) = self.hashtag;
        if self.post.caption.is_empty() {
            format!("#{name} ")
        } else {
            format!("{} #{name} ", self.post.caption)
        }
    }

    /// Hashtags come in two lists, and either can be null.
    fn tags(&self, json: &mut Json) {
        let (number, name) = self.hashtag;
        let id = (1_600_000 + u64::from(number)).to_string();
        let without_list = self.quirk % 10 == 3;
        if self.quirk % 20 == 4 {
            json.key("text_extra").raw("null");
        } else {
            let start = self.caption().encode_utf16().count() - name.encode_utf16().count() - 2;
            json.key("text_extra")
                .open('[')
                .open('{')
                .text("hashtag_name", name)
                .plain_member("hashtag_id", &id)
                .int("start", start as u64)
                .int("end", (start + name.encode_utf16().count() + 1) as u64)
                .raw(r#""type":1,"sub_type":0,"is_commerce":false,"user_id":"","sec_uid":"","aweme_id":"""#)
                .close('}')
                .close(']');
        }
        json.key("cha_list");
        if without_list {
            json.raw("null");
            return;
        }
        json.open('[')
            .open('{')
            .plain_member("cid", &id)
            .text("cha_name", name)
            .raw(r#""desc":"","user_count":0,"view_count":0,"type":1,"is_commerce":false,"is_challenge":0,"connect_music":[]"#)
            .raw(r#""share_info":{"share_url":"","share_desc":"","share_title":"","bool_persist":0}"#)
            .close('}')
            .close(']');
    }

    fn video(&self, json: &mut Json) {
        let uri =
            format!("tos-alisg-p-0037/{:032x}", u128::from(self.quirk) << 64 | u128::from(self.post.id));
        let links = self.author.links;
        json.key("video").open('{').int("duration", self.post.duration_ms);
        for (member, mark) in COVERS {
            json.key(member);
            let (webp, jpeg) = (format!("{mark}.webp"), format!("{mark}.jpeg"));
            image(json, links, &uri, &[&webp, &jpeg]);
        }
        json.raw(concat!(
            r#""width":576,"height":1024,"ratio":"540p","has_watermark":true,"is_callback":true,"need_set_token":false,"#,
            r#""cover_is_custom":false,"CoverTsp":0.5,"meta":"{\"bright_ratio_mean\":\"0.0312\",\"loudness\":\"-17.3\"}","#,
            r#""misc_download_addrs":"{\"suffix_scene\":{}}","tags":null,"big_thumbs":[],"is_long_video":0"#,
        ));
        json.int("cdn_url_expired", 0);
        for member in ["play_addr", "download_addr"] {
            json.key(member);
            address(json, links, &uri);
        }
        if !self.style.short {
            json.key("bit_rate").open('[').open('{');
            json.raw(r#""bit_rate":1430221,"gear_name":"normal_540_0","quality_type":20,"is_bytevc1":0,"dub_infos":null"#);
            json.raw(r#""video_extra":"{\"PktOffsetMap\":\"[]\"}""#).key("play_addr");
            address(json, links, &uri);
            json.close('}').close(']');
        }
        if self.style.download {
            json.key("cookie_download");
            links.video(json, &uri);
        }
        json.close('}');
    }

    fn pictures(&self, json: &mut Json) {
        json.key("image_post_info").open('{').key("images").open('[');
        for picture in 0..3 {
            let uri = format!("tos-alisg-i-photomode/{:032x}", u128::from(self.post.id) << 8 | picture);
            json.open('{').key("display_image");
            image(json, self.author.links, &uri, &["~tplv-photomode.heic", "~tplv-photomode.jpeg"]);
            json.close('}');
        }
        json.close(']').close('}');
    }

    fn music(&self, json: &mut Json) {
        let creator = self.author.creator;
        let sound = 7_000_000_000_000_000_000 | (self.quirk >> 16);
        json.key("music")
            .open('{')
            .int("id", sound)
            .id("id_str", sound)
            .id("mid", sound)
            .text("title", "original sound")
            .text("author", &creator.name)
            .plain_member("owner_handle", &creator.handle)
            .text("owner_nickname", &creator.name)
            .int("duration", self.post.duration_ms / 1_000)
            .raw(constants::MUSIC)
            .close('}');
    }
}

fn address(json: &mut Json, links: &Links<'_>, uri: &str) {
    json.open('{').plain_member("uri", uri).key("url_list").open('[');
    links.video(json, uri);
    links.video(json, uri);
    json.close(']')
        .raw(r#""width":576,"height":1024,"data_size":2310045,"url_key":"v_h264_540p_1430221""#)
        .close('}');
}
