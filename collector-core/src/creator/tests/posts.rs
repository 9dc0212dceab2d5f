use super::*;

fn post(id: &str, at: i64) -> PostSeen {
    PostSeen { id: id.into(), created_at: Some(day(at)), ..PostSeen::default() }
}

fn figures(id: &str, at: i64, views: u64, likes: u64, comments: u64, shares: u64) -> PostSeen {
    PostSeen {
        views: Some(views),
        likes: Some(likes),
        comments: Some(comments),
        shares: Some(shares),
        ..post(id, at)
    }
}

fn stats(posts: impl IntoIterator<Item = PostSeen>) -> Option<PostStats> {
    merge(&[profile("a", 0, showing(posts))]).posts
}

#[test]
fn figures_are_what_a_person_computes() {
    let tagged = |mut post: PostSeen, tags: &[&str]| {
        post.hashtags = tags.iter().map(|&tag| tag.into()).collect();
        post
    };
    let posts = [
        tagged(figures("1", -3, 1_000, 80, 15, 5), &["kbeauty", "b"]),
        tagged(figures("2", -1, 200, 5, 4, 2), &["kbeauty", "a"]),
        tagged(figures("3", -2, 0, 3, 0, 0), &["kbeauty"]),
        post("4", -4),
    ];
    // Views 1000, 200, 0: mean 400, median 200. Likes 88/3 = 29.33, comments 19/3 = 6.33, shares 7/3 = 2.33.
    // Rates 100/1000 and 11/200: mean 0.0775; the post without a view and the unknown one do not count.
    let expected = PostStats {
        seen: 4,
        avg_views: Some(400),
        median_views: Some(200),
        avg_likes: Some(29),
        avg_comments: Some(6),
        avg_shares: Some(2),
        engagement_rate: Some(0.0775),
        hashtags: texts(["kbeauty", "a", "b"]),
        last_post_at: Some(day(-1)),
    };
    assert_eq!(stats(posts), Some(expected));
}

#[test]
fn an_even_number_has_the_mean_of_the_middle_as_median_and_halves_go_up() {
    let stats = stats([1, 2, 4, 100].map(|views| figures(&views.to_string(), 0, views, 1, 0, 0))).unwrap();
    assert_eq!((stats.median_views, stats.avg_views), (Some(3), Some(27)));
    let halves =
        super::posts::stats([1, 2].map(|views| figures(&views.to_string(), 0, views, 0, 0, 0))).unwrap();
    assert_eq!((halves.median_views, halves.avg_views), (Some(2), Some(2)));
}

#[test]
fn only_the_twelve_latest_count() {
    let posts = (0..40)
        .map(|i| figures(&format!("{:02}", i * 7 % 40), i * 7 % 40, 10 * (i as u64 * 7 % 40), 0, 0, 0));
    let stats = stats(posts).unwrap();
    // Days 28 to 39, so views 280 to 390.
    assert_eq!((stats.seen, stats.avg_views, stats.last_post_at), (12, Some(335), Some(day(39))));
}

#[test]
fn posts_without_a_date_come_last() {
    let undated = PostSeen { id: "zz".into(), views: Some(999), ..PostSeen::default() };
    let mut posts: Vec<PostSeen> = (0..12).map(|i| figures(&i.to_string(), i, 10, 0, 0, 0)).collect();
    posts.insert(0, undated);
    assert_eq!(stats(posts).unwrap().avg_views, Some(10));
}

#[test]
fn pinned_posts_do_not_count_even_if_only_one_source_knows_it() {
    let pinned = |post: PostSeen| PostSeen { pinned: true, ..post };
    let shown = [figures("1", 5, 9_000, 0, 0, 0), figures("2", 1, 10, 0, 0, 0)];
    let stats_of = |first: PostSeen| stats([first, shown[1].clone()]).unwrap();
    assert_eq!(stats_of(pinned(shown[0].clone())).avg_views, Some(10));
    let older = profile("b", -1, showing([pinned(post("1", 5))]));
    let creator = merge(&[profile("a", 0, showing(shown.clone())), older]);
    assert_eq!(creator.posts.unwrap().avg_views, Some(10));
    assert_eq!(stats([pinned(post("1", 5))]), None);
}

#[test]
fn of_a_post_shown_twice_the_newest_sighting_counts() {
    let a = profile("a", 1, showing([figures("1", 0, 100, 0, 0, 0)]));
    let b = profile("b", 2, showing([figures("1", 0, 300, 0, 0, 0), figures("2", 0, 500, 0, 0, 0)]));
    let creator = merge(&[a, b]);
    let stats = creator.posts.as_ref().unwrap();
    assert_eq!((stats.seen, stats.avg_views), (2, Some(400)));
    assert_eq!(&*creator.said_by(Field::Posts).unwrap().source, "b");
}

#[test]
fn who_shows_most_of_the_counted_posts_is_their_source() {
    let a = profile("a", 2, CreatorSighting { name: Some("a".into()), ..showing([post("1", 0)]) });
    let b = profile("b", 1, showing([post("2", 0), post("3", 0)]));
    let creator = merge(&[a, b]);
    assert_eq!(&*creator.said_by(Field::Posts).unwrap().source, "b");
    assert_eq!(&*creator.sources[0].source, "a", "by what they say, then by name");
}

#[test]
fn a_post_without_an_id_does_not_count() {
    assert_eq!(stats([figures("", 0, 1, 1, 1, 1)]), None);
}

#[test]
fn unknown_figures_stay_unknown() {
    let stats = stats([post("1", 0)]).unwrap();
    assert_eq!(stats, PostStats { seen: 1, last_post_at: Some(day(0)), ..PostStats::default() });
    let viewed = PostSeen { views: Some(10), ..post("1", 0) };
    assert_eq!(super::posts::stats([viewed.clone()]).unwrap().engagement_rate, None);
    let liked = PostSeen { likes: Some(1), ..viewed };
    assert_eq!(super::posts::stats([liked]).unwrap().engagement_rate, Some(0.1));
}

#[test]
fn a_rate_has_six_decimals() {
    assert_eq!(stats([figures("1", 0, 3, 1, 1, 0)]).unwrap().engagement_rate, Some(0.666667));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let most = u64::MAX;
    let stats =
        stats([figures("1", 0, most, most, most, most), figures("2", 0, most, most, most, most)]).unwrap();
    assert_eq!((stats.avg_views, stats.median_views, stats.avg_shares), (Some(most), Some(most), Some(most)));
    assert_eq!(stats.engagement_rate, Some(3.0));
    let absurd = super::posts::stats([figures("1", 0, 1, most, most, most)]).unwrap();
    assert_eq!(absurd.engagement_rate, Some(1e6));
}

#[test]
fn hashtags_are_bounded() {
    let spam = PostSeen { hashtags: (0..500).map(|i| format!("{i:03}").into()).collect(), ..post("1", 0) };
    let tags = stats([spam]).unwrap().hashtags;
    assert_eq!((tags.len(), &*tags[0], &*tags[29]), (30, "000", "029"));
}
