//! The one writer of an index. Everything here blocks.

use std::path::{Path, PathBuf};

use collector_core::creator::Creator;
use collector_core::error::{Error, Result};
use collector_core::id::RecordKey;
use collector_core::sink::{Change, Facts, Wrote};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::Value;
use tantivy::store::StoreReader;
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, SegmentReader, TantivyDocument,
    TantivyError, Term,
};

use super::config::TantivyConfig;
use super::error::{damaged, index as refused};
use super::folder::{Folder, Name};
use super::mapping::{KEPT, KEY, Kept, Mapping, VERSION, fingerprint};
use super::versions::Versions;

/// A part of the index is written anew when this share of it is deleted. The library's default never does, and an
/// index of records that change would only grow.
const DELETED_SHARE: f32 = 0.25;

/// Parts of about one size that are merged into one.
const MERGE: usize = 8;

/// What fits in memory of the record store while parts are read.
const CACHED_BLOCKS: usize = 4;

/// Writes to an index.
pub(super) struct Writer {
    path: PathBuf,
    mapping: Mapping,
    writer: IndexWriter,
    reader: IndexReader,
}

impl Writer {
    /// Opens the index in use. Makes one when there is none; an index of another format is made anew beside it, from
    /// what it keeps, and takes its place.
    ///
    /// The caller holds the lock on the folder.
    pub(super) fn open(config: &TantivyConfig) -> Result<Self> {
        let folder = Folder::new(&config.path);
        folder.prepare()?;
        let current = folder.current()?;
        let name = match &current {
            Some(name) if name.has(&fingerprint()) => name.clone(),
            older => make(&folder, older.as_ref(), config.heap)?,
        };
        folder.tidy(&name)?;
        Self::of(&folder.index(&name), open(&folder.index(&name))?, config.heap)
    }

    fn of(path: &Path, index: Index, heap: usize) -> Result<Self> {
        let failed = |error| refused(path, "cannot write to the search index", error);
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(heap);
        let writer = index.writer_with_options(options.build()).map_err(failed)?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(MERGE);
        policy.set_del_docs_ratio_before_merge(DELETED_SHARE);
        writer.set_merge_policy(Box::new(policy));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        Ok(Self { path: path.to_owned(), mapping: Mapping::new(), writer, reader })
    }

    /// Writes a batch and makes it durable; one outcome per change.
    pub(super) fn write(&mut self, batch: &[Change<Creator>]) -> Result<Vec<Wrote>> {
        let failed = |error| refused(&self.path, "cannot write to the search index", error);
        let mut versions = Versions::new(self.mapping.key, &self.reader.searcher()).map_err(failed)?;
        let outcomes = batch.iter().map(|change| self.put(change, &mut versions));
        let outcomes = outcomes.collect::<tantivy::Result<Vec<_>>>().map_err(failed)?;
        if outcomes.iter().any(|outcome| matches!(outcome, Wrote::Stored(_))) {
            self.writer.commit().map_err(failed)?;
            self.reader.reload().map_err(failed)?;
        }
        Ok(outcomes)
    }

    fn put(&self, change: &Change<Creator>, versions: &mut Versions) -> tantivy::Result<Wrote> {
        let key = change.key();
        let known = versions.get(key)?;
        if known.is_some_and(|known| known >= change.version()) {
            return Ok(Wrote::Superseded);
        }
        let document = match self.mapping.document(change) {
            Ok(document) => document,
            Err(error) => {
                return Ok(Wrote::Rejected(format!("the record cannot be written as JSON: {error}")));
            }
        };
        // A deletion is looked for in every part of the index at the next commit: only where there is something.
        if known.is_some() {
            self.writer.delete_term(Term::from_field_u64(self.mapping.key, key.0));
        }
        self.writer.add_document(document)?;
        versions.wrote(key, change.version());
        Ok(Wrote::Stored(Facts::new()))
    }

    /// Adds what is known not to be there.
    fn add(&self, change: &Change<Creator>) -> Result<()> {
        let document = self.mapping.document(change);
        let document =
            document.map_err(|error| damaged(&self.path, &format!("a record cannot be written: {error}")))?;
        let added = self.writer.add_document(document);
        added.map(drop).map_err(|error| refused(&self.path, "cannot write to the search index", error))
    }
}

/// Opens an index as it is.
pub(super) fn open(path: &Path) -> Result<Index> {
    let failed = |error| refused(path, "cannot open the search index", error);
    let directory = MmapDirectory::open(path).map_err(|error| failed(TantivyError::from(error)))?;
    Index::open(directory).map_err(failed)
}

/// A new index beside the one in use.
#[derive(Debug)]
pub(super) struct Fresh {
    folder: Folder,
    name: Name,
    writer: Writer,
}

impl Fresh {
    /// An empty one. The caller holds the lock on the folder.
    pub(super) fn begin(config: &TantivyConfig) -> Result<Self> {
        let folder = Folder::new(&config.path);
        folder.prepare()?;
        let current = folder.current()?;
        let name = Name::after(current.as_ref(), &fingerprint());
        let path = folder.make(&name)?;
        let writer = Writer::of(&path, create(&path)?, config.heap)?;
        Ok(Self { folder, name, writer })
    }

    pub(super) fn add(&self, change: &Change<Creator>) -> Result<()> {
        self.writer.add(change)
    }

    pub(super) fn finish(self) -> Result<()> {
        let Self { folder, name, mut writer } = self;
        let failed = |error| refused(folder.path(), "cannot write the new search index", error);
        writer.writer.commit().map_err(failed)?;
        folder.use_index(&name)?;
        folder.tidy(&name)
    }
}

/// Makes an empty index in an empty folder.
fn create(path: &Path) -> Result<Index> {
    let failed = |error| refused(path, "cannot make a search index", error);
    // One thread less; records are small.
    let settings = IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() };
    let builder = Index::builder().schema(Mapping::new().schema).settings(settings);
    builder.create_in_dir(path).map_err(failed)
}

/// Makes a new index beside an older one, with what that one keeps, and uses it from now on.
fn make(folder: &Folder, older: Option<&Name>, heap: usize) -> Result<Name> {
    let name = Name::after(older, &fingerprint());
    let path = folder.make(&name)?;
    let failed = |error| refused(&path, "cannot make a search index", error);
    let index = create(&path)?;
    if let Some(older) = older {
        let mut writer = Writer::of(&path, index, heap)?;
        let copied = copy(&folder.index(older), &writer)?;
        writer.writer.commit().map_err(failed)?;
        tracing::info!(folder = %folder.path().display(), records = copied, "the search index has a new format and was made anew");
    }
    folder.use_index(&name)?;
    Ok(name)
}

/// Puts everything that an older index keeps into a newer one.
fn copy(older: &Path, newer: &Writer) -> Result<u64> {
    let failed = |error| refused(older, "cannot read the older search index", error);
    let index = open(older)?;
    let kept = index.schema().get_field(KEPT).map_err(failed)?;
    let reader: IndexReader =
        index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
    let mut copied = 0;
    for segment in reader.searcher().segment_readers() {
        let part = OldPart::new(segment).map_err(failed)?;
        for document in segment.doc_ids_alive() {
            newer.add(&part.change(document, kept, older)?)?;
            copied += 1;
        }
    }
    Ok(copied)
}

/// A part of an older index.
struct OldPart {
    keys: tantivy::columnar::Column<u64>,
    versions: tantivy::columnar::Column<u64>,
    records: StoreReader,
}

impl OldPart {
    fn new(segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let records = segment.get_store_reader(CACHED_BLOCKS)?;
        Ok(Self { keys: columns.u64(KEY)?, versions: columns.u64(VERSION)?, records })
    }

    /// The change that made this document.
    fn change(&self, at: u32, kept: tantivy::schema::Field, path: &Path) -> Result<Change<Creator>> {
        let unreadable = || damaged(path, "a record of the older search index cannot be read");
        let (key, version) = self.keys.first(at).zip(self.versions.first(at)).ok_or_else(unreadable)?;
        let document: TantivyDocument = self
            .records
            .get(at)
            .map_err(|error| refused(path, "cannot read the older search index", error))?;
        let key = RecordKey(key);
        let Some(bytes) = document.get_first(kept).and_then(|value| value.as_bytes()) else {
            return Ok(Change::Delete { key, version });
        };
        let kept: Kept = serde_json::from_slice(bytes).map_err(|error| unreadable().caused_by(error))?;
        Ok(Change::Put(kept.into_record(key, version)))
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Reads every byte of the index and compares it with its checksum.
pub(super) fn verify(path: &Path) -> Result<()> {
    let folder = Folder::new(path);
    let Some(name) = folder.current()? else { return Ok(()) };
    let path = folder.index(&name);
    let damaged_files = open(&path)?.validate_checksum();
    let damaged_files =
        damaged_files.map_err(|error| refused(&path, "cannot read the search index", error))?;
    match damaged_files.into_iter().next() {
        Some(file) => Err(broken(&path, &file)),
        None => Ok(()),
    }
}

fn broken(path: &Path, file: &Path) -> Error {
    damaged(path, "a file does not have the contents it was written with").with("file", file.display())
}
