//! A ranking site: a table with a page for every twenty creators, and a page for each creator.

use serde_json::json;

use super::super::answer::Answer;
use super::super::vendor::Vendor;
use super::{PageCall, abbreviated, escaped, in_script, page};

/// Rows of a page.
const ROWS: u32 = 20;

/// Page after page of the ranking; one past the end says that there are no creators.
pub(super) fn list(call: &PageCall<'_>) -> Answer {
    let number = call.query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_u32).max(1);
    let everybody = call.world.population.len();
    let from = (number - 1).saturating_mul(ROWS).min(everybody);
    let to = from.saturating_add(ROWS).min(everybody);
    let known = (from..to).filter(|index| call.world.knows(Vendor::Web, *index));
    let rows: String = known.map(|index| row(call, index)).collect();
    let nobody = if from >= to { "<p class=\"no-creators\">No more creators</p>" } else { "" };
    let next = if to < everybody {
        format!("<a rel=\"next\" href=\"?page={}\">Next</a>", number + 1)
    } else {
        String::new()
    };
    let body = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Ranking</title></head><body>\
         <table class=\"t{number}x\"><thead><tr><th>Name</th><th>Country</th><th>Followers</th><th>Likes</th><th>Likes per follower</th></tr></thead>\
         <tbody>{rows}</tbody></table>{nobody}{next}</body></html>"
    );
    page(200, body).charged(0, vec![format!("ranking#{number}")])
}

fn row(call: &PageCall<'_>, index: u32) -> String {
    let creator = call.world.listed(index);
    let share = creator.hearts as f64 / creator.followers.max(1) as f64;
    format!(
        "<tr><td><a href=\"creators/{0}\">@{0}</a></td><td>{1}</td><td>{2}</td><td>{3}</td><td>{4:.2}%</td></tr>",
        creator.handle,
        creator.country,
        abbreviated(creator.followers).to_lowercase(),
        abbreviated(creator.hearts).to_lowercase(),
        share * 100.0,
    )
}

/// The page of one creator, with its data as JSON-LD.
pub(super) fn creator(call: &PageCall<'_>, handle: &str) -> Answer {
    let Some(index) = call.owner(handle) else {
        return page(
            404,
            "<!DOCTYPE html><title>Nobody</title><p class=\"nobody\">No such creator</p>".to_owned(),
        );
    };
    let creator = call.world.present(index);
    let counter = |action: &str, count: u64| json!({ "@type": "InteractionCounter", "interactionType": format!("https://schema.org/{action}"), "userInteractionCount": count });
    let data = json!({
        "@context": "https://schema.org",
        "@type": "ProfilePage",
        "dateCreated": super::super::clock::timestamp(creator.created_at).to_string(),
        "mainEntity": {
            "@type": "Person",
            "name": creator.name,
            "alternateName": format!("@{}", creator.handle),
            "description": creator.bio,
            "interactionStatistic": [counter("FollowAction", creator.followers), counter("LikeAction", creator.hearts)],
            "agentInteractionStatistic": [counter("FollowAction", creator.following), counter("WriteAction", u64::from(creator.videos))],
        },
    });
    let badge = if creator.verified { " <i class=\"badge\">✓</i>" } else { "" };
    let body = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>{0}</title>\
         <script type=\"application/ld+json\">{1}</script></head>\
         <body><h1>{0}{badge}</h1><dl><dt>Country</dt><dd class=\"country\">{2}</dd>\
         <dt>Language</dt><dd class=\"language\">{3}</dd></dl></body></html>",
        escaped(&creator.name),
        in_script(&data),
        creator.country,
        creator.language,
    );
    page(200, body)
}
