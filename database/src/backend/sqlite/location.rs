//! SQLite's file.

use std::fmt;
use std::path::PathBuf;

use crate::url_path;

/// SQLite's file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// The path; a relative one begins at the folder that the hub was started in.
    pub path: PathBuf,
    /// Whether it is made if it does not exist (`?mode=rwc`).
    pub make: bool,
}

impl File {
    /// Parses what stands behind `sqlite:`.
    pub(crate) fn parse(rest: &str) -> Result<Self, String> {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path == ":memory:" || query.contains("mode=memory") {
            return Err(
                "readers cannot share a database in memory: give it a file, as sqlite://data/chat.db?mode=rwc".into()
            );
        }
        let make = match query {
            "" | "mode=rw" => false,
            "mode=rwc" => true,
            "mode=ro" => return Err("the hub writes: it needs mode=rw, or mode=rwc, which also makes the file".into()),
            _ => return Err("behind a file's path there may be ?mode=rw or ?mode=rwc, and nothing else".into()),
        };
        if path.split_once('@').is_some_and(|(login, _)| login.contains(':')) {
            // Another database's URL under the wrong scheme: its password would be shown as part of the path.
            return Err(
                "a file needs no login; write sqlite://data/chat.db?mode=rwc, and @ in a path as %40".to_owned()
            );
        }
        if path.is_empty() {
            return Err("it names no file; write sqlite://data/chat.db?mode=rwc".to_owned());
        }
        Ok(Self { path: url_path::decode(path)?, make })
    }
}

impl fmt::Display for File {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_path_and_whether_it_is_made() {
        for (text, path, make) in [
            ("//data/chat.db?mode=rwc", "data/chat.db", true),
            ("data/chat.db", "data/chat.db", false),
            ("///srv/chat.db?mode=rw", "/srv/chat.db", false),
            ("//my%20data/%63hat.db", "my data/chat.db", false),
            ("//100%/a%zz%3F.db?mode=rwc", "100%/a%zz?.db", true),
            ("//[a]#1.db", "[a]#1.db", false),
            ("//ann@home/a:%40b.db", "ann@home/a:@b.db", false),
        ] {
            let file = File::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((file.path, file.make), (path.into(), make), "{text}");
        }
        let refused = |text: &str| File::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
        for text in ["", "//", "//?mode=rwc", ":memory:", "//x?mode=memory"] {
            assert!(refused(text).contains("file"), "{text}: {}", refused(text));
        }
        for text in ["//chat:hunter2@db/chat", "chat:hunter2@db", "//:hunter2@db?mode=rwc"] {
            assert!(refused(text).contains("login") && !refused(text).contains("hunter2"), "{text}: {}", refused(text));
        }
        for text in ["//x?mode=ro", "//x?vfs=y", "//x%00y", "//%ff.db"] {
            refused(text);
        }
    }
}
