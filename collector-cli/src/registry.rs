//! The types of source this command knows, and how each is made out of its table in the configuration.

mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::known::not_known;
use collector_core::pipeline::SourceOptions;
use collector_core::source::Source;
use collector_core::task::{Payload, Task};
use serde::de::DeserializeOwned;

use crate::config::Node;
pub(crate) use shape::Shape;

/// Any source of creators.
pub type AnySource = Arc<dyn Source<Item = CreatorSighting>>;

/// Makes one type of source out of its table in the configuration.
///
/// The table's keys are the fields of [`Config`](Self::Config); keys every source has (`in_flight`,
/// `units_per_day` …) are read apart. In `Config`, a [`Secret`](crate::Secret) (any newtype of that name)
/// is read from `{ env = "NAME" }` or `{ file = "PATH" }`, a [`ConfigPath`](crate::ConfigPath) counts from the
/// configuration's folder, and a [`Duration`](std::time::Duration) is text such as `"30s"`.
pub trait SourceFactory: 'static {
    /// The adapter's own keys.
    type Config: DeserializeOwned + Send + Sync + 'static;
    /// The adapter.
    type Source: Source<Item = CreatorSighting>;

    /// Keys it cannot do without although `Config` can be read without them, because [`build`](Self::build) has more to
    /// say about them than that they are missing.
    const NEEDS: &'static [&'static str] = &[];

    /// Builds the instance called `name`, and says what its vendor allows. Asks nobody and writes nothing.
    ///
    /// # Errors
    /// `ConfigInvalid` naming the key and what it accepts.
    fn build(name: &str, config: &Self::Config) -> Result<Built<Self::Source>>;

    /// What of the source's description finds nothing in an answer, as sentences; for `collector try`. None for
    /// adapters whose mapping is code.
    fn unmatched(_source: &Self::Source, _tasks: &[Task], _payload: &Payload) -> Vec<String> {
        Vec::new()
    }
}

/// A source, and how it may be used.
#[derive(Debug, Clone)]
pub struct Built<S> {
    /// The source.
    pub source: S,
    /// What its vendor allows, where the configuration does not say otherwise.
    pub options: SourceOptions,
}

/// Says what of a source's description finds nothing in an answer.
pub(crate) type Unmatched = Box<dyn Fn(&[Task], &Payload) -> Vec<String> + Send + Sync>;

/// A source without its type.
pub(crate) struct Made {
    pub(crate) built: Built<AnySource>,
    pub(crate) unmatched: Unmatched,
}

/// Builds an instance under a name.
pub(crate) type SourceBuilder = Box<dyn Fn(&str) -> Result<Made> + Send + Sync>;

/// The types of source this command knows, by name. A value that is passed around; nothing is global.
#[derive(Default)]
pub struct Registry {
    types: BTreeMap<String, Box<dyn ErasedFactory>>,
}

impl Registry {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type; one of the same name is replaced.
    #[must_use]
    pub fn with<F: SourceFactory>(mut self, kind: impl Into<String>) -> Self {
        self.types.insert(kind.into(), Box::new(Erased::<F>(std::marker::PhantomData)));
        self
    }

    /// The names of all types.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// The keys of every type's table.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.types.iter().map(|(kind, factory)| (kind.as_str(), factory.shape()))
    }

    /// Reads the keys of a source of type `kind`, noting every fault in them.
    pub(crate) fn read(&self, kind: &str, node: &Node<'_>) -> Option<SourceBuilder> {
        match self.types.get(kind) {
            Some(factory) => factory.read(node),
            None => {
                let known = not_known("type", kind, self.types());
                let remedy = "the table's name is the type unless `type` says otherwise";
                node.fault_in("type", format!("{known}; {remedy}"));
                None
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}

/// A factory without its types.
trait ErasedFactory: Send + Sync {
    fn read(&self, node: &Node<'_>) -> Option<SourceBuilder>;
    fn shape(&self) -> Shape;
}

struct Erased<F>(std::marker::PhantomData<fn() -> F>);

impl<F: SourceFactory> ErasedFactory for Erased<F> {
    fn read(&self, node: &Node<'_>) -> Option<SourceBuilder> {
        let config: F::Config = node.read()?;
        Some(Box::new(move |name| {
            let built = F::build(name, &config)?;
            let source = Arc::new(built.source);
            let asked = Arc::clone(&source);
            let unmatched: Unmatched = Box::new(move |tasks, payload| F::unmatched(&asked, tasks, payload));
            let source: AnySource = source;
            Ok(Made { built: Built { source, options: built.options }, unmatched })
        }))
    }

    fn shape(&self) -> Shape {
        let mut shape = Shape::of::<F::Config>();
        shape.required.extend(F::NEEDS);
        shape
    }
}
