//! The example with an item of its own: an embedder without any creator, killed and resumed on SQLite.

use crate::support::{built, change_log, start, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_embedders_pipeline_goes_on_after_a_kill() {
    const PAGES: usize = 120;
    let program = built("examples/own_item");
    let dir = tempfile::tempdir().expect("a folder");
    let args = ["books", &PAGES.to_string()];
    let log = dir.path().join("books/books.jsonl");
    let mut child = start(&program, dir.path(), &args);
    until("some books in the log", async || {
        assert!(child.try_wait().expect("a status").is_none(), "it ended before it could be killed");
        std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 20)
    })
    .await;
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");

    let output = start(&program, dir.path(), &args).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim(), format!("went on and collected {} books in {PAGES} answers", PAGES * 10));
    assert_eq!(change_log(&log).len(), PAGES * 10);

    let output = start(&program, dir.path(), &args).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said.trim(),
        format!("collected {} books in {PAGES} answers", PAGES * 10),
        "a second run is a new one"
    );
    assert_eq!(change_log(&log).len(), PAGES * 10, "unchanged books are not written again");
}
