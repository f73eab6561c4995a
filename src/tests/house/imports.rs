//! Which crate and which folder may import which, and no circle among the files of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::debts;
use super::source::Crate;

/// The crates, and the crates (or modules of crates) that their code may name.
const CRATES: [(&str, &[&str]); 6] = [
    ("", &["chat_actors", "chat_database", "chat_migrations"]),
    ("actors", &["chat_database"]),
    ("database", &[]),
    ("migrations", &[]),
    ("loadtest", &["chat_testkit"]),
    ("testkit", &[]),
];

/// The modules of the root crate: each imports only from those of later lines.
const LAYERS: [&[&str]; 11] = [
    &["main"],
    &["backup", "doctor"],
    &["import_command", "webhooks_command"],
    &["admin_command"],
    &["app", "allocator"],
    &["schema", "ws"],
    &["server"],
    &["http"],
    &["config", "package_files"],
    &["cli"],
    &["auth", "client_address", "demo", "headers", "memory", "process", "shutdown", "systemd", "telemetry"],
];

#[test]
fn crates_import_in_one_direction() {
    for (folder, allowed) in CRATES {
        for (file, code) in Crate::read(folder).files() {
            for path in paths_of_crates(code).filter(|path| !path.starts_with(&format!("chat_{folder}::"))) {
                let fits = allowed.iter().any(|allowed| path == *allowed || path.starts_with(&format!("{allowed}::")));
                assert!(fits, "{file} must not import {path}: the crate may import from {allowed:?} alone");
            }
        }
    }
}

/// Returns the paths in code that begin with a crate of the workspace.
fn paths_of_crates(code: &str) -> impl Iterator<Item = &str> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let is_crate = |path: &&str| CRATES.iter().any(|(folder, _)| path.starts_with(&format!("chat_{folder}::")));
    code.split(move |letter| !is_name(letter)).map(|path| path.trim_end_matches(':')).filter(is_crate)
}

#[test]
fn the_folders_of_the_edge_import_in_one_direction() {
    let layer = |module: &str| {
        let top = module.split("::").next().unwrap_or_default();
        LAYERS.iter().position(|layer| layer.contains(&top))
    };
    for (module, imported) in Crate::read("").imports() {
        if module.is_empty() {
            continue;
        }
        let from = layer(&module).unwrap_or_else(|| panic!("give {module} its line in LAYERS"));
        for other in imported.iter().filter(|other| !other.is_empty()) {
            let to = layer(other).unwrap_or_else(|| panic!("give {other} its line in LAYERS"));
            let same = module.split("::").next() == other.split("::").next();
            let leaves = from == LAYERS.len() - 1 && to == from;
            assert!(same || leaves || from < to, "{module} must not import from {other}: see LAYERS");
        }
    }
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    for (folder, _) in CRATES {
        let source = Crate::read(folder);
        let circles = circles(&source.imports());
        let shown: Vec<String> = circles.iter().map(|circle| described(&source, circle)).collect();
        let owed = debts::CIRCLES.contains(&folder);
        assert!(
            owed || circles.is_empty(),
            "{folder}: these files import each other in a circle:\n{}",
            shown.join("\n")
        );
        assert!(!owed || !circles.is_empty(), "there is no circle in {folder} any more: take it out of debts::CIRCLES");
    }
}

/// Returns the groups of modules that reach each other.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reach = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for other in imports.get(module).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    next.push(other);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = imports.keys().map(|module| (module, reach(module))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (module, others) in &reached {
        if !others.contains(*module) || circles.iter().any(|circle| circle.contains(*module)) {
            continue;
        }
        let mutual = others.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*module)));
        circles.push(mutual.cloned().collect());
    }
    circles
}

fn described(source: &Crate, circle: &BTreeSet<String>) -> String {
    let imports = source.imports();
    let lines = circle.iter().map(|module| {
        let others = imports[module].iter().filter(|other| circle.contains(*other)).map(|other| source.file(other));
        format!("  {} -> {}", source.file(module), others.collect::<Vec<_>>().join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &[&str])]| {
        let edges = edges.iter();
        edges.map(|(from, to)| ((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect())).collect()
    };
    assert!(circles(&graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    let found = circles(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b", "d"]), ("d", &[])]));
    assert_eq!(found, [BTreeSet::from(["b".to_owned(), "c".to_owned()])]);
}
