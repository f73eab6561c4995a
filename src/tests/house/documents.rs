//! The documents: README's length, and the links of README and `docs/`.

use std::path::{Path, PathBuf};

use super::{files_below, read, root, shown};

/// The most lines that the README may have.
const README_LINES: usize = 150;

#[test]
fn the_readme_is_read_to_its_end() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines: move something into docs/");
}

#[test]
fn every_link_leads_somewhere() {
    let dead: Vec<String> = documents().iter().flat_map(|document| dead_links(document)).collect();
    assert!(dead.is_empty(), "these links lead nowhere:\n{}", dead.join("\n"));
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let named = documents().into_iter().filter(|document| !shown(document).starts_with("docs/benchmarks/"));
    let gone: Vec<String> = named.flat_map(|document| missing_files(&document)).collect();
    assert!(gone.is_empty(), "these files are not there (any more):\n{}", gone.join("\n"));
}

#[test]
fn of_every_alert_the_operator_can_read_what_to_do() {
    let rules = read(&root().join("packaging/prometheus/alerts.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let operations = read(&root().join("docs/OPERATIONS.md"));
    let silent: Vec<_> = alerts.iter().filter(|alert| !operations.contains(&format!("**{alert}.**"))).collect();
    assert!(alerts.len() > 10 && silent.is_empty(), "OPERATIONS, \"When an alert fires\", says nothing of {silent:?}");
}

/// Returns the README, what stands beside it, and all of `docs/`.
fn documents() -> Vec<PathBuf> {
    let beside = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "web/README.md"].map(|name| root().join(name));
    let docs = root().join("docs");
    let inside = if docs.is_dir() { files_below(&docs, &[".md"]) } else { Vec::new() };
    beside.into_iter().filter(|path| path.is_file()).chain(inside).collect()
}

fn dead_links(document: &Path) -> Vec<String> {
    let text = prose(&read(document));
    let links = links(&text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
    links
        .filter(|link| {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().unwrap_or(root());
            let target = if path.is_empty() { document.to_owned() } else { folder.join(path) };
            let there = target.exists()
                && (anchor.is_empty() || !target.is_file() || headings(&target).contains(&anchor.to_owned()));
            !there
        })
        .map(|link| format!("  {}: {link}", shown(document)))
        .collect()
}

/// Returns the paths in backticks that begin with a folder of the repository and name nothing in it.
fn missing_files(document: &Path) -> Vec<String> {
    const FOLDERS: [&str; 11] = [
        "actors/",
        "database/",
        "docs/",
        "integrations/",
        "loadtest/",
        "migrations/",
        "packaging/",
        "scripts/",
        "src/",
        "testkit/",
        "web/",
    ];
    let text = prose(&read(document));
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |path: &&str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
        FOLDERS.iter().any(|folder| path.starts_with(folder)) && path.chars().all(plain)
    };
    let missing = quoted.filter(is_path).filter(|path| !root().join(path).exists());
    missing.map(|path| format!("  {}: {path}", shown(document))).collect()
}

/// Returns a document without its blocks of code.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the targets of `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let targets = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split([')', ' ', '\n']).next());
    targets.filter(|target| !target.is_empty()).collect()
}

/// Returns the anchors of a document's headings, as GitHub makes them.
fn headings(document: &Path) -> Vec<String> {
    let text = prose(&read(document));
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    titles.map(anchor).collect()
}

fn anchor(title: &str) -> String {
    let kept = title
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn an_anchor_is_made_as_github_makes_it() {
    assert_eq!(anchor("What is `sync`, and why?"), "what-is-sync-and-why");
    assert_eq!(links("see [a](docs/A.md#b) and ![c](d.webp \"title\")"), ["docs/A.md#b", "d.webp"]);
}
