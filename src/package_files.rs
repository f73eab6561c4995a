//! The files of a package that are made from the command line: manual pages, and completions for bash, zsh and fish.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};

use crate::cli::Cli;

/// The shells that a package has completions for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes the files into a folder, which must exist: a manual page for each command (`softadastra-chat-backup.1`), and for
/// each shell a file of completions, under the name that the shell looks for.
///
/// # Errors
/// If a file cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    let command = Cli::command();
    let name = command.get_name().to_owned();
    for shell in SHELLS {
        generate_to(shell, &mut command.clone(), &name, folder)?;
    }
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_manual_page_and_completions() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path()).expect("written");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_else(|_| panic!("{name}"));
        let [bash, zsh, fish] = ["softadastra-chat.bash", "_softadastra-chat", "softadastra-chat.fish"].map(read);
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = folder.path().join(format!("softadastra-chat-{name}.1"));
            if command.is_hide_set() {
                assert!(!page.exists(), "{name} is for packages alone");
                continue;
            }
            assert!(page.exists(), "{name} has no page");
            for (shell, completions) in [("bash", &bash), ("zsh", &zsh), ("fish", &fish)] {
                assert!(completions.contains(name), "{shell} does not complete {name}");
            }
        }
        assert!(read("softadastra-chat-users-suspend.1").contains("until"), "commands of commands have a page, too");
        let page = read("softadastra-chat.1");
        assert!(page.contains("CHAT_LISTEN") && page.contains("softadastra\\-chat\\-backup(1)"), "{page}");
    }
}
