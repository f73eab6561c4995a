//! The words of comments and documents.

use super::{files_below, read, root, shown};

/// They hide who acts (CONTRIBUTING, "Words and comments").
const HIDING: [&str; 8] = ["somebody", "someone", "nobody", "anybody", "anyone", "everybody", "everyone", "whoever"];

#[test]
fn prose_names_who_acts() {
    let mut found = Vec::new();
    for path in files_below(root(), &[".rs", ".js", ".css", ".md"]) {
        let is_document = path.extension().is_some_and(|ending| ending == "md");
        // It names them, to say that they are not to be used; and this file does.
        if path.ends_with("CONTRIBUTING.md") || path.ends_with("house/words.rs") {
            continue;
        }
        for (number, line) in (1..).zip(read(&path).lines()) {
            let prose = if is_document { line } else { comment(line) };
            let is_hiding = |word: &str| HIDING.contains(&word.to_lowercase().as_str());
            if prose.split(|letter: char| !letter.is_alphabetic()).any(is_hiding) {
                found.push(format!("  {}:{number}: {}", shown(&path), prose.trim()));
            }
        }
    }
    assert!(found.is_empty(), "name who acts instead:\n{}", found.join("\n"));
}

/// `cargo test --doc` would build each crate once more to run what is in them; the tests run elsewhere.
#[test]
fn comments_hold_no_tests() {
    let mut found = Vec::new();
    for path in files_below(root(), &[".rs"]) {
        let mut inside = false;
        for (number, line) in (1..).zip(read(&path).lines()) {
            let Some(language) = documentation(line).and_then(|text| text.trim().strip_prefix("```")) else { continue };
            inside = !inside;
            if inside && !matches!(language, "text" | "json" | "sql" | "sh") {
                found.push(format!("  {}:{number}: {line}", shown(&path)));
            }
        }
    }
    assert!(found.is_empty(), "a block of a doc comment that says no language is a test:\n{}", found.join("\n"));
}

/// Returns what a line of code says in a comment.
fn comment(line: &str) -> &str {
    let line = line.trim_start();
    let begins = |mark: &str| line.starts_with(mark).then_some(0);
    let at = begins("//").or(begins("/*")).or(begins("* ")).or_else(|| line.find(" // "));
    at.map_or("", |at| &line[at..])
}

/// Returns what a line says in a doc comment.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
}
