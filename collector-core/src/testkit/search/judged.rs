//! People, and what must be found of them.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::creator::{Creator, PostStats};
use crate::id::RecordKey;
use crate::sink::{Change, Facts, Record};

/// A query, and the handles it finds, in order.
pub(super) const JUDGED: &[(&str, &[&str])] = &[
    // The handle itself, its beginning, the name, the biography, a hashtag: against the number of followers.
    ("mina", &["mina", "mina.beauty", "newname", "kimk", "friend", "tagger"]),
    ("MINA", &["mina", "mina.beauty", "newname", "kimk", "friend", "tagger"]),
    ("@mina", &["mina", "newname"]),
    ("mina.beauty", &["mina.beauty"]),
    ("\"mina kim\"", &["kimk"]),
    ("\"kim mina\"", &[]),
    ("mina kim", &["mina", "kimk"]),
    ("mina -kim", &["mina.beauty", "newname", "friend", "tagger"]),
    ("newname", &["newname"]),
    // Korean: compounds, their parts, one syllable.
    ("뷰티", &["k_lab", "beautiful", "creator", "tagged"]),
    ("뷰", &["k_lab", "beautiful", "creator", "tagged"]),
    ("리뷰", &["beautiful"]),
    ("크리에이터", &["creator"]),
    ("에이", &["creator"]),
    ("티뷰", &[]),
    ("#뷰티그램", &["tagged"]),
    ("#뷰티", &[]),
    // Mixed scripts.
    ("k뷰티", &["k_lab"]),
    ("lab", &["k_lab"]),
    ("\"데일리 리뷰\"", &["beautiful"]),
    // Japanese, half and full width.
    ("メイク", &["sensei"]),
    ("ﾒｲｸ", &["sensei"]),
    ("スキン", &["sensei"]),
    ("先生", &["sensei"]),
    ("ｒｏｕｇｅ", &["rouge"]),
    // Diacritics and apostrophes.
    ("creme", &["rouge"]),
    ("CRÈME", &["rouge"]),
    ("loreal", &["rouge"]),
    // Emoji, whatever the skin tone.
    ("💄", &["rouge"]),
    ("👩🏿‍🍳", &["friend"]),
    ("🍳", &[]),
    // Beginnings of words.
    ("beaut*", &["beautiful", "mina.beauty"]),
    ("who:min*", &["mina.beauty", "mina", "newname", "kimk"]),
    // Filters: a value, not a value, known, unknown.
    ("country:kr", &["creator", "beautiful"]),
    ("country:KR,jp", &["creator", "beautiful", "sensei"]),
    ("-country:kr,jp followers:..1k", &["newname", "kimk", "mina"]),
    ("unknown:followers", &["nobody"]),
    ("known:country", &["creator", "beautiful", "sensei"]),
    ("has:email", &["beautiful"]),
    ("email:no", &["sensei"]),
    ("-has:email followers:>1m", &["tagger"]),
    ("unknown:bio country:jp,kr", &[]),
    ("followers:100..1000", &["newname", "kimk"]),
    ("followers:=1000", &["newname"]),
    ("followers:<11", &["mina"]),
    ("er:>=5%", &["creator"]),
    ("er:5%..5%", &["creator"]),
    ("last_post:<30d", &["creator"]),
    ("last_post:>30d", &["tagged"]),
    ("tier:nano country:kr,jp", &["creator", "beautiful", "sensei"]),
    ("category:\"SKIN care\"", &["creator"]),
    // Orders; who has no value comes last, either way.
    ("country:kr,jp sort:er", &["creator", "sensei", "beautiful"]),
    ("country:kr,jp sort:er:asc", &["sensei", "creator", "beautiful"]),
    ("country:kr,jp sort:followers:asc", &["sensei", "beautiful", "creator"]),
    ("-mina -뷰티 -country:kr,jp sort:followers:asc", &["rouge", "nobody"]),
    ("mina sort:followers", &["tagger", "friend", "mina.beauty", "newname", "kimk", "mina"]),
];

/// The people, as seen at this moment.
pub(super) fn people(now: Timestamp) -> Vec<Change<Creator>> {
    let days_ago = |days: i64| Some(Timestamp::from_secs(now.as_secs() - days * 86_400));
    let posts = |rate, days, tags: &[&str]| {
        let hashtags = tags.iter().map(|tag| (*tag).into()).collect();
        Some(PostStats {
            seen: 3,
            engagement_rate: rate,
            last_post_at: days,
            hashtags,
            ..PostStats::default()
        })
    };
    let person = |handle: &str, name: &str, bio: &str, followers| Creator {
        platform: "tiktok".into(),
        handle: Some(handle.into()),
        name: Some(name).filter(|name| !name.is_empty()).map(Into::into),
        bio: Some(bio).filter(|bio| !bio.is_empty()).map(Into::into),
        followers,
        ..Creator::default()
    };
    let kr = || Some("KR".into());
    let creators = [
        person("tagger", "Somebody", "", Some(2_000_000)),
        person("friend", "Cook 👩🏽‍🍳", "best friend of Mina", Some(1_000_000)),
        person("mina.beauty", "Someone", "", Some(5_000)),
        person("kimk", "Mina Kim", "", Some(100)),
        person("mina", "Kim", "", Some(10)),
        person("newname", "", "", Some(1_000)),
        person("beautiful", "뷰티풀민지", "데일리 리뷰", Some(2_000)),
        person("creator", "지수", "뷰티 크리에이터", Some(9_000)),
        person("k_lab", "K뷰티LAB", "", Some(300_000)),
        person("tagged", "Tags", "", Some(80_000)),
        person("sensei", "メイク先生", "ﾒｲｸとｽｷﾝｹｱ", Some(1_500)),
        person("rouge", "Rouge Crème", "💄 L'Oréal only", Some(70_000)),
        person("nobody", "", "", None),
    ];
    let mut records = Vec::new();
    for (key, mut creator) in (1..).zip(creators) {
        match creator.handle.as_deref() {
            Some("tagger") => creator.posts = posts(None, None, &["mina"]),
            Some("newname") => creator.former_handles = vec!["mina".into()],
            Some("beautiful") => (creator.country, creator.has_email) = (kr(), Some(true)),
            Some("creator") => {
                creator.country = kr();
                creator.categories = vec!["Skin Care".into()];
                creator.posts = posts(Some(0.05), days_ago(3), &[]);
            }
            Some("tagged") => creator.posts = posts(None, days_ago(60), &["뷰티그램"]),
            Some("sensei") => {
                (creator.country, creator.has_email) = (Some("JP".into()), Some(false));
                creator.posts = posts(Some(0.01), None, &[]);
            }
            _ => {}
        }
        let entity = Arc::new(creator);
        records.push(Change::Put(Record { key: RecordKey(key), version: 1, entity, facts: Facts::new() }));
    }
    records
}
