//! What a fuzz target is: a source that reads whatever comes, as the answer to one task of each of its kinds.

use std::sync::Arc;

use collector_core::creator::CreatorSighting;
use collector_core::source::Source;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};

/// Any source of creators.
pub type AnySource = Arc<dyn Source<Item = CreatorSighting>>;

/// The source of this name, with made-up credentials; it sends nothing.
///
/// # Panics
/// When there is none, or its options are wrong.
pub fn source(name: &str) -> AnySource {
    match name {
        "ensembledata" => {
            let token = "canary0123456789".into();
            let config = EnsembleDataConfig { token, long_calls: true, keep_email: true, ..EnsembleDataConfig::default() };
            Arc::new(EnsembleData::new(config).expect("its options"))
        }
        _ => panic!("no source is called {name}: add it here"),
    }
}

/// A fuzz target of the source with this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        use std::sync::LazyLock;

        static SOURCE: LazyLock<$crate::AnySource> = LazyLock::new(|| $crate::source($name));

        libfuzzer_sys::fuzz_target!(|body: &[u8]| collector_core::testkit::mutate::fuzz(&**SOURCE, body));
    };
}
