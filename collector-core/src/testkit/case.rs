//! What the suites for sources, sinks and locks share: cases, violations, declared exceptions.

use std::fmt;
use std::time::Duration;

/// A promise that was broken: what was expected and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    /// A violation in these words.
    pub fn new(seen: impl Into<String>) -> Self {
        Self(seen.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What a case says: the promise is kept, or how it was broken.
pub type Checked<T = ()> = Result<T, Violation>;

/// No case may take longer. It is this long because a harness on paused time lets hours pass at once.
pub(super) const CASE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Leaves the case with a [`Violation`] when a condition does not hold.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::testkit::case::Violation::new(format!($($message)+)));
        }
    };
}
pub(super) use ensure;

/// Makes the enum of a suite's cases out of its table.
macro_rules! case_enum {
    (harness: [$($harness:tt)*]; bounds: [$($bounds:tt)*];
     cases: $($number:literal $case:ident $function:ident $doc:literal;)*) => {
        /// One case of the suite.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Case { $(#[doc = $doc] $case,)* }

        impl Case {
            /// Every case, in the contract's order.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// The number in the contract it checks.
            pub const fn number(self) -> u8 {
                match self { $(Self::$case => $number,)* }
            }

            /// Checks the case.
            ///
            /// # Errors
            /// How the contract is broken.
            pub async fn check<$($bounds)*>(self, harness: &$($harness)*) -> $crate::testkit::case::Checked {
                // Boxed, so that the largest case does not make the future of every case large.
                let case = async {
                    match self { $(Self::$case => Box::pin($function(harness)).await,)* }
                };
                tokio::time::timeout($crate::testkit::case::CASE_LIMIT, case)
                    .await
                    .unwrap_or_else(|_| Err($crate::testkit::case::Violation::new("the case did not end")))
            }

            /// Checks the case unless it is a declared exception; then the reason is printed.
            ///
            /// # Panics
            /// When the contract is broken, or a declared exception gives no reason.
            pub async fn run_unless<$($bounds)*>(self, exceptions: &[(Self, &str)], harness: &$($harness)*) {
                let number = self.number();
                match exceptions.iter().find(|(case, _)| *case == self) {
                    Some((_, reason)) => {
                        assert!(!reason.trim().is_empty(), "the exception {self:?} gives no reason");
                        eprintln!("contract {number} [{self:?}] is not checked: {reason}");
                    }
                    None => {
                        if let Err(violation) = self.check(harness).await {
                            panic!("contract {number} [{self:?}] is broken: {violation}");
                        }
                    }
                }
            }
        }
    };
}
pub(super) use case_enum;

/// The tests of a conformance macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (suite: $suite:ident; harness: $harness:expr;
     cases: $($number:literal $case:ident $function:ident $doc:literal;)*) => {
        $($crate::__conformance_test! { $suite; $harness; $case $function $doc })*
    };
}

/// One test of a conformance macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_test {
    ($suite:ident; $harness:expr; $case:ident $function:ident $doc:literal) => {
        #[doc = $doc]
        #[tokio::test]
        async fn $function() {
            let harness = $harness;
            $crate::testkit::$suite::Case::$case.run_unless(EXCEPTIONS, &harness).await;
        }
    };
}
