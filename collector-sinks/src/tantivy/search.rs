//! [`TantivySearch`]: asks an index, also while another process writes to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use collector_core::clock::Timestamp;
use collector_core::context::Context;
use collector_core::error::Result;
use collector_core::search::{CreatorIndex, Hit, Plan, Query, Results};
use tantivy::schema::Value;
use tantivy::{IndexReader, ReloadPolicy, Searcher, TantivyDocument};

use super::blocking;
use super::collect::{Candidate, Pager};
use super::error::{damaged, index as refused, missing};
use super::folder::{Folder, Name};
use super::mapping::{Kept, Mapping, VERSION, fingerprint};
use super::query::Builder;
use super::writer;

/// How often opening is tried again when the index is replaced meanwhile.
const TRIES: usize = 3;

/// Asks an index. Cheap to clone; each question sees everything that was committed before it.
#[derive(Debug, Clone)]
pub struct TantivySearch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: Folder,
    mapping: Mapping,
    open: Mutex<Open>,
}

/// The index as it was last looked at.
struct Open {
    name: Name,
    path: PathBuf,
    reader: IndexReader,
    seen: Stamp,
}

/// Tells whether something was committed: length and time of the index's list of parts.
type Stamp = Option<(u64, SystemTime)>;

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TantivySearch {
    /// Opens an index to ask it. Blocks for some milliseconds.
    ///
    /// # Errors
    /// `ConfigInvalid` when there is no index, or one of another format that its writer has not seen yet; `Storage` for a
    /// damaged one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let folder = Folder::new(path.as_ref());
        let open = Mutex::new(Open::new(&folder)?);
        Ok(Self(Arc::new(Inner { folder, mapping: Mapping::new(), open })))
    }

    /// Answers a query that is asked at this moment. Blocks; [`search`](CreatorIndex::search) does not.
    ///
    /// # Errors
    /// `ConfigInvalid` for a query that cannot be answered, `Storage` for a damaged index.
    pub fn answer(&self, query: &Query, now: Timestamp) -> Result<Results> {
        let plan = Plan::new(query, now)?;
        let (searcher, path) = self.0.latest()?;
        let asked = Builder { mapping: &self.0.mapping, searcher: &searcher, path: &path }.plan(&plan)?;
        let failed = |error| refused(&path, "cannot search the index", error);
        let page = searcher.search(&asked, &Pager(&plan)).map_err(failed)?;
        let next = page.first.get(plan.limit).and_then(|_| page.first.get(plan.limit - 1));
        let hits = page.first.iter().take(plan.limit);
        Ok(Results {
            total: page.total,
            next: next.map(|last| plan.cursor(last.place)),
            hits: hits.map(|candidate| self.0.hit(&searcher, &path, candidate)).collect::<Result<_>>()?,
            facets: page.facets,
        })
    }
}

#[async_trait]
impl CreatorIndex for TantivySearch {
    async fn search(&self, cx: &Context, query: &Query) -> Result<Results> {
        let (search, query, now) = (self.clone(), query.clone(), cx.now());
        cx.guard(blocking(self.0.folder.path(), move || search.answer(&query, now))).await
    }
}

impl Inner {
    /// What is committed now.
    fn latest(&self) -> Result<(Searcher, PathBuf)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            tries += 1;
            match open.renew(&self.folder) {
                // Replaced, and the old one removed, after its name was read.
                Err(_) if tries < TRIES && self.folder.current()?.as_ref() != Some(&open.name) => {}
                renewed => break renewed?,
            }
        }
        Ok((open.reader.searcher(), open.path.clone()))
    }

    fn hit(&self, searcher: &Searcher, path: &Path, found: &Candidate) -> Result<Hit> {
        let failed = |error| refused(path, "cannot read a record of the search index", error);
        let unreadable = || damaged(path, "a record of the search index cannot be read");
        let document: TantivyDocument = searcher.doc(found.at).map_err(failed)?;
        let bytes = document
            .get_first(self.mapping.kept)
            .and_then(|value| value.as_bytes())
            .ok_or_else(unreadable)?;
        let kept: Kept = serde_json::from_slice(bytes).map_err(|error| unreadable().caused_by(error))?;
        let columns = searcher.segment_reader(found.at.segment_ord).fast_fields();
        let version = columns.u64(VERSION).map_err(failed)?.first(found.at.doc_id).ok_or_else(unreadable)?;
        let Kept { creator, facts } = kept;
        Ok(Hit { key: found.key, version, relevance: found.relevance, creator, facts })
    }
}

impl Open {
    fn new(folder: &Folder) -> Result<Self> {
        let mut tries = 0;
        loop {
            let Some(name) = folder.current()? else { return Err(missing(folder.path())) };
            if !name.has(&fingerprint()) {
                return Err(super::error::other_format(folder.path()));
            }
            tries += 1;
            match Self::of(folder, &name) {
                // Replaced between reading its name and opening it.
                Err(_) if tries < TRIES && folder.current()?.as_ref() != Some(&name) => {}
                opened => return opened,
            }
        }
    }

    fn of(folder: &Folder, name: &Name) -> Result<Self> {
        let path = folder.index(name);
        let seen = stamp(&path);
        let builder = writer::open(&path)?.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader =
            builder.try_into().map_err(|error| refused(&path, "cannot open the search index", error))?;
        Ok(Self { name: name.clone(), path, reader, seen })
    }

    /// Goes over to what is in use and committed now.
    fn renew(&mut self, folder: &Folder) -> Result<()> {
        if folder.current()?.as_ref() != Some(&self.name) {
            *self = Self::new(folder)?;
        }
        let seen = stamp(&self.path);
        if seen.is_none() || seen != self.seen {
            self.reader
                .reload()
                .map_err(|error| refused(&self.path, "cannot read the search index", error))?;
            self.seen = seen;
        }
        Ok(())
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path.join("meta.json")).ok()?;
    Some((found.len(), found.modified().ok()?))
}
