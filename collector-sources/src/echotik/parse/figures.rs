//! What the vendor has and the model has not: figures, texts and documents under the vendor's names.

use serde_json::{Map, Value};

use super::super::wire::Row;
use crate::values::answer::Fields;
use crate::values::text::clipped;

/// Longest text kept, in characters, and most entries of a list.
const LONGEST: usize = 200;
const MOST: usize = 100;

/// Figures of a creator. Zero says "none", "not computed yet" or "not known", and is left out.
pub(super) const OF_CREATORS: &[&str] = &[
    "interaction_rate",
    "first_crawl_dt",
    "sales_flag",
    "influencer_level",
    "total_followers_1d_cnt",
    "total_followers_7d_cnt",
    "total_followers_30d_cnt",
    "total_followers_90d_cnt",
    "total_digg_cnt",
    "total_digg_1d_cnt",
    "total_digg_7d_cnt",
    "total_digg_30d_cnt",
    "total_digg_90d_cnt",
    "total_views_cnt",
    "total_comments_cnt",
    "total_shares_cnt",
    "total_live_cnt",
    "total_live_views_cnt",
    "per_video_product_views_avg_7d_cnt",
    "per_video_product_views_avg_30d_cnt",
    "per_views_avg_30d_cnt",
    "total_product_cnt",
    "total_product_30d_cnt",
    "total_video_product_30d_cnt",
    "total_sale_cnt",
    "total_video_sale_30d_cnt",
    "total_sale_gmv_amt",
    "total_video_sale_gmv_30d_amt",
    "total_live_sale_gmv_30d_amt",
    "avg_30d_price",
];

/// Figures of a ranking's period, and totals beside them.
pub(super) const OF_RANKINGS: &[&str] = &[
    "total_followers_cnt",
    "total_digg_cnt",
    "total_live_cnt",
    "total_post_video_cnt",
    "total_product_cnt",
    "total_sale_cnt",
    "total_sale_gmv_amt",
    "total_digg_history_cnt",
    "total_live_history_cnt",
    "total_product_history_cnt",
    "total_sale_history_cnt",
    "total_sale_gmv_history_amt",
];

/// Figures of a day.
pub(super) const OF_DAYS: &[&str] = &[
    "total_digg_cnt",
    "total_comments_cnt",
    "total_shares_cnt",
    "total_views_cnt",
    "total_live_cnt",
    "total_followers_1d_cnt",
    "total_digg_1d_cnt",
    "total_sale_1d_cnt",
    "total_sale_gmv_1d_amt",
];

/// Texts of a creator.
pub(super) const TEXTS: &[&str] = &[
    "gender",
    "seller_id",
    "most_views_video",
    "most_category_id",
    "most_category_l2_id",
    "most_category_l3_id",
];

/// Documents inside texts.
pub(super) const DOCUMENTS: &[&str] = &[
    "most_category_product",
    "influencer_video_duration_level",
    "influencer_video_publish_hour",
    "influencer_video_publish_week",
];

/// Adds these figures of a row.
pub(super) fn add(extra: &mut Map<String, Value>, row: &Row<'_>, names: &[&str], fields: &mut Fields<'_>) {
    for name in names {
        if let Some(number) =
            fields.take(name, &row.number(name)).filter(|number| number.as_f64() != Some(0.0))
        {
            extra.insert((*name).to_owned(), Value::Number(number.clone()));
        }
    }
}

/// Adds these texts of a row.
pub(super) fn add_texts(
    extra: &mut Map<String, Value>,
    row: &Row<'_>,
    names: &[&str],
    fields: &mut Fields<'_>,
) {
    for name in names {
        if let Some(text) = fields.text(name, &row.text(name)).filter(|text| *text != "0") {
            extra.insert((*name).to_owned(), Value::from(&*clipped(text.trim(), LONGEST)));
        }
    }
}

/// Adds these documents of a row, and the categories of its products.
pub(super) fn add_documents(
    extra: &mut Map<String, Value>,
    row: &Row<'_>,
    names: &[&str],
    fields: &mut Fields<'_>,
) {
    for name in names {
        match row.document(name) {
            Ok(Some(document)) if says_something(&document) => {
                extra.insert((*name).to_owned(), bounded(document));
            }
            Ok(_) => {}
            Err(found) => {
                fields.refuse::<()>(name, &format!("expected a document inside a text, found {found}"));
            }
        }
    }
    const CATEGORIES: &str = "product_category_list";
    let categories = row.text(CATEGORIES);
    if let Some(text) = fields.text(CATEGORIES, &categories).map(str::trim) {
        match categories_of(text) {
            Some(list) if says_something(&list) => {
                extra.insert(CATEGORIES.to_owned(), list);
            }
            Some(_) => {}
            None => {
                fields.refuse::<()>(CATEGORIES, "neither a list inside a text nor `L1-L2-L3:rank` items");
            }
        }
    }
}

/// Two formats have one name: a list inside a text, and `L1-L2-L3:rank` items joined by commas.
fn categories_of(text: &str) -> Option<Value> {
    if text.starts_with('[') {
        return serde_json::from_str(text).ok().map(bounded);
    }
    if text == "null" {
        return Some(Value::Null);
    }
    let good = |item: &&str| {
        !item.is_empty() && item.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':'))
    };
    let items: Vec<&str> = text.split(',').map(str::trim).take(MOST).collect();
    items.iter().all(good).then(|| Value::from(items))
}

fn says_something(document: &Value) -> bool {
    match document {
        Value::Null => false,
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// A document with no more entries than anybody reads.
fn bounded(document: Value) -> Value {
    match document {
        Value::Array(mut entries) => {
            entries.truncate(MOST);
            Value::Array(entries)
        }
        Value::Object(members) => Value::Object(members.into_iter().take(MOST).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn categories_come_in_two_formats() {
        assert_eq!(
            categories_of("601450-601451-601452:1, 2-3-4:2"),
            Some(json!(["601450-601451-601452:1", "2-3-4:2"]))
        );
        assert_eq!(categories_of("[ {\"category_id\" : \"7\"} ]"), Some(json!([{"category_id": "7"}])));
        assert_eq!((categories_of("[]"), categories_of("null")), (Some(json!([])), Some(Value::Null)));
        for text in ["[{", "Beauty", "1-2,"] {
            assert_eq!(categories_of(text), None, "{text}");
        }
        let many = vec!["1-2-3:4"; 5_000].join(",");
        assert_eq!(categories_of(&many).unwrap().as_array().unwrap().len(), MOST);
    }
}
