//! The length and the names of files, and where the database's backends may be told apart.

use std::path::Path;

use super::source::Crate;
use super::{debts, files_below, read, root, shown};

/// The most lines that a file may have.
const LINES: usize = 400;

/// How code tells backends apart.
const BRANCHES: [&str; 6] =
    ["Backend::Sqlite", "Backend::MySql", "Backend::Postgres", ".is_sqlite()", ".is_mysql()", ".is_mariadb()"];

#[test]
fn no_file_is_longer_than_a_reader_keeps_in_mind() {
    let lines = |path: &Path| read(path).lines().count();
    let long = files_below(root(), &[".rs", ".js"]).into_iter().filter(|path| lines(path) > LINES);
    let long: Vec<String> = long.map(|path| shown(&path)).collect();
    debts::hold(&long, &debts::LONG_FILES, &format!("has more than {LINES} lines: split it"));
}

#[test]
fn no_module_is_a_file_called_mod() {
    let files = files_below(root(), &["mod.rs"]).into_iter().filter(|path| path.ends_with("mod.rs"));
    let found: Vec<String> = files.map(|path| shown(&path)).collect();
    assert!(found.is_empty(), "{found:?}: name the file as its module, beside the folder");
}

#[test]
fn backends_are_told_apart_in_one_folder() {
    let mut branching = Vec::new();
    for folder in ["", "actors", "database", "loadtest"] {
        for (file, code) in Crate::read(folder).files() {
            let inside = file.starts_with("database/src/backend/") || file == "database/src/backend.rs";
            if !inside && BRANCHES.iter().any(|branch| code.contains(branch)) {
                branching.push(file.to_owned());
            }
        }
    }
    debts::hold(&branching, &debts::BACKEND_BRANCHES, "tells backends apart: only database/src/backend/ may");
}
