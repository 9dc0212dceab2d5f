//! x
use super::StoreHarness;
/// x
pub(super) async fn model(_harness: &dyn StoreHarness) {}
