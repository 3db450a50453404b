//! The tree keeps the shape that ARCHITECTURE.md gives it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The lines of the block in ARCHITECTURE.md that is fenced as `name`.
fn block(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, rest) = text.split_once(&format!("```{name}\n")).unwrap_or_else(|| panic!("no block {name:?}"));
    let (block, _) = rest.split_once("\n```").unwrap();
    block.lines().map(str::to_owned).collect()
}

/// Crate → the crates of this workspace that its manifest names, but for tests.
fn arrows_drawn() -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows = BTreeMap::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let manifest = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
        let tables = targets.filter_map(|(_, target)| target.as_table()).chain([&manifest]);
        let named = tables.flat_map(|table| {
            ["dependencies", "build-dependencies"].into_iter().filter_map(|key| table.get(key)?.as_table()).flatten()
        });
        let ours = named.map(|(name, _)| name.clone()).filter(|name| name.starts_with("danmu") || name == "asyncore");
        arrows.insert(name, ours.collect());
    }
    arrows
}

#[test]
fn crates_depend_on_each_other_only_as_architecture_md_allows() {
    let allowed: BTreeMap<String, BTreeSet<String>> = block("arrows")
        .iter()
        .map(|line| {
            let (from, to) = line.split_once("->").unwrap();
            (from.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect())
        })
        .collect();
    let drawn = arrows_drawn();
    assert_eq!(
        drawn.keys().collect::<Vec<_>>(),
        allowed.keys().collect::<Vec<_>>(),
        "the crates are those of ARCHITECTURE.md"
    );
    for (from, to) in &drawn {
        let extra: Vec<_> = to.difference(&allowed[from]).collect();
        assert!(extra.is_empty(), "{from} must not depend on {extra:?}: see ARCHITECTURE.md");
    }
}

/// All crates that `package` brings, as cargo sees it.
fn tree(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}", "-e", "normal", "-p", package])
        .args(arguments)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_protocol_has_no_io_clock_thread_randomness_or_async_in_its_tree() {
    let allowed: BTreeSet<String> =
        block("proto-tree").iter().flat_map(|line| line.split_whitespace()).map(str::to_owned).collect();
    let extra: Vec<_> = tree("danmu-proto", &[]).difference(&allowed).cloned().collect();
    assert!(extra.is_empty(), "danmu-proto brings {extra:?}: see ARCHITECTURE.md");

    let banned =
        ["std::net", "std::fs", "std::io", "std::thread", "std::env", "::now()", "async fn", "tokio", "println!"];
    for file in sources(&root().join("crates/danmu-proto/src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let found = banned.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{}: {line}", file.display());
        }
    }
}

#[test]
fn the_callback_client_brings_no_tokio() {
    let tree = tree("danmu-client", &["--no-default-features", "--features", "callback"]);
    assert!(tree.contains("asyncore"), "{tree:?}");
    let tokio: Vec<_> = tree.iter().filter(|name| name.starts_with("tokio")).collect();
    assert!(tokio.is_empty(), "{tokio:?}");
}

#[test]
fn unsafe_code_is_nowhere_but_in_the_scan() {
    for file in sources(&root().join("crates")) {
        let text = fs::read_to_string(&file).unwrap();
        let allowed = file.ends_with("danmu-proto/src/scan.rs") || file.ends_with("tests/tidy.rs");
        let found = text.lines().find(|line| line.contains("allow(unsafe_code)") || line.contains("unsafe {"));
        assert!(allowed || found.is_none(), "{}: {found:?}", file.display());
    }
}

#[test]
fn every_file_of_a_crate_stands_in_architecture_md() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for file in sources(&root().join("crates")) {
        let Some((_, name)) = file.to_str().unwrap().split_once("/src/") else { continue };
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md has no line for {}", file.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
