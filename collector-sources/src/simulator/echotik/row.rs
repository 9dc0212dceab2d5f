//! A creator as a row of the database.

use serde_json::{Map, Value, json};

use super::super::effects::World;
use super::super::population::{Creator, purpose};
use super::super::random::{Dice, hash, unit};
use super::{EchoTikCall, PICTURE_HOST};

/// Niches in the vendor's words.
pub(super) const NICHES: [&str; 6] =
    ["Beauty", "Food & Beverage", "Home, Furniture & Appliances", "Gaming", "Other", "Personal Blog"];

impl EchoTikCall<'_> {
    /// A creator's niche.
    pub(super) fn niche(&self, creator: &Creator) -> &'static str {
        NICHES[(creator.uid % NICHES.len() as u64) as usize]
    }

    /// How somebody sells: not at all, in videos, in lives, or both.
    pub(super) fn sales_flag(&self, creator: &Creator) -> u64 {
        if creator.has_shop { 1 + creator.uid % 3 } else { 0 }
    }

    /// What a row shows as the handle; nothing for some.
    pub(super) fn shown_handle(&self, creator: &Creator) -> Value {
        let draw = unit(hash(self.config.seed, purpose::QUIRK, creator.uid));
        if draw < self.config.echotik.nameless_share { Value::Null } else { Value::from(&*creator.handle) }
    }

    /// The picture: a name in the vendor's store, or the platform's link while it has not been copied.
    pub(super) fn avatar(&self, creator: &Creator) -> String {
        let draw = unit(hash(self.config.seed, purpose::PICTURE_FATE, creator.uid));
        if draw < self.config.echotik.uncopied_share {
            return self.link(&creator.avatar_uri);
        }
        format!("{PICTURE_HOST}/user-avatar/{}/{}.jpg", creator.index % 50, creator.sec_uid)
    }

    /// Everything the database has about a creator.
    pub(super) fn row(&self, creator: &Creator) -> Value {
        let mut dice = Dice::new(self.config.seed, purpose::COMMERCE, creator.uid);
        let mut row = Map::new();
        let mut put = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
        put("user_id", Value::from(creator.uid.to_string()));
        put("unique_id", self.shown_handle(creator));
        put("nick_name", Value::from(&*creator.name));
        put("avatar", Value::from(self.avatar(creator)));
        put("signature", Value::from(&*creator.bio));
        put("region", Value::from(creator.country));
        put("language", Value::from(creator.language));
        put("gender", Value::from(""));
        put("category", Value::from(self.niche(creator)));
        put("contact_email", Value::from(""));
        put("interaction_rate", json!(0.01 + dice.unit() / 5.0));
        put("first_crawl_dt", Value::from(20_240_101 + dice.below(28)));
        put("off_mark", Value::from(0));
        put("sales_flag", Value::from(self.sales_flag(creator)));
        put("show_case_flag", Value::from(u8::from(creator.has_shop)));
        put("seller_id", Value::Null);
        put("total_followers_cnt", Value::from(creator.followers));
        for (days, name) in [(1, "1d"), (7, "7d"), (30, "30d"), (90, "90d")] {
            let change =
                (creator.followers / 2_000 * days) as i64 - (dice.below(3) * creator.followers / 900) as i64;
            put(&format!("total_followers_{name}_cnt"), Value::from(change));
            put(&format!("total_digg_{name}_cnt"), Value::from(creator.hearts / 5_000 * days));
        }
        put("total_following_cnt", Value::from(creator.following));
        put("total_digg_cnt", Value::from(creator.hearts / 4));
        put("total_likes_cnt", Value::from(creator.hearts));
        put("total_post_video_cnt", Value::from(creator.videos));
        put("total_views_cnt", Value::from(creator.hearts * 11));
        put("total_comments_cnt", Value::from(creator.hearts / 40));
        put("total_shares_cnt", Value::from(creator.hearts / 90));
        put("total_live_cnt", Value::from(dice.below(30)));
        put("per_views_avg_30d_cnt", Value::from(creator.followers / 3));
        put("most_views_video", Value::from(""));
        put(
            "influencer_video_duration_level",
            Value::from(r#"{"15s":3, "15s-30s" :5,"30s-60s":0,  "1m-2m":1,"2m":0}"#),
        );
        put("influencer_video_publish_hour", Value::from(r#"{"00":1,"23":4}"#));
        put("influencer_video_publish_week", Value::from(""));
        put("product_category_list", Value::from("601450-849288-601451:1,601739-842888-601740:2"));
        let category = if creator.has_shop {
            r#"[ {"category_name": "Beauty & Personal Care" ,"category_id":"601450"}]"#
        } else {
            "[]"
        };
        put("most_category_product", Value::from(category));
        self.put_commerce(creator, &mut put);
        Value::Object(row)
    }

    fn put_commerce(&self, creator: &Creator, put: &mut impl FnMut(&str, Value)) {
        let sold = self.world.population.commerce(creator);
        let dollars = |cents: u64| json!(cents as f64 / 100.0);
        let (gmv, units, price, score) =
            sold.map_or((0, 0, 0, 0), |one| (one.gmv_30d, one.units_30d, one.avg_price, one.ec_score));
        put("ec_score", dollars(score));
        put("total_sale_gmv_30d_amt", dollars(gmv));
        put("total_sale_gmv_amt", dollars(gmv * 9));
        put("total_sale_cnt", Value::from(units * 9));
        // Lives sell besides, except for those who sell in videos alone.
        let in_videos = if self.sales_flag(creator) == 1 { units } else { units / 2 };
        put("total_video_sale_30d_cnt", Value::from(in_videos));
        put("total_product_cnt", Value::from(units.min(40)));
        // In the money of the market, of which a dollar is worth some hundreds wherever it is not the dollar.
        let price = if creator.country == "US" { price } else { price * 300 };
        put("avg_30d_price", dollars(price));
    }
}

/// Draws for one creator and one day.
pub(super) fn of_day(world: &World<'_>, creator: &Creator, day: i64) -> u64 {
    hash(world.population.seed(), purpose::TIE, creator.uid ^ (day as u64).rotate_left(32))
}
