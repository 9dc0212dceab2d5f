//! What was sent, for whoever wants to show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests kept at most; a call makes one, and an auxiliary one or two.
const MOST: usize = 100;

/// The requests of some calls as people may see them. Clones share their contents.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Vec<String>>>);

impl RequestLog {
    /// The requests so far, in the order in which they were sent.
    pub fn requests(&self) -> Vec<String> {
        self.lock().clone()
    }

    pub(super) fn add(&self, shown: String) {
        let mut requests = self.lock();
        if requests.len() < MOST {
            requests.push(shown);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    #[test]
    fn requests_are_noted_only_when_somebody_asks() {
        let (log, silent) = (RequestLog::default(), Context::detached());
        silent.note_request(|| panic!("nobody asked"));
        let call = silent.logging_requests(&log);
        let call = call.for_call("a".into(), call.stop().clone(), std::time::Duration::from_secs(1));
        for number in 0..2 * MOST {
            call.note_request(|| format!("GET {number}"));
        }
        assert_eq!(log.requests().len(), MOST);
        assert_eq!(log.requests()[0], "GET 0");
    }
}
