//! A profile page: the data inside it in one of its shapes, and what else such a page carries.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::config::PageShape;
use super::super::json::Json;
use super::super::population::Creator;
use super::super::vendor::Vendor;
use super::{PageCall, abbreviated, escaped, in_script, page, rounded};

/// Filler that real pages have much more of: texts of buttons, in the visitor's language.
const FILLER: usize = 40;

pub(super) fn answer(call: &PageCall<'_>, name: &str) -> Answer {
    let Some(index) = call.owner(name) else { return page(200, missing(call, name)) };
    let creator = call.world.present(index);
    // Of private accounts every second one hides its counters.
    let hides = creator.private && index % 2 == 0;
    let data = match call.shape(index) {
        PageShape::Sigi => sigi(call, &creator, hides),
        PageShape::Next => next(call, &creator, hides),
        shape => universal(call, &creator, hides, shape == PageShape::Rounded),
    };
    page(200, whole(&head(&creator, hides), &data))
}

/// The page of a handle that nobody has.
fn missing(call: &PageCall<'_>, name: &str) -> String {
    let detail = json!({ "statusCode": 10_221, "statusMsg": "", "needFix": true });
    let data = match call.config.page_shape {
        PageShape::Sigi => {
            let state = json!({ "UserPage": { "uniqueId": name, "statusCode": 10_221 }, "AppContext": {} });
            script("SIGI_STATE", &state)
        }
        PageShape::Next => {
            let state = json!({ "props": { "pageProps": { "statusCode": 10_202, "serverCode": 404 } }, "page": "/share/user" });
            script("__NEXT_DATA__", &state)
        }
        _ => hydration(&detail),
    };
    whole("<title>TikTok</title>", &data)
}

fn whole(head: &str, data: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"UTF-8\">{head}</head><body><div id=\"app\"></div>{data}\
         <script src=\"/static/webmssdk.js\"></script></body></html>"
    )
}

fn script(id: &str, data: &Value) -> String {
    format!("<script id=\"{id}\" type=\"application/json\">{}</script>", in_script(data))
}

fn hydration(detail: &Value) -> String {
    let texts: serde_json::Map<_, _> = (0..FILLER)
        .map(|number| (format!("button_{number}"), json!("a text on a button of the page")))
        .collect();
    let scope = json!({
        "webapp.app-context": { "language": "en", "region": "DE", "appId": 1233, "botType": "others" },
        "webapp.i18n-translation": texts,
        "webapp.user-detail": detail,
        "seo.abtest": { "vidList": [], "parameters": {} },
    });
    script("__UNIVERSAL_DATA_FOR_REHYDRATION__", &json!({ "__DEFAULT_SCOPE__": scope }))
}

fn universal(call: &PageCall<'_>, creator: &Creator, hides: bool, old: bool) -> String {
    let mut info = json!({ "user": user(call, creator), "stats": stats(creator, hides), "itemList": [] });
    if !old {
        info["statsV2"] = exact(creator, hides);
    }
    let code = if creator.private { 10_222 } else { 0 };
    hydration(
        &json!({ "userInfo": info, "shareMeta": {}, "statusCode": code, "statusMsg": "", "needFix": true }),
    )
}

fn sigi(call: &PageCall<'_>, creator: &Creator, hides: bool) -> String {
    let handle = &creator.handle;
    let state = json!({
        "AppContext": {},
        "UserModule": { "users": { handle: user(call, creator) }, "stats": { handle: stats(creator, hides) } },
        "UserPage": { "uniqueId": handle, "statusCode": 0 },
        "ItemModule": {},
    });
    format!(
        "<script id=\"sigi-persisted-data\">window['SIGI_STATE']={};window['SIGI_RETRY']={{}};</script>",
        in_script(&state)
    )
}

fn next(call: &PageCall<'_>, creator: &Creator, hides: bool) -> String {
    let info = json!({ "user": user(call, creator), "stats": stats(creator, hides) });
    let props = json!({ "pageProps": { "statusCode": 0, "serverCode": 200, "userInfo": info, "items": [] } });
    script("__NEXT_DATA__", &json!({ "props": props, "page": "/share/user" }))
}

fn user(call: &PageCall<'_>, creator: &Creator) -> Value {
    let picture = |mark: &str| {
        let mut link = Json::default();
        call.links.picture(&mut link, &creator.avatar_uri, mark);
        serde_json::from_str(&link.into_string()).unwrap_or(Value::Null)
    };
    let mut user = json!({
        "uniqueId": creator.handle,
        "nickname": creator.name,
        "signature": creator.bio,
        "avatarLarger": picture("~c5_1080x1080.jpeg"),
        "avatarMedium": picture("~c5_720x720.jpeg"),
        "avatarThumb": picture("~c5_100x100.jpeg"),
        "shortId": "",
        "createTime": creator.created_at,
        "verified": creator.verified,
        "privateAccount": creator.private,
        "secret": creator.private,
        "ftc": false,
        "relation": 0,
        "ttSeller": creator.has_shop,
        "roomId": "",
        "language": creator.language,
        "commerceUserInfo": { "commerceUser": creator.has_shop },
        "isOrganization": 0,
        "followingVisibility": 1,
    });
    if call.world.shows_ids(Vendor::Web, creator.index) {
        user["id"] = json!(creator.uid.to_string());
        user["secUid"] = json!(creator.sec_uid);
    }
    // Recent pages rarely tell it.
    if creator.index.is_multiple_of(5) {
        user["region"] = json!(creator.country);
    }
    user
}

/// Rounded counters; hearts are cut to 32 bits in one of two members.
fn stats(creator: &Creator, hides: bool) -> Value {
    let shown = |count: u64| if hides { 0 } else { rounded(count) };
    let hearts = shown(creator.hearts);
    json!({
        "followerCount": shown(creator.followers),
        "followingCount": shown(creator.following),
        "heart": hearts,
        "heartCount": (hearts as u32).cast_signed(),
        "videoCount": shown(u64::from(creator.videos)),
        "diggCount": shown(creator.likes_given),
    })
}

fn exact(creator: &Creator, hides: bool) -> Value {
    let shown = |count: u64| if hides { "0".to_owned() } else { count.to_string() };
    json!({
        "followerCount": shown(creator.followers),
        "followingCount": shown(creator.following),
        "heart": shown(creator.hearts),
        "heartCount": shown(creator.hearts),
        "videoCount": shown(u64::from(creator.videos)),
        "diggCount": shown(creator.likes_given),
        "friendCount": "0",
    })
}

fn head(creator: &Creator, hides: bool) -> String {
    let (name, handle) = (escaped(&creator.name), &creator.handle);
    let description = format!(
        "{name} (@{handle}) on TikTok | {} Likes. {} Followers. {}",
        abbreviated(creator.hearts),
        abbreviated(creator.followers),
        escaped(&creator.bio)
    );
    let mut head = format!(
        "<title data-rh=\"true\">{name} (@{handle}) | TikTok</title>\
         <meta data-rh=\"true\" property=\"og:title\" content=\"{name} (@{handle}) | TikTok\">\
         <meta data-rh=\"true\" name=\"description\" content=\"{description}\">"
    );
    if !hides {
        let counter = |action: &str, count: u64| {
            json!({
                "@type": "InteractionCounter",
                "interactionType": { "@type": format!("http://schema.org/{action}") },
                "userInteractionCount": count,
            })
        };
        let data = json!({
            "@context": "https://schema.org/",
            "@type": "ProfilePage",
            "mainEntity": {
                "@type": "Person",
                "name": creator.name,
                "alternateName": handle,
                "identifier": handle,
                "description": creator.bio,
                "interactionStatistic": [counter("LikeAction", creator.hearts), counter("FollowAction", creator.followers)],
            },
        });
        head.push_str(&format!(
            "<script type=\"application/ld+json\" id=\"ProfilePage\">{}</script>",
            in_script(&data)
        ));
    }
    head
}
