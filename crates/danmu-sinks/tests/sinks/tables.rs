//! Formats that are tables, read back by spreadsheets' rules and by pyarrow.

use std::fs;
use std::path::PathBuf;

use danmu_sinks::export::{ExportOptions, to_file};
use danmu_sinks::{Format, Recording};

use crate::readers::understood;
use crate::support::*;

/// Text that a spreadsheet would run, and text that only looks odd.
const CELLS: &[(&str, &str)] = &[
    ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
    ("+1", "'+1"),
    ("-2+3", "'-2+3"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\tx", "'\tx"),
    ("\rx", "'\rx"),
    ("\n=x", "'\n=x"),
    ("＝1", "'＝1"),
    ("＋1", "'＋1"),
    ("a,b;\"c\"\nd", "a,b;\"c\"\nd"),
    ("1=1", "1=1"),
    ("主播好", "主播好"),
    ("'", "'"),
];

fn recorded() -> (tempfile::TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for (n, (text, _)) in (0..).zip(CELLS) {
        recorder.records(&heard(LINK, room(9999), NOON + n * SECOND + 123_456, &[chat(5, "-名", text)]));
    }
    recorder.records(&heard(LINK, room(9999), NOON + 60 * SECOND, &[gift(6, 20004, 2)]));
    recorder.commit(NOON).unwrap();
    drop(recorder);
    (folder, Recording::open(path).unwrap())
}

#[track_caller]
fn export(recording: &Recording, format: &str, options: &ExportOptions) -> PathBuf {
    let path = recording.path().with_extension(format);
    to_file(recording, options, Format::by_name(format).unwrap(), &path).unwrap();
    path
}

#[test]
fn no_cell_of_a_spreadsheet_is_a_formula() {
    let (_folder, recording) = recorded();
    let mut options = ExportOptions::default();
    for raw in [false, true] {
        options.options.csv.raw = raw;
        options.options.bom = raw;
        let path = export(&recording, "csv", &options);
        assert_eq!(fs::read(&path).unwrap().starts_with("\u{feff}seq,".as_bytes()), raw);
        let Some(rows) = understood("table", &path) else { return };
        assert_eq!(rows.as_array().unwrap().len(), CELLS.len() + 1);
        for (row, (text, safe)) in rows.as_array().unwrap().iter().zip(CELLS) {
            assert_eq!(row["text"], if raw { *text } else { *safe });
            assert_eq!(row["name"], if raw { "-名" } else { "'-名" });
        }
        let (first, last) = (&rows[0], &rows[CELLS.len()]);
        assert_eq!((&first["received_at"], &first["uid"]), (&"2026-11-21 12:00:00.123".into(), &"5".into()));
        assert_eq!((&last["gift_id"], &last["count"], &last["text"]), (&"20004".into(), &"2".into(), &"".into()));
    }
}

#[test]
fn parquet_is_typed_and_exact() {
    let (_folder, recording) = recorded();
    let Some(read) = understood("parquet", &export(&recording, "parquet", &ExportOptions::default())) else { return };
    let types = [
        ("seq", "int64"),
        ("received_at", "timestamp[us, tz=UTC]"),
        ("sent_at", "timestamp[ms, tz=UTC]"),
        ("text", "string"),
        ("foreign", "bool"),
    ];
    for (column, kind) in types {
        assert_eq!(read["schema"][column], kind, "{column}");
    }
    assert_eq!((&read["codec"], &read["groups"]), (&"ZSTD".into(), &1.into()));
    let rows = read["rows"].as_array().unwrap();
    assert_eq!(rows.len(), CELLS.len() + 1);
    for (n, (row, (text, _))) in rows.iter().zip(CELLS).enumerate() {
        assert_eq!((&row["text"], &row["seq"]), (&(*text).into(), &(n as i64 + 1).into()));
        assert_eq!(row["gift_id"], serde_json::Value::Null);
        assert_eq!((&row["suspect"], &row["level"]), (&false.into(), &24.into()));
    }
    assert_eq!(rows[0]["received_at"], "2026-11-21T12:00:00.123456+00:00");
    assert_eq!(rows[0]["sent_at"], "2026-11-21T11:59:59.584000+00:00");
    assert_eq!((&rows[CELLS.len()]["gift_id"], &rows[CELLS.len()]["count"]), (&20004.into(), &2.into()));
}

#[test]
fn parquet_without_messages_is_a_table_without_rows() {
    let (_folder, recording) = recorded();
    let mut options = ExportOptions::default();
    options.filter.users = vec!["nobody".into()];
    let Some(read) = understood("parquet", &export(&recording, "parquet", &options)) else { return };
    assert_eq!((read["rows"].as_array().unwrap().len(), &read["groups"]), (0, &0.into()));
}

#[test]
fn parquet_writes_groups_of_rows_as_it_goes() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let many: Vec<_> = (0..1000).map(|n| chat(n, "a", "b")).collect();
    for n in 0..70 {
        recorder.records(&heard(LINK, room(9999), NOON + n, &many));
    }
    recorder.commit(NOON + 70).unwrap();
    drop(recorder);
    let recording = Recording::open(path).unwrap();
    let Some(read) = understood("parquet", &export(&recording, "parquet", &ExportOptions::default())) else { return };
    assert_eq!((read["rows"].as_array().unwrap().len(), &read["groups"]), (70_000, &2.into()));
    assert_eq!(read["rows"][69_999]["seq"], 70_000);
}
