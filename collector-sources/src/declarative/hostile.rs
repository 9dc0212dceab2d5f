//! A file's own answers, spoilt in every way: whatever comes, reading ends well and says what became of each task.

use std::panic::{AssertUnwindSafe, catch_unwind};

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::RunId;
use collector_core::source::Source;
use collector_core::task::{Payload, Task};
use serde::Serialize;
use serde_json::{Value, json};

use super::examples::Answered;
use super::source::Declarative;

/// Places at which an answer is cut or spoilt, and values of it that are replaced.
const PLACES: usize = 100;

/// What is wrong is told so often at most.
const MOST_FAULTS: usize = 20;

const STATUSES: [u16; 5] = [200, 302, 404, 429, 500];

/// What came of the spoilt answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Spoilt {
    /// Answers that were read.
    pub answers: usize,
    /// What went wrong; none when all went well.
    pub faults: Vec<String>,
}

impl Declarative {
    /// Reads each of the file's answers, spoilt in many ways. Asks nobody.
    pub fn spoilt(&self) -> Spoilt {
        let mut spoilt = Spoilt::default();
        for (number, Answered { tasks, payload }) in self.answers().into_iter().enumerate() {
            for body in junk().into_iter().chain(variants(&payload.body)) {
                for status in STATUSES {
                    let mut answer = payload.clone();
                    answer.body = body.clone().into();
                    answer.status = status;
                    spoilt.answers += 1;
                    if let Err(fault) = self.survives(&tasks, &answer)
                        && spoilt.faults.len() < MOST_FAULTS
                    {
                        let shown: String = String::from_utf8_lossy(&body).chars().take(120).collect();
                        spoilt
                            .faults
                            .push(format!("example {}, status {status}, {shown:?}: {fault}", number + 1));
                    }
                }
            }
        }
        spoilt
    }

    fn survives(&self, tasks: &[Task], answer: &Payload) -> Result<(), String> {
        let read = || catch_unwind(AssertUnwindSafe(|| self.parse(tasks, answer)));
        let shown = |read: std::thread::Result<Result<collector_core::task::Page<_>>>| match read {
            Err(_) => Err("reading it panics".to_owned()),
            Ok(Ok(page)) => {
                let outcomes = page.outcomes.len();
                if outcomes != tasks.len() {
                    return Err(format!("{outcomes} outcomes for {} tasks", tasks.len()));
                }
                let own = |next: &Task| tasks.iter().any(|task| task.id(RunId(1)) == next.id(RunId(1)));
                if let Some(next) = page.follow_ups.iter().find(|next| own(next)) {
                    return Err(format!("it leads to itself: {next}"));
                }
                Ok(format!("{:?} {:?} {:?} {:?}", page.items, page.follow_ups, page.malformed, page.outcomes))
            }
            Ok(Err(error)) => Ok(described(&error)),
        };
        let (first, second) = (shown(read())?, shown(read())?);
        if first == second { Ok(()) } else { Err("read twice, it says something else".to_owned()) }
    }
}

fn described(error: &Error) -> String {
    debug_assert_ne!(error.kind(), ErrorKind::ConfigInvalid);
    format!("{error:?}")
}

/// Bytes that have nothing to do with the format.
fn junk() -> Vec<Vec<u8>> {
    let texts = [
        "",
        " ",
        "\0",
        "null",
        "[]",
        "{}",
        "\"\"",
        "0",
        "-",
        "{",
        "[{\"",
        "\u{feff}{}",
        "NaN",
        "<html>captcha",
    ];
    let mut junk: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).into();
    junk.push(vec![0xff; 100]);
    junk.push(b"[".repeat(10_000));
    junk.push(b"{\"a\":".repeat(10_000));
    junk
}

/// A body, cut, with bytes replaced, and with values replaced.
fn variants(body: &[u8]) -> Vec<Vec<u8>> {
    let step = (body.len() / PLACES).max(1);
    let mut variants: Vec<Vec<u8>> =
        (0..=body.len()).step_by(step).filter_map(|end| Some(body.get(..end)?.to_vec())).collect();
    for at in (0..body.len()).step_by(step) {
        for byte in [0xff, b'"', b'0', b'{'] {
            let mut spoilt = body.to_vec();
            if let Some(place) = spoilt.get_mut(at) {
                *place = byte;
            }
            variants.push(spoilt);
        }
    }
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        for pointer in pointers(&value).into_iter().take(PLACES) {
            for other in others() {
                let mut spoilt = value.clone();
                if let Some(place) = spoilt.pointer_mut(&pointer) {
                    *place = other;
                }
                variants.push(spoilt.to_string().into_bytes());
            }
        }
    }
    variants
}

fn others() -> [Value; 12] {
    [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(0.1),
        json!(""),
        json!("\u{0}\u{202e}é👩‍👩‍👧@"),
        json!("//evil.test/?a=1"),
        json!([]),
        json!({}),
        json!([null, [], {"id": {"id": []}}]),
    ]
}

/// Where the values of a document are.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(number, item)| (number.to_string(), item)).collect()
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field)).collect()
        }
        _ => Vec::new(),
    };
    let below = children.into_iter().flat_map(|(step, child)| {
        pointers(child).into_iter().map(move |rest| format!("/{step}{rest}")).collect::<Vec<_>>()
    });
    std::iter::once(String::new()).chain(below).collect()
}
