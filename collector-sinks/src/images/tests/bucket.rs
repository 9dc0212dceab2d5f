//! The same tests as on a folder, on the bucket that the environment names.

#![allow(clippy::duplicate_mod, reason = "the same tests, with another home")]

use collector_core::context::Context;
use collector_core::creator::Creator;
use collector_core::error::ErrorKind;
use collector_core::sink::Sink;

use super::place::Place;
use super::{files, place};
use crate::images::s3::{BucketAccess, BucketConfig};
use crate::images::{ImagesConfig, ImagesSink};
use crate::services;

#[path = "conformance.rs"]
mod conformance;
#[path = "stage.rs"]
mod stage;
#[path = "sweeps.rs"]
mod sweeps;
#[path = "upkeep.rs"]
mod upkeep;
#[path = "writes.rs"]
mod writes;

fn home() -> Place {
    Place::bucket("COLLECTOR_TEST_S3")
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_a_real_server_and_told() {
    let Some(url) = services::find("COLLECTOR_TEST_S3") else { return };
    let id = services::find("COLLECTOR_TEST_S3_ACCESS_KEY").unwrap();
    for (id, secret, words) in [(id.as_str(), "wrong", "key"), ("nobody", "wrong", "key")] {
        let access = BucketAccess::key(id, secret).unwrap();
        let bucket = BucketConfig::at(&url).unwrap();
        let sink = ImagesSink::in_bucket(bucket, access, ImagesConfig::default()).unwrap();
        let refused = Sink::<Creator>::check(&sink, &Context::detached()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unauthorized, "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
}
