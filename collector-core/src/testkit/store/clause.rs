//! One numbered promise of the contract, and how its breach is told.

use std::fmt::{Debug, Display};

/// A promise of [`Store`](crate::store::Store): its number there, and the case that checks it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clause {
    number: u8,
    case: &'static str,
}

impl Clause {
    pub(super) const fn new(number: u8, case: &'static str) -> Self {
        Self { number, case }
    }

    /// Fails unless both are equal.
    #[track_caller]
    pub(super) fn same<T: PartialEq + Debug>(self, what: impl Display, seen: T, expected: T) {
        if seen != expected {
            self.broken(what, format_args!("{expected:?}"), seen);
        }
    }

    /// Fails unless `ok`; `seen` is shown, `what` says what should have been.
    #[track_caller]
    pub(super) fn holds(self, what: impl Display, ok: bool, seen: impl Debug) {
        if !ok {
            self.broken(what, format_args!("that to hold"), seen);
        }
    }

    /// What is there, or a failure.
    #[track_caller]
    pub(super) fn some<T>(self, what: impl Display, seen: Option<T>) -> T {
        match seen {
            Some(seen) => seen,
            None => self.broken(what, format_args!("one"), "none"),
        }
    }

    #[track_caller]
    fn broken(self, what: impl Display, expected: impl Display, seen: impl Debug) -> ! {
        let Self { number, case } = self;
        panic!("contract {number} of Store is broken [{case}]: {what}: expected {expected}, saw {seen:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::Clause;

    #[test]
    #[should_panic(expected = "contract 4 of Store is broken [Claim]: two tasks: expected 2, saw 1")]
    fn a_breach_names_contract_case_expected_and_seen() {
        Clause::new(4, "Claim").same("two tasks", 1, 2);
    }
}
