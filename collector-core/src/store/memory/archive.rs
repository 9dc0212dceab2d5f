//! Records by key in compressed blocks: what is alike compresses best together.

use std::io;
use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};

use crate::id::RecordKey;

/// Records are collected up to this size and then compressed together. Larger blocks compress little better and cost
/// more to read one record from.
const BLOCK_BYTES: usize = 32 << 10;
/// The level of compression; higher ones take longer and gain little on blocks this small.
const LEVEL: i32 = 1;
/// A block is written anew when less than this share of its records still counts.
const MIN_LIVE: f32 = 0.4;
/// Key and length in front of each record.
const FRAME: usize = 12;

/// Keeps the newest bytes of each key.
#[derive(Default)]
pub(super) struct Archive {
    /// By key; keys are given in order, so a vector is the smallest map.
    places: Vec<Place>,
    blocks: Vec<Block>,
    free: Vec<u32>,
    /// Records that are not compressed yet.
    open: Vec<u8>,
    /// Made with the first block.
    writer: Option<Writer>,
    reader: Mutex<Option<Reader>>,
}

/// Compresses blocks. What the first one holds is the dictionary of all: blocks take a third less than each by itself.
struct Writer {
    dictionary: Box<[u8]>,
    compressor: Compressor<'static>,
}

/// Reads blocks, and remembers the last one.
struct Reader {
    decompressor: Decompressor<'static>,
    last: Option<(u32, Vec<u8>)>,
}

/// Where a record is: in a block, among the open ones, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    block: u32,
    offset: u32,
}

impl Place {
    const NOWHERE: Self = Self { block: u32::MAX, offset: 0 };
    /// The number that no block has.
    const OPEN: u32 = u32::MAX - 1;

    fn open(offset: u32) -> Self {
        Self { block: Self::OPEN, offset }
    }
}

#[derive(Default)]
struct Block {
    /// As they are, if packing gains nothing.
    packed: Box<[u8]>,
    /// Their size unpacked.
    size: usize,
    records: u32,
    live: u32,
}

impl Archive {
    fn place(&self, key: RecordKey) -> Place {
        usize::try_from(key.0).ok().and_then(|at| self.places.get(at)).copied().unwrap_or(Place::NOWHERE)
    }

    /// Every key that has a record, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = RecordKey> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| **place != Place::NOWHERE).map(|(at, _)| RecordKey(at as u64))
    }

    /// Reads a record.
    pub(super) fn get<T>(&self, key: RecordKey, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let place = self.place(key);
        match place.block {
            _ if place == Place::NOWHERE => None,
            Place::OPEN => record(&self.open, place.offset).map(read),
            block => {
                let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = self.unpacked(&mut reader, block)?;
                record(bytes, place.offset).map(read)
            }
        }
    }

    /// Replaces a record.
    pub(super) fn put(&mut self, key: RecordKey, bytes: &[u8]) {
        self.remove(key);
        let Ok(at) = usize::try_from(key.0) else { return };
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::NOWHERE);
        }
        self.places[at] = Place::open(index(self.open.len()));
        self.open.extend_from_slice(&key.0.to_le_bytes());
        self.open.extend_from_slice(&index(bytes.len()).to_le_bytes());
        self.open.extend_from_slice(bytes);
        if self.open.len() >= BLOCK_BYTES {
            self.seal();
        }
    }

    /// Forgets a record.
    pub(super) fn remove(&mut self, key: RecordKey) {
        let place = self.place(key);
        if place == Place::NOWHERE {
            return;
        }
        self.places[key.0 as usize] = Place::NOWHERE;
        if place.block == Place::OPEN {
            return;
        }
        let block = &mut self.blocks[place.block as usize];
        block.live -= 1;
        if block.live as f32 <= block.records as f32 * MIN_LIVE {
            self.rewrite(place.block);
        }
    }

    /// Compresses what is open.
    fn seal(&mut self) {
        let open = std::mem::take(&mut self.open);
        let at = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            index(self.blocks.len() - 1)
        });
        let mut live = 0;
        let mut records = 0;
        for (offset, key, _) in frames(&open) {
            records += 1;
            // A record that was replaced meanwhile stands at another place.
            if self.place(key) == Place::open(offset) {
                self.places[key.0 as usize] = Place { block: at, offset };
                live += 1;
            }
        }
        let size = open.len();
        let packed = self.pack(&open).ok().filter(|packed| packed.len() < size);
        let packed = packed.map_or_else(|| Box::from(&*open), Vec::into_boxed_slice);
        self.blocks[at as usize] = Block { packed, size, records, live };
        self.open = open;
        self.open.clear();
        self.forget_read(at);
    }

    /// Moves what still counts of a block to the open records.
    fn rewrite(&mut self, at: u32) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.unpacked(&mut reader, at).map(<[u8]>::to_vec).unwrap_or_default();
        drop(reader);
        self.blocks[at as usize] = Block::default();
        self.forget_read(at);
        self.free.push(at);
        for (offset, key, record) in frames(&bytes) {
            if self.place(key) == (Place { block: at, offset }) {
                self.places[key.0 as usize] = Place::NOWHERE;
                self.put(key, record);
            }
        }
    }

    fn forget_read(&self, at: u32) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Reader { last, .. }) = reader.as_mut() {
            last.take_if(|(of, _)| *of == at);
        }
    }

    fn pack(&mut self, open: &[u8]) -> io::Result<Vec<u8>> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Writer {
                dictionary: Box::from(open),
                compressor: Compressor::with_dictionary(LEVEL, open)?,
            }),
        };
        writer.compressor.compress(open)
    }

    /// The bytes of a block.
    fn unpacked<'r>(&'r self, reader: &'r mut Option<Reader>, block: u32) -> Option<&'r [u8]> {
        let Block { packed, size, .. } = self.blocks.get(block as usize)?;
        if packed.len() == *size {
            return Some(packed);
        }
        let reader = match reader {
            Some(reader) => reader,
            none => none.insert(Reader {
                decompressor: Decompressor::with_dictionary(&self.writer.as_ref()?.dictionary).ok()?,
                last: None,
            }),
        };
        let Reader { decompressor, last } = reader;
        if last.as_ref().is_none_or(|(of, _)| *of != block) {
            // What was packed here unpacks.
            *last = Some((block, decompressor.decompress(packed, *size).ok()?));
        }
        last.as_ref().map(|(_, bytes)| &**bytes)
    }
}

/// Blocks are small and keys in memory few: offsets and numbers fit 32 bits.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The record framed at an offset.
fn record(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let (_, _, record) = frames(bytes.get(at as usize..)?).next()?;
    Some(record)
}

/// Offset, key and bytes of each record.
fn frames(bytes: &[u8]) -> impl Iterator<Item = (u32, RecordKey, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let head = bytes.get(at..at + FRAME)?;
        let key = u64::from_le_bytes(head.get(..8)?.try_into().ok()?);
        let length = u32::from_le_bytes(head.get(8..)?.try_into().ok()?) as usize;
        let record = bytes.get(at + FRAME..at + FRAME + length)?;
        let offset = index(at);
        at += FRAME + length;
        Some((offset, RecordKey(key), record))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(key: u64, version: u64) -> Vec<u8> {
        format!("{{\"key\":{key},\"version\":{version},\"filling\":\"{}\"}}", "x".repeat((key % 97) as usize))
            .into_bytes()
    }

    #[test]
    fn what_does_not_compress_comes_back_too() {
        let mut archive = Archive::default();
        let mut random = 7_u64;
        let mut noise = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()
        };
        let records: Vec<Vec<u8>> =
            (0..200).map(|_| std::iter::repeat_with(&mut noise).take(60).flatten().collect()).collect();
        for (key, record) in (0..).zip(&records) {
            archive.put(RecordKey(key), record);
        }
        assert!(
            archive.blocks.iter().any(|block| block.packed.len() == block.size),
            "nothing was kept as it is"
        );
        for (key, record) in (0..).zip(&records) {
            assert_eq!(archive.get(RecordKey(key), <[u8]>::to_vec).as_ref(), Some(record), "key {key}");
        }
    }

    #[test]
    fn the_newest_bytes_of_each_key_come_back_however_often_it_is_written() {
        let mut archive = Archive::default();
        let mut model = BTreeMap::new();
        let mut random = 7_u64;
        for version in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (random >> 33) % 700;
            if version % 11 == 0 {
                archive.remove(RecordKey(key));
                model.remove(&key);
            } else {
                archive.put(RecordKey(key), &text(key, version));
                model.insert(key, version);
            }
        }
        assert_eq!(
            archive.keys().map(|key| key.0).collect::<Vec<_>>(),
            model.keys().copied().collect::<Vec<_>>()
        );
        for key in 0..700 {
            let read = archive.get(RecordKey(key), <[u8]>::to_vec);
            assert_eq!(read, model.get(&key).map(|version| text(key, *version)), "key {key}");
        }
        let used = archive.blocks.len() - archive.free.len();
        assert!(used < 20, "{used} blocks for 700 small records: what is replaced is not freed");
    }
}
