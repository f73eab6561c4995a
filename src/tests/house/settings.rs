//! What is made from the command line's declarations: the table of settings in `docs/OPERATIONS.md`, and a package's configuration
//! file.

use std::path::Path;

use softadastra_chat::cli::{commented_file, settings};

use super::{read, root};

const BEGIN: &str = "<!-- settings:begin -->";
const END: &str = "<!-- settings:end -->";

/// Set to `1`, it has the texts written instead of compared.
const WRITE: &str = "CHAT_TEST_WRITE_DOCS";

#[test]
fn the_table_of_settings_is_that_of_the_command_line() {
    let path = root().join("docs/OPERATIONS.md");
    let text = read(&path);
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{BEGIN} is not in docs/OPERATIONS.md"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{END} is not in docs/OPERATIONS.md"));
    hold(&path, &format!("{before}{BEGIN}\n\n{}\n{END}{after}", settings::table()));
}

#[test]
fn the_configuration_file_of_the_package_is_that_of_the_command_line() {
    hold(&root().join("packaging/config.toml"), &commented_file::text());
}

fn hold(path: &Path, wanted: &str) {
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        std::fs::write(path, wanted).expect("the file can be written");
    } else {
        assert!(
            read(path) == wanted,
            "the settings have changed. Write {} anew:\n\n  {WRITE}=1 cargo test --test integration house::settings\n",
            path.display()
        );
    }
}
