//! What the fuzz targets read with, read without a fuzzer: they are no member of the workspace, and must not rot.

#[allow(dead_code, missing_docs, unreachable_pub, unused_macros, reason = "the targets use the rest")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use collector_core::clock::Timestamp;
use collector_core::task::Payload;

const TARGETS: [&str; 5] = ["declarative", "echotik", "ensembledata", "tiktok", "web"];

/// An answer that is refused at the door teaches a fuzzer nothing.
#[test]
fn every_kind_of_call_has_an_answer_to_begin_with() {
    for name in TARGETS {
        for reading in targets::readings(name) {
            for kind in reading.source.kinds() {
                let mut calls = reading.calls.iter().filter(|tasks| *tasks[0].kind() == kind);
                let read = calls.any(|tasks| {
                    reading.seeds.iter().any(|seed| {
                        let payload = Payload::new(seed.clone(), Timestamp::from_secs(1_795_359_599));
                        let page = reading.source.parse(tasks, &payload);
                        // Jobs that are submitted and waited for show nobody.
                        page.is_ok_and(|page| name == "declarative" || !page.items.is_empty())
                    })
                });
                assert!(read, "{name}: {kind}");
            }
        }
    }
}

#[test]
fn the_answers_to_begin_with_are_read_as_any_call() {
    for name in TARGETS {
        let readings = targets::readings(name);
        for seed in readings.iter().flat_map(|reading| &reading.seeds) {
            targets::read(&readings, seed);
        }
    }
}
