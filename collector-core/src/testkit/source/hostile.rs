//! Bytes no vendor should send.

use super::super::case::Checked;
use super::super::mutate::{junk, survive, variants};
use super::SourceHarness;
use super::cases::root;

const STATUSES: [u16; 4] = [200, 404, 429, 500];

pub(super) async fn hostile<H: SourceHarness + ?Sized>(harness: &H) -> Checked {
    let source = harness.source().await;
    let root = root(harness, &source)?;
    let good = [
        harness.page(&[0, 1, 2], Some(&harness.cursors()[0])),
        harness.page(&[], None),
        harness.page_with_bad_item(&[1]),
    ];
    let refusals = harness.failures().into_iter().map(|(answer, _)| answer);
    let bodies =
        junk().into_iter().chain(good.into_iter().chain(refusals).flat_map(|answer| variants(&answer.body)));
    for body in bodies {
        for status in STATUSES {
            survive(&*source, std::slice::from_ref(&root), status, &body)?;
        }
    }
    Ok(())
}
