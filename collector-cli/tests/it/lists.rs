//! Lists: from the files people have into the store, and back into such files.

use std::collections::BTreeMap;
use std::path::Path;

use collector_sources::sheet::{Cell, ReadOptions, Sheet, read};
use rust_xlsxwriter::Workbook;
use serde_json::Value;

use crate::harness::{Sandbox, Simulator};

/// What was planted in a sheet.
#[derive(Default)]
struct Planted {
    recognised: u64,
    twice: u64,
    refused: u64,
    blank: u64,
}

/// A row's handle cell, as somebody wrote it; `row` counts from 0.
fn planted(row: u64, handles: &[String], planted: &mut Planted) -> String {
    let own = handles.get(usize::try_from(row).unwrap()).cloned();
    let name = own.unwrap_or_else(|| format!("made.up_{row}"));
    match row % 50 {
        7 => {
            planted.blank += 1;
            String::new()
        }
        11 => {
            planted.refused += 1;
            [
                "7.0123E+18",
                "mina@example.com",
                "https://www.instagram.com/x",
                "뷰티지은",
                "https://vm.tiktok.com/ZMx/",
            ][usize::try_from(row / 50 % 5).unwrap()]
            .to_owned()
        }
        13 => {
            planted.twice += 1;
            format!("＠made.up_{}", row - 1).to_uppercase()
        }
        _ => {
            planted.recognised += 1;
            match row % 7 {
                0 => format!("@{name}"),
                1 => format!("https://www.tiktok.com/@{name}?lang=ko&_t=8x{row}"),
                2 => format!(" {name}\u{200b} "),
                3 => format!("https://m.tiktok.com/@{}/video/7234567890123456789", name.to_uppercase()),
                _ => name,
            }
        }
    }
}

fn workbook(path: &Path, rows: u64, handles: &[String]) -> Planted {
    let mut counts = Planted::default();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("봄").unwrap();
    for (column, name) in ["번호", "이름", "아이디", "예산", "메모"].into_iter().enumerate() {
        sheet.write_string(0, u16::try_from(column).unwrap(), name).unwrap();
    }
    let date = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    for row in 0..rows {
        let cell = planted(row, handles, &mut counts);
        let at = u32::try_from(row + 1).unwrap();
        if cell.is_empty() {
            continue;
        }
        sheet.write_number(at, 0, row as f64).unwrap();
        sheet.write_string(at, 1, format!("이름 {row}")).unwrap();
        sheet.write_string(at, 2, cell).unwrap();
        sheet.write_number_with_format(at, 3, 46_000.0 + row as f64, &date).unwrap();
        sheet.write_string(at, 4, if row % 3 == 0 { "=1+1" } else { "-" }).unwrap();
    }
    book.save(path).unwrap();
    counts
}

fn sheet(sandbox: &Sandbox, name: &str) -> Sheet {
    let bytes = std::fs::read(sandbox.path().join(name)).unwrap();
    read(name, &bytes, &ReadOptions::default()).unwrap()
}

#[track_caller]
fn accounted(json: &Value, rows: u64, counts: &Planted) {
    let count = |name: &str| json["counts"][name].as_u64().unwrap();
    assert_eq!(count("rows"), rows, "{json:#}");
    let told = (count("recognised"), count("twice"), count("not_recognised"), count("blank"));
    assert_eq!(told, (counts.recognised, counts.twice, counts.refused, counts.blank), "{json:#}");
    assert_eq!(count("header"), 1, "{json:#}");
}

/// The foreign cells of both sheets are the same, row by row.
#[track_caller]
fn given_back(before: &Sheet, after: &Sheet) {
    assert_eq!(before.rows.len(), after.rows.len());
    for (a, b) in before.rows.iter().zip(&after.rows) {
        for column in 0..before.width() {
            assert_eq!(a.cell(column), b.cell(column), "row {} column {column}", a.number);
        }
    }
}

fn column(sheet: &Sheet, header: usize, name: &str) -> usize {
    sheet.rows[header].cells.iter().position(|cell| *cell == Cell::Text(name.to_owned())).unwrap()
}

#[test]
fn a_workbook_of_5000_rows_is_accounted_for_and_given_back() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handles = simulator.handles(12);
    let counts = workbook(&sandbox.path().join("list.xlsx"), 5_000, &handles[..6]);

    let dry = sandbox.run(&["import", "list.xlsx", "--dry-run", "--json"]).expect(1).json();
    accounted(&dry, 5_001, &counts);
    assert_eq!(sandbox.files(), ["collector.toml", "list.xlsx"], "a dry run writes nothing");

    let json = sandbox.run(&["import", "list.xlsx", "--list", "spring", "--json"]).expect(1).json();
    accounted(&json, 5_001, &counts);
    assert_eq!((&json["list"]["members"], &json["list"]["before"]), (&counts.recognised.into(), &0.into()));
    let report = sheet(&sandbox, "list.xlsx.report.csv");
    assert_eq!(report.rows.len(), 5_002, "a header and every row");
    let mut results: BTreeMap<String, u64> = BTreeMap::new();
    report.rows.iter().for_each(|row| *results.entry(row.cell(1).shown()).or_default() += 1);
    assert_eq!((results["twice"], results["not recognised"]), (counts.twice, counts.refused));
    assert!(report.rows.iter().any(|row| row.cell(4).shown().contains("was rounded")));

    let again = sandbox.run(&["import", "list.xlsx", "--list", "spring"]).expect(1);
    assert!(
        again.stdout.contains("before 4,7") && again.stdout.contains("list.xlsx.2.report.csv"),
        "{again:#?}"
    );

    sandbox.run(&["run", "--handles", &handles[..6].join(",")]).expect(0);
    sandbox.run(&["export", "--like", "list.xlsx", "-o", "out.xlsx"]).expect(0);
    let (before, after) = (sheet(&sandbox, "list.xlsx"), sheet(&sandbox, "out.xlsx"));
    given_back(&before, &after);
    let (status, handle, as_of) =
        (column(&after, 0, "status"), column(&after, 0, "handle"), column(&after, 0, "as_of"));
    let known: Vec<_> = after.rows.iter().filter(|row| row.cell(status).shown() == "known").collect();
    let named: Vec<String> = known.iter().map(|row| row.cell(handle).shown()).collect();
    assert_eq!(named, handles[..6].to_vec(), "in the sheet's order");
    assert!(known.iter().all(|row| matches!(row.cell(as_of), Cell::Date(_))));
    let texts = |text: &str| after.rows.iter().filter(|row| row.cell(status).shown() == text).count() as u64;
    assert_eq!(
        (texts("not recognised"), texts("not collected")),
        (counts.refused, counts.recognised + counts.twice - 6)
    );

    sandbox.run(&["export", "--like", "list.xlsx", "-o", "out.xlsx"]).refuses(2, &["out.xlsx", "--force"]);
    sandbox.run(&["export", "--like", "list.xlsx", "-o", "out.csv"]).expect(0);
    let csv = sheet(&sandbox, "out.csv");
    assert_eq!(csv.rows[1].cell(4).shown(), "'=1+1", "what was text in a workbook is no formula in CSV");
}

#[test]
fn a_cp949_csv_is_accounted_for_and_given_back() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &crate::harness::config("http://127.0.0.1:9"));
    let mut counts = Planted::default();
    let mut text = String::from("이름;아이디;메모\r\n");
    for row in 0..5_000 {
        let cell = planted(row, &[], &mut counts);
        // Zero-width characters and full-width forms are not all in the code page.
        let cell = cell.replace('\u{200b}', "\u{3000}");
        text.push_str(&if cell.is_empty() {
            "\r\n".to_owned()
        } else {
            format!("똠방 {row};\"{cell}\";=1+{row}\r\n")
        });
    }
    let (bytes, _, lost) = encoding_rs::EUC_KR.encode(&text);
    assert!(!lost);
    std::fs::write(sandbox.path().join("list.csv"), &bytes).unwrap();

    let json = sandbox.run(&["import", "list.csv", "--json"]).expect(1).json();
    accounted(&json, 5_001, &counts);
    assert_eq!((&json["form"]["encoding"], &json["form"]["delimiter"]), (&"CP949".into(), &";".into()));
    assert_eq!(json["list"]["name"], "list");
    sandbox.run(&["export", "--like", "list.csv", "-o", "out.csv"]).expect(0);
    let (before, after) = (sheet(&sandbox, "list.csv"), sheet(&sandbox, "out.csv"));
    given_back(&before, &after);
    assert_eq!(after.rows[1].cell(2).shown(), "=1+0", "their own cells are theirs");
}

#[test]
fn a_list_seeds_a_run_and_is_exported() {
    let simulator = Simulator::start(&["--creators", "60"]);
    let sandbox = Sandbox::with_config(&simulator);
    let handles = simulator.handles(4);
    sandbox.write("list.csv", &format!("handle\n@{}\n@{}\n", handles[0], handles[1]));
    sandbox.run(&["import", "list.csv", "--list", "봄"]).expect(0);
    let json = sandbox.run(&["run", "--list", "봄", "--json"]).expect(0).json();
    assert_eq!(json["counts"]["done"], 2, "{json:#}");
    let toml = std::fs::read_to_string(sandbox.path().join("collector.toml")).unwrap();
    sandbox.write(
        "collector.toml",
        &format!("{toml}[[jobs]]\nname = \"spring\"\nquery = {{ list = \"봄\" }}\n"),
    );
    let json = sandbox.run(&["run", "spring", "--json"]).expect(0).json();
    assert_eq!((&json["counts"]["fresh"], simulator.stat("calls")), (&2.into(), 2), "{json:#}");

    // A number alone is asked for once the store knows more about it; one that nobody knows is told.
    let uid = sandbox.run(&["show", &handles[0], "--json"]).expect(0).json()["creator"]["uid"].clone();
    sandbox.write("numbers.csv", &format!("uid\n{}\n999999999999\n", uid.as_str().unwrap()));
    sandbox.run(&["import", "numbers.csv"]).expect(0);
    let json = sandbox.run(&["run", "--list", "numbers", "--fresh-for", "0s", "--json"]).expect(1).json();
    assert_eq!(json["counts"]["done"], 1, "{json:#}");
    assert!(json["reasons"][0].as_str().unwrap().contains("left out 1"), "{json:#}");

    sandbox.run(&["export", "--list", "봄", "-o", "out.jsonl"]).expect(0);
    let lines = sandbox.lines("out.jsonl");
    let named: Vec<_> =
        lines.iter().map(|line| (&line["asked_for"], &line["status"], &line["handle"])).collect();
    let known: Value = "known".into();
    let (first, second): (Value, Value) = (handles[0].clone().into(), handles[1].clone().into());
    assert_eq!(named, [(&first, &known, &first), (&second, &known, &second)]);
    sandbox.run(&["export", "--all", "-o", "all.xlsx"]).expect(0);
    let all = sheet(&sandbox, "all.xlsx");
    assert_eq!(all.rows.len(), 3);
    let uid_column = column(&all, 0, "uid");
    assert!(matches!(all.rows[1].cell(uid_column), Cell::Text(_)), "numbers of accounts are text");

    sandbox.run(&["run", "--list", "summer"]).refuses(2, &["summer", "봄"]);
    sandbox.run(&["export", "--list", "bom", "-o", "x.csv"]).refuses(2, &["--list", "봄"]);
    sandbox.run(&["export", "--all", "-o", "x.pdf"]).refuses(2, &["x.pdf", ".xlsx"]);
    sandbox.run(&["export", "-o", "x.csv"]).refuses(2, &["--list", "--all", "--like"]);
    assert!(!sandbox.files().contains(&"x.csv".to_owned()));
}

#[test]
fn what_cannot_be_imported_says_why_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("collector.toml", &crate::harness::config("http://127.0.0.1:9"));
    sandbox.write("cities.csv", "이름,도시\n미나,서울\n");
    sandbox.write("cut.xlsx", "PK\u{3}\u{4}nothing");
    sandbox.write("old.xls", "x");
    std::fs::write(sandbox.path().join("old.xls"), [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]).unwrap();
    workbook(&sandbox.path().join("list.xlsx"), 3, &[]);
    let mut corner = Workbook::new();
    corner.add_worksheet().write_string(1_048_575, 16_383, "@mina").unwrap();
    corner.save(sandbox.path().join("corner.xlsx")).unwrap();
    let before = sandbox.files();
    sandbox.run(&["import", "cities.csv"]).refuses(2, &["cities.csv", "--column", "도시"]);
    sandbox.run(&["import", "cities.csv", "--column", "handel=B"]).refuses(2, &["handel", "handle"]);
    sandbox.run(&["import", "cities.csv", "--column", "Z"]).refuses(2, &["Z", "도시"]);
    sandbox.run(&["import", "cities.csv", "--column", "handle=B"]).refuses(2, &["no row names a creator"]);
    sandbox.run(&["import", "cut.xlsx"]).refuses(2, &["cut.xlsx", "damaged"]);
    sandbox.run(&["import", "old.xls"]).refuses(2, &["old.xls", ".xlsx"]);
    sandbox.run(&["import", "list.xlsx", "--sheet", "가을"]).refuses(2, &["가을", "봄"]);
    sandbox.run(&["import", "corner.xlsx"]).refuses(2, &["1048576", "columns"]);
    sandbox.run(&["import", "gone.csv"]).refuses(2, &["gone.csv"]);
    sandbox.run(&["import", "list.xlsx", "--store", "memory:"]).refuses(2, &["memory"]);
    assert_eq!(sandbox.files(), before);
}
