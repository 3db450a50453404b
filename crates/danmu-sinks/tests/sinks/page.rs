//! The page on recordings: what it says of tables and columns is complete, and its queries run.

use std::fs;
use std::path::Path;

use danmu_sinks::recording::writer::CatalogGift;
use rusqlite::Connection;

use crate::support::*;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recording.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest[..rest.find("```").unwrap()].to_owned()).collect()
}

#[test]
fn every_query_of_the_page_runs_and_finds_something() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let kind = danmu_proto::summary::GiftKind::Gift;
    recorder.gift(CatalogGift { kind, id: 20004, name: Some("火箭".into()), price_fen: Some(50_000) });
    let payloads = [
        chat(1, "小明", "666"),
        chat(2, "小红", "主播好"),
        gift(1, 20004, 2),
        superchat(1, 3000),
        "type@=uenter/rid@=9999/uid@=9/nn@=路人/".into(),
    ];
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &payloads));
    recorder.dropped(LINK, room(9999), danmu_sinks::recording::writer::Cause::Limit, 1);
    recorder.link_ended(LINK, NOON + 2 * SECOND, NOON + 3 * SECOND, "closed");
    recorder.commit(NOON + 9 * SECOND).unwrap();
    let conn = Connection::open(&path).unwrap();
    let queries = blocks(&page(), "sql");
    assert!(queries.len() >= 8, "{}", queries.len());
    for query in queries {
        let mut statement = conn.prepare(&query).unwrap_or_else(|error| panic!("{error}:\n{query}"));
        let found = statement.query([]).unwrap().next().unwrap().is_some();
        assert!(found, "nothing found:\n{query}");
    }
}

#[test]
fn every_table_view_and_column_is_on_the_page() {
    let (_folder, path) = folder();
    recorder(&path).finish(NOON).unwrap();
    let page = page();
    let conn = Connection::open(&path).unwrap();
    let mut tables = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(tables.len() >= 13);
    for table in tables {
        let heading = format!("`{table}`");
        assert!(page.contains(&heading), "{heading} is missing");
        let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        let columns: Vec<String> = columns.query_map([&table], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for column in columns {
            assert!(page.contains(&format!("`{column}`")), "{table}.{column} is missing");
        }
    }
}
