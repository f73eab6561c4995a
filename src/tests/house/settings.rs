//! The table of settings in `docs/OPERATIONS.md` is made from the command line's declarations.

use softadastra_chat::cli::settings::table;

use super::{read, root};

const BEGIN: &str = "<!-- settings:begin -->";
const END: &str = "<!-- settings:end -->";

/// Set to `1`, it has the table written instead of compared.
const WRITE: &str = "CHAT_TEST_WRITE_DOCS";

#[test]
fn the_table_of_settings_is_that_of_the_command_line() {
    let path = root().join("docs/OPERATIONS.md");
    let text = read(&path);
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{BEGIN} is not in docs/OPERATIONS.md"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{END} is not in docs/OPERATIONS.md"));
    let wanted = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table());
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        std::fs::write(&path, wanted).expect("the document can be written");
    } else {
        assert!(
            text == wanted,
            "the settings have changed. Write the table anew:\n\n  {WRITE}=1 cargo test --test integration house::settings\n"
        );
    }
}
