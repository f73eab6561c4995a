//! Rules of the repository that no compiler holds.
//!
//! ```text
//!  source     the Rust files of a crate, their modules, and what each of them imports
//!  imports    which crate and which folder may import which; no circle among the files of a crate
//!  files      no file over 400 lines; no branch on the database's backend outside `database/src/backend/`
//!  documents  README's length; every link of README and `docs/` leads somewhere; every alert has its paragraph
//!  packaging  alerts and the dashboard name metrics that there are
//!  settings   the table of settings in `docs/OPERATIONS.md`, and the package's configuration file, are those of the command line
//!  waiting    tests wait for events, and let time pass in one place
//!  words      comments and documents name who acts; doc comments hold no tests
//!  debts      the exceptions: a test fails when one of them is no longer needed
//! ```

mod debts;
mod documents;
mod files;
mod imports;
mod packaging;
mod settings;
mod source;
mod waiting;
mod words;

use std::path::{Path, PathBuf};

/// Returns the root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files below a folder with one of these endings, without those of builds and packages, sorted.
fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !matches!(name, "target" | "node_modules" | "dist" | "data") && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns a path as it is written in the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
