//! Keys that the table of every source with a vendor takes, in one place.

use std::num::NonZeroUsize;
use std::time::Duration;

use collector_core::admission::Limits;
use collector_core::error::Result;
use collector_sources::http::Address;

use super::{ConfigPath, read_ca};

/// Makes a source's table: its own keys, and those that every vendor's table takes. A list of keys cannot be made of two
/// structs, since what reads a table tells its keys before it reads any.
macro_rules! vendor_table {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$of:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Deserialize)]
        $vis struct $name {
            $($(#[$of])* $key: $type,)*
            base_url: Option<collector_sources::http::Address>,
            timeout: Option<std::time::Duration>,
            max_body: Option<std::num::NonZeroUsize>,
            #[serde(default)]
            keep_email: bool,
            ca_file: Option<$crate::sources::ConfigPath>,
        }

        impl $name {
            /// The keys that every vendor's table takes.
            fn shared(&self) -> $crate::sources::table::Shared<'_> {
                $crate::sources::table::Shared {
                    base_url: self.base_url.as_ref(),
                    timeout: self.timeout,
                    max_body: self.max_body,
                    keep_email: self.keep_email,
                    ca_file: self.ca_file.as_ref(),
                }
            }
        }
    };
}
pub(super) use vendor_table;

/// Makes a source's options: what its table says under the keys that every vendor's table takes, what is said here, and for
/// the rest what the adapter does by itself, which is called `usual`. Each adapter's options are a type of their own, so no
/// function can fill them.
macro_rules! vendor_options {
    ($name:expr, $table:expr, $usual:ident => $options:ident { $($key:ident: $value:expr,)* }) => {{
        let (shared, $usual) = ($table.shared(), $options::default());
        $options {
            name: $name.to_owned(),
            base_url: shared.base_url.cloned().map_or($usual.base_url, Into::into),
            timeout: shared.timeout.unwrap_or($usual.timeout),
            max_body: shared.max_body($usual.max_body),
            keep_email: shared.keep_email,
            extra_ca: shared.extra_ca()?,
            $($key: $value,)*
            ..$usual
        }
    }};
}
pub(super) use vendor_options;

/// What every vendor's table may say.
pub(super) struct Shared<'t> {
    pub(super) base_url: Option<&'t Address>,
    pub(super) timeout: Option<Duration>,
    pub(super) max_body: Option<NonZeroUsize>,
    pub(super) keep_email: bool,
    pub(super) ca_file: Option<&'t ConfigPath>,
}

impl Shared<'_> {
    /// The largest answer, or what the adapter allows by itself.
    pub(super) fn max_body(&self, usual: usize) -> usize {
        self.max_body.map_or(usual, NonZeroUsize::get)
    }

    /// The certificates of the authorities that are trusted besides.
    ///
    /// # Errors
    /// `ConfigInvalid` when the file cannot be read.
    pub(super) fn extra_ca(&self) -> Result<Option<String>> {
        self.ca_file.map(|path| read_ca(path.as_path())).transpose()
    }
}

/// What a vendor's adapter says of its limits, for the engine.
pub(super) fn limits(in_flight: u32, per_second: Option<f64>, burst: Option<u32>) -> Limits {
    Limits { in_flight: usize::try_from(in_flight).unwrap_or(usize::MAX), per_second, burst }
}
