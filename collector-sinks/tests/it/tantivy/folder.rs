//! Crashes, damage, second writers, foreign folders, older formats.

use std::fs;

use collector_core::error::ErrorKind;
use collector_core::sink::Wrote;

use super::*;

fn current(path: &Path) -> String {
    fs::read_to_string(path.join("current")).unwrap().trim().to_owned()
}

fn indexes(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut indexes: Vec<_> = entries.filter(|name| name.starts_with("index-")).collect();
    indexes.sort();
    indexes
}

/// An index as an older program left it: the same fields under another fingerprint.
fn make_older(path: &Path) -> String {
    let older = "index-0123456789abcdef0123456789abcdef-4";
    fs::rename(path.join(current(path)), path.join(older)).unwrap();
    fs::write(path.join("current"), older).unwrap();
    older.to_owned()
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_holds_it() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    let error = refused(&path).await;
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(sink);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_reader_sees_what_was_committed_before_it_asked() {
    let (_folder, path) = folder();
    assert_eq!(TantivySearch::open(&path).unwrap_err().kind(), ErrorKind::ConfigInvalid);
    let sink = open(&path).await.unwrap();
    let index = TantivySearch::open(&path).unwrap();
    assert_eq!(ask(&index, "").total, 0);
    write(&sink, &[put(1, 1, named("a"))]).await;
    assert_eq!(handles(&index, ""), ["a"]);
    drop(sink);
    assert_eq!(handles(&index, ""), ["a"]);
}

#[tokio::test]
async fn a_deleted_record_stays_deleted_after_reopening() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    write(&sink, &[put(1, 1, named("a")), put(2, 1, named("b"))]).await;
    write(&sink, &[Change::Delete { key: RecordKey(1), version: 7 }]).await;
    drop(sink);
    let sink = open(&path).await.unwrap();
    let late = write(&sink, &[put(1, 6, named("a")), put(1, 7, named("a"))]).await;
    assert_eq!(late.outcomes, [Wrote::Superseded, Wrote::Superseded]);
    assert_eq!(handles(&TantivySearch::open(&path).unwrap(), ""), ["b"]);
    write(&sink, &[put(1, 8, named("a"))]).await;
    assert_eq!(handles(&TantivySearch::open(&path).unwrap(), ""), ["a", "b"]);
}

#[tokio::test]
async fn an_index_of_another_format_is_made_anew_beside_the_old_one() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    write(&sink, &(1..=30).map(|n| put(n, n, named(&format!("h{n}")))).collect::<Vec<_>>()).await;
    write(&sink, &[Change::Delete { key: RecordKey(3), version: 50 }]).await;
    drop(sink);
    let reader = TantivySearch::open(&path).unwrap();
    let older = make_older(&path);

    // Before its writer has seen it, who asks is told so.
    let error = TantivySearch::open(&path).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("collector run")), (ErrorKind::ConfigInvalid, true));

    let sink = open(&path).await.unwrap();
    assert_ne!(current(&path), older);
    assert_eq!(indexes(&path), [current(&path)], "the old one is removed");
    // Also who had the old one open.
    assert_eq!(ask(&reader, "").total, 29);
    assert_eq!(ask(&reader, "@h7").hits[0].version, 7);
    let late =
        write(&sink, &[put(3, 49, named("h3")), put(7, 7, named("h7")), put(8, 9, named("new"))]).await;
    assert_eq!(late.outcomes[..2], [Wrote::Superseded, Wrote::Superseded]);
    assert_eq!(handles(&reader, "@new"), ["new"]);
}

#[tokio::test]
async fn a_crash_while_it_is_made_anew_leaves_the_old_one_in_use() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    write(&sink, &[put(1, 1, named("a"))]).await;
    drop(sink);
    let used = current(&path);
    // Half an index, and the file that would have named it.
    let half = path.join("index-fedcba9876543210fedcba9876543210-9");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("meta.json"), "{").unwrap();
    fs::write(path.join("current.next"), "index-").unwrap();
    let _sink = open(&path).await.unwrap();
    assert_eq!((current(&path), indexes(&path)), (used.clone(), vec![used]));
    assert_eq!(handles(&TantivySearch::open(&path).unwrap(), ""), ["a"]);
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_refused_and_not_touched() {
    let (_folder, path) = folder();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.txt"), "years of work").unwrap();
    let error = refused(&path).await;
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);

    let (_folder, path) = folder();
    fs::write(&path, "a file").unwrap();
    assert!(open(&path).await.is_err());
    let sink = TantivySink::new(TantivyConfig::new(&path));
    assert_eq!(sink.check(&Context::detached()).await.unwrap_err().kind(), ErrorKind::ConfigInvalid);
}

/// Every file of an index, cut in the middle or emptied: opening or checking says so, and nothing panics.
#[tokio::test]
async fn a_damaged_index_is_a_clear_error() {
    let (_folder, path) = folder();
    let sink = open(&path).await.unwrap();
    write(&sink, &(1..=50).map(|n| put(n, 1, named(&format!("h{n}")))).collect::<Vec<_>>()).await;
    drop(sink);
    let index = path.join(current(&path));
    let files: Vec<_> = fs::read_dir(&index).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files: Vec<_> =
        files.into_iter().filter(|file| fs::metadata(file).unwrap().len() > 0 && is_content(file)).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files.iter().chain([&path.join("current")]) {
        let whole = fs::read(file).unwrap();
        for damage in [whole[..whole.len() / 2].to_vec(), Vec::new(), flipped(&whole)] {
            fs::write(file, damage).unwrap();
            let sink = TantivySink::new(TantivyConfig::new(&path));
            let error = sink.check(&Context::detached()).await.expect_err(&file.display().to_string());
            assert_eq!(error.kind(), ErrorKind::Storage, "{}: {error}", file.display());
            let told = error.to_string();
            assert!(told.contains("damaged") && told.contains("rebuild"), "{}: {told}", file.display());
        }
        fs::write(file, whole).unwrap();
        TantivySink::new(TantivyConfig::new(&path)).check(&Context::detached()).await.unwrap();
    }
}

/// What holds documents; lists of files for removal are made anew.
fn is_content(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    !name.starts_with('.')
}

fn flipped(whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[whole.len() / 3] ^= 0xff;
    bytes
}

#[tokio::test]
async fn a_check_without_an_index_writes_nothing() {
    let (_folder, path) = folder();
    let sink = TantivySink::new(TantivyConfig::new(&path));
    sink.check(&Context::detached()).await.unwrap();
    assert!(!path.exists());
    let error = sink.write(&Context::detached(), &[put(1, 1, named("a"))]).await.unwrap_err();
    assert!(error.to_string().contains("not open"), "{error}");
}
