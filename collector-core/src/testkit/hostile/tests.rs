//! The suite itself: a right source passes every case, and each wrong one fails exactly the case it is wrong in.

mod toy;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};

use super::super::server::Answer;
use super::*;
use toy::{FIRST_TOKEN, Flaw, SECOND_TOKEN, Toy, ToyItem};

/// Which wrong source which case must notice; no other case may.
const CAUGHT: &[(Flaw, Case)] = &[
    (Flaw::NoSeconds, Case::RetryAfterSeconds),
    (Flaw::NoDates, Case::RetryAfterDate),
    (Flaw::NoReset, Case::RateLimitReset),
    (Flaw::HintlessIsUnavailable, Case::Bare429),
    (Flaw::FollowsRepeated, Case::RepeatedCursor),
    (Flaw::BelievesTotal, Case::ShrinkingTotal),
    (Flaw::RefusesDuplicates, Case::DuplicateRows),
    (Flaw::WantsOrder, Case::ReorderedRows),
    (Flaw::TakesHalfJson, Case::TruncatedJson),
    (Flaw::HtmlIsNobody, Case::HtmlPage),
    (Flaw::UnpacksAll, Case::CompressionBomb),
    (Flaw::LateIsUnavailable, Case::SlowDrip),
    (Flaw::TakesReset, Case::ResetMidBody),
    (Flaw::KeepsToken, Case::ExpiringToken),
    (Flaw::NullLosesPage, Case::NullFields),
    (Flaw::RenamedIsNobody, Case::RenamedFields),
    (Flaw::TypeLosesPage, Case::RetypedFields),
    (Flaw::SlicesText, Case::ScrambledBytes),
    (Flaw::SmallCap, Case::BigPage),
    (Flaw::StaysBusy, Case::DropEverywhere),
    (Flaw::StopIsTimeout, Case::StopEverywhere),
];

/// The toy behind its vendor: two pages of three rows, a token got beside.
struct Vendor(Flaw);

fn rows(ids: std::ops::Range<u64>) -> Vec<Value> {
    ids.map(|id| json!({ "id": id, "name": format!("name {id}"), "tags": ["a", "b"] })).collect()
}

impl HostileHarness for Vendor {
    type Item = ToyItem;

    fn source(&self, base_url: &str) -> Arc<dyn Source<Item = ToyItem>> {
        Arc::new(Toy::new(self.0, base_url))
    }

    fn query(&self) -> Query {
        Query { keywords: vec!["tea".into()], ..Query::default() }
    }

    fn recording(&self) -> Recording {
        let page =
            |ids, next: Option<&str>| Answer::json(&json!({ "rows": rows(ids), "total": 6, "next": next }));
        Recording::new().answer("/search", &[], page(1..4, Some("p2"))).answer(
            "/search",
            &[("cursor", "p2")],
            page(4..7, None),
        )
    }

    fn key(&self, item: &ToyItem) -> String {
        item.id.to_string()
    }

    fn rows(&self) -> Option<&'static str> {
        Some("/rows")
    }

    fn total(&self) -> Option<&'static str> {
        Some("/total")
    }

    fn token(&self) -> Token {
        let answer = |token: &str| Answer::json(&json!({ "token": token }));
        Token::Renewed {
            path: "/token".into(),
            answers: Box::new([answer(FIRST_TOKEN), answer(SECOND_TOKEN)]),
            first: FIRST_TOKEN.into(),
            ended: Answer::status(401),
        }
    }

    fn max_body(&self) -> usize {
        toy::CAP
    }
}

mod sound {
    use super::{Flaw, Vendor};
    crate::source_hostile!(Vendor(Flaw::Sound));
}

/// A vendor whose token is configured, as most are.
struct Fixed(Flaw);

impl HostileHarness for Fixed {
    type Item = ToyItem;

    fn source(&self, base_url: &str) -> Arc<dyn Source<Item = ToyItem>> {
        Arc::new(Toy::new(self.0, base_url).with_token("configured"))
    }

    fn query(&self) -> Query {
        Vendor(self.0).query()
    }

    fn recording(&self) -> Recording {
        Vendor(self.0).recording()
    }

    fn key(&self, item: &ToyItem) -> String {
        item.id.to_string()
    }
}

#[tokio::test]
async fn a_configured_token_that_ends_is_a_matter_for_a_person() {
    Case::ExpiringToken.check(&Fixed(Flaw::Sound)).await.unwrap();
    let violation = Case::ExpiringToken.check(&Fixed(Flaw::EndedIsAbsent)).await.unwrap_err().to_string();
    assert!(violation.contains("must be unauthorized"), "{violation}");
}

#[tokio::test]
async fn a_case_that_cannot_be_played_says_what_is_missing() {
    for (case, missing) in
        [(Case::ShrinkingTotal, "implement `total`"), (Case::DuplicateRows, "implement `rows`")]
    {
        let violation = case.check(&Fixed(Flaw::Sound)).await.unwrap_err().to_string();
        assert!(violation.contains(missing), "{violation}");
    }
}

struct Unrecorded;

impl HostileHarness for Unrecorded {
    type Item = ToyItem;

    fn source(&self, base_url: &str) -> Arc<dyn Source<Item = ToyItem>> {
        Arc::new(Toy::new(Flaw::Sound, base_url).with_token("configured"))
    }

    fn query(&self) -> Query {
        Vendor(Flaw::Sound).query()
    }

    fn recording(&self) -> Recording {
        Recording::new()
    }

    fn key(&self, item: &ToyItem) -> String {
        item.id.to_string()
    }
}

#[tokio::test]
async fn a_request_nothing_was_recorded_for_is_named_without_its_parameters() {
    let violation = Case::HtmlPage.check(&Unrecorded).await.unwrap_err().to_string();
    assert_eq!(violation, "the recording has no answer for GET /search");
}

/// The matrix: every wrong source against every case.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_source_fails_exactly_the_case_it_is_wrong_in() {
    let pairs = CAUGHT.iter().flat_map(|(flaw, caught)| Case::ALL.iter().map(|case| (*flaw, *caught, *case)));
    let judged: Vec<_> = stream::iter(pairs)
        .map(|(flaw, caught, case)| async move {
            let said = case.check(&Vendor(flaw)).await;
            (flaw, caught, case, said)
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let wrong: Vec<_> = judged
        .into_iter()
        .filter(|(_, caught, case, said)| said.is_err() != (case == caught))
        .map(|(flaw, _, case, said)| format!("{flaw:?} in {case:?}: {said:?}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_case_has_a_source_that_fails_it() {
    for case in Case::ALL {
        assert!(CAUGHT.iter().any(|(_, caught)| caught == case), "no source is wrong in {case:?}");
    }
}

#[test]
fn the_bomb_is_small_and_unpacks_to_zeros() {
    use std::io::Read;
    let bomb = bomb::gzip_of_zeros(3 << 20);
    assert!(bomb.len() < 32 << 10, "{} bytes", bomb.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&bomb[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked.len() >= 3 << 20 && unpacked.iter().all(|byte| *byte == 0));
}
