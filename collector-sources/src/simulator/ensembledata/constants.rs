//! Members that are the same in every object. They carry nothing, but real answers are mostly made of them.

use std::sync::LazyLock;

const USER_NULL: &[&str] = &[
    "account_labels",
    "ad_cover_url",
    "advance_feature_item_order",
    "advanced_feature_info",
    "bold_fields",
    "can_message_follow_status_list",
    "can_set_geofencing",
    "cha_list",
    "events",
    "followers_detail",
    "geofencing",
    "homepage_bottom_toast",
    "item_list",
    "mutual_relation_avatars",
    "need_points",
    "platform_sync_info",
    "relative_users",
    "search_highlight",
    "shield_edit_field_info",
    "type_label",
    "user_profile_guide",
    "user_tags",
    "white_cover_url",
];

const USER_ZERO: &[&str] = &[
    "apple_account",
    "authority_status",
    "comment_filter_status",
    "comment_setting",
    "download_prompt_ts",
    "download_setting",
    "duet_setting",
    "fb_expire_time",
    "follow_status",
    "follower_status",
    "forward_count",
    "friends_status",
    "gender",
    "live_agreement",
    "live_agreement_time",
    "live_verify",
    "mention_status",
    "mplatform_followers_count",
    "need_recommend",
    "qa_status",
    "react_setting",
    "reflow_page_gid",
    "reflow_page_uid",
    "shield_comment_notice",
    "shield_digg_notice",
    "shield_follow_notice",
    "stitch_setting",
    "story_status",
    "tw_expire_time",
    "user_mode",
    "user_period",
    "youtube_expire_time",
];

const USER_FALSE: &[&str] = &[
    "accept_private_policy",
    "has_email",
    "has_facebook_token",
    "has_insights",
    "has_orders",
    "has_twitter_token",
    "has_youtube_token",
    "hide_search",
    "is_ad_fake",
    "is_block",
    "is_blocked",
    "is_discipline_member",
    "is_effect_artist",
    "is_mute",
    "is_phone_binded",
    "is_star",
    "live_commerce",
    "prevent_download",
    "show_image_bubble",
    "user_canceled",
    "with_commerce_entry",
    "with_fusion_shop_entry",
    "with_new_goods",
];

const USER_EMPTY: &[&str] = &[
    "account_region",
    "bind_phone",
    "cv_level",
    "google_account",
    "share_qrcode_uri",
    "twitter_id",
    "twitter_name",
    "verify_info",
    "video_icon_uri",
];

const USER_OTHER: &str = concat!(
    r#""short_id":"0","birthday":"1900-01-01","status":1,"special_lock":1,"user_rate":1,"commerce_user_level":0,"#,
    r#""special_account":{"special_account_list":null},"original_musician":{"digg_count":0,"music_count":0,"#,
    r#""music_used_count":0,"new_release_clip_ids":null},"tab_settings":{"private_tab":{"private_tab_style":1,"#,
    r#""show_private_tab":false}},"privacy_setting":{"following_visibility":1},"supporting_ngo":{},"#,
    r#""avatar_meta_info_list":null,"fake_data_info":{},"share_info":{"share_url":"","share_desc":"","share_title":"","#,
    r#""share_qrcode_url":{"uri":"","url_list":[],"width":720,"height":720,"url_prefix":null},"#,
    r#""share_title_myself":"","share_title_other":"","share_desc_info":"","now_invitation_card_image_urls":null},"#,
    r#""video_icon":{"uri":"","url_list":[],"width":720,"height":720,"url_prefix":null},"#,
    r#""commerce_user_info":{"star_atlas":0,"show_star_atlas_cooperation":false,"ad_revenue_rits":null}"#,
);

const POST_NULL: &[&str] = &[
    "added_sound_music_info",
    "anchors",
    "banners",
    "branded_content_accounts",
    "challenge_position",
    "commerce_config_data",
    "cover_labels",
    "follow_up_publish_from_id_list",
    "follow_up_first_item_id_list",
    "geofencing",
    "geofencing_regions",
    "green_screen_materials",
    "hybrid_label",
    "image_infos",
    "interaction_stickers",
    "item_source_category",
    "label_list",
    "long_video",
    "mask_infos",
    "muf_comment_info_v2",
    "nickname_position",
    "operator_boost_info",
    "origin_comment_ids",
    "picked_users",
    "position",
    "products_info",
    "question_list",
    "reference_tts_voice_ids",
    "reference_voice_filter_ids",
    "retry_type",
    "search_highlight",
    "support_danmaku_list",
    "tts_voice_ids",
    "uniqid_position",
    "video_labels",
    "voice_filter_ids",
];

const POST_ZERO: &[&str] = &[
    "bodydance_score",
    "cmt_swt",
    "collect_stat",
    "distribute_type",
    "is_hash_tag",
    "is_on_this_day",
    "is_preview",
    "is_story",
    "is_title_translatable",
    "item_comment_settings",
    "item_duet",
    "item_react",
    "item_stitch",
    "music_begin_time_in_ms",
    "playlist_blocked",
    "rate",
    "user_digged",
    "without_watermark",
];

const POST_FALSE: &[&str] = &[
    "disable_search_trending_bar",
    "follow_up_publish",
    "has_danmaku",
    "has_promote_entry",
    "has_vs_entry",
    "is_description_translatable",
    "is_nff_or_nr",
    "is_pgcshow",
    "is_relieve",
    "is_text_sticker_translatable",
    "is_vr",
    "need_trim_step",
    "need_vs_entry",
    "no_selected_music",
    "prevent_download_shared",
    "supports_danmaku",
    "have_dashboard",
    "with_promotional_music",
    "with_survey",
];

const POST_OTHER: &str = concat!(
    r#""commerce_info":{"adv_promotable":false,"auction_ad_invited":false,"with_comment_filter_words":false,"#,
    r#""branded_content_type":0},"status":{"allow_comment":true,"allow_share":true,"download_status":0,"#,
    r#""in_reviewing":false,"is_delete":false,"is_private":false,"is_prohibited":false,"private_status":0,"#,
    r#""review_result":{"review_status":0},"reviewed":1,"self_see":false},"#,
    r#""video_control":{"allow_download":true,"allow_duet":true,"allow_dynamic_wallpaper":true,"allow_music":true,"#,
    r#""allow_react":true,"allow_stitch":true,"draft_progress_bar":1,"prevent_download_type":0,"share_type":0,"#,
    r#""show_progress_bar":1,"timer_status":1},"interact_permission":{"allow_adding_to_story":0,"#,
    r#""allow_create_sticker":{"status":0},"duet":0,"duet_privacy_setting":0,"stitch":0,"upvote":0},"#,
    r#""aweme_acl":{"download_general":{"code":0,"extra":"{\"toast_msg\":\"\"}","mute":false,"show_type":2,"#,
    r#""transcode":3},"platform_list":null,"share_action_list":null,"share_list_status":0},"#,
    r#""risk_infos":{"content":"","risk_sink":false,"type":0,"vote":false,"warn":false},"#,
    r#""comment_config":{"emoji_recommend_list":null,"preload":{"preds":"{\"feed_head_load_v2\":2.44e-05}"},"#,
    r#""quick_comment":{"enabled":false}},"cc_template_info":{"author_name":"","clip_count":0,"desc":"","#,
    r#""duration_milliseconds":0,"related_music_id":"","template_id":""},"#,
    r#""group_id_list":{"GroupdIdList0":null,"GroupdIdList1":null},"misc_info":"{}","anchors_extras":"","#,
    r#""music_volume":"0.000000","origin_volume":"0.000000","text_sticker_major_lang":"un","#,
    r#""label_top":{"uri":"tiktok-obj/label","url_list":[],"width":720,"height":720,"url_prefix":null},"#,
    r#""content_desc":"","content_desc_extra":[],"follow_up_item_id_groups":"","solaria_profile":{"profile":"{}"}"#,
);

const MUSIC_OTHER: &str = concat!(
    r#""album":"","artists":[],"audition_duration":30,"author_deleted":false,"author_position":null,"#,
    r#""binded_challenge_id":0,"can_not_reuse":false,"collect_stat":0,"commercial_right_type":2,"cover_color_hsv":null,"#,
    r#""dmv_auto_show":false,"extra":"{\"amplitude_peak\":1.0,\"beats\":{},\"can_read\":true,\"has_edited\":0}","#,
    r#""external_song_info":[],"is_audio_url_with_cookie":false,"is_author_artist":false,"is_commerce_music":false,"#,
    r#""is_matched_metadata":false,"is_original":false,"is_original_sound":true,"is_pgc":false,"#,
    r#""is_play_music":false,"log_extra":"{\"UGC_to_PGC_meta_song_id\":7100000000000000123}","lyric_short_position":null,"#,
    r#""matched_pgc_sound":null,"mute_share":false,"offline_desc":"","position":null,"prevent_download":false,"#,
    r#""source_platform":10033,"status":1,"tag_list":null,"user_count":0,"video_duration":0"#,
);

/// Constant members of a mobile user, in three runs that change places from call to call.
pub(super) static USER: LazyLock<[String; 3]> = LazyLock::new(|| {
    [
        [run(USER_NULL, "null"), run(USER_EMPTY, "\"\"")].join(","),
        [run(USER_ZERO, "0"), run(USER_FALSE, "false")].join(","),
        USER_OTHER.to_owned(),
    ]
});

/// Constant members of a post, in two runs.
pub(super) static POST: LazyLock<[String; 2]> = LazyLock::new(|| {
    [
        [run(POST_NULL, "null"), run(POST_ZERO, "0")].join(","),
        [run(POST_FALSE, "false").as_str(), POST_OTHER].join(","),
    ]
});

/// Constant members of a sound.
pub(super) const MUSIC: &str = MUSIC_OTHER;

fn run(names: &[&str], value: &str) -> String {
    names.iter().map(|name| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_are_json_without_repeated_names() {
        for runs in [USER.join(","), POST.join(","), MUSIC.to_owned()] {
            let value: serde_json::Value = serde_json::from_str(&format!("{{{runs}}}")).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&value.to_string()).unwrap(), value);
            let members = value.as_object().unwrap();
            for name in members.keys() {
                let top_level = runs.matches(&format!("\"{name}\":")).count();
                let nested: usize = members
                    .values()
                    .map(|inner| inner.to_string().matches(&format!("\"{name}\":")).count())
                    .sum();
                assert_eq!(top_level - nested, 1, "{name}");
            }
        }
    }
}
