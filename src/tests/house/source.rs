//! The Rust files of a crate, their modules, and what each of them imports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{files_below, read, root, shown};

/// A path of names, as in `crate::http::error`: without `crate`.
type Names = Vec<String>;

/// The source files of a crate, by module. Tests are left out: they may import what they like.
pub(super) struct Crate {
    modules: BTreeMap<Names, Module>,
}

struct Module {
    file: String,
    text: String,
}

impl Crate {
    /// Reads the crate in a folder of the repository; `""` is the root crate.
    pub(super) fn read(folder: &str) -> Self {
        let source = root().join(folder).join("src");
        let (mut modules, mut tested) = (BTreeMap::new(), Vec::new());
        for path in files_below(&source, &[".rs"]) {
            let inner = path.strip_prefix(&source).expect("a file below the folder");
            if let Some(name) = module(inner) {
                let text = read(&path);
                tested.extend(test_modules(&text).into_iter().map(|test| [name.clone(), vec![test]].concat()));
                modules.insert(name, Module { file: shown(&path), text: code(&text) });
            }
        }
        modules.retain(|name, _| !tested.iter().any(|test| name.starts_with(test)));
        assert!(!modules.is_empty(), "no source in {}", source.display());
        Self { modules }
    }

    /// Returns the files, with the text of their code.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.modules.values().map(|module| (module.file.as_str(), module.text.as_str()))
    }

    /// Returns each module with those that it imports from, both as paths like `http::error`.
    pub(super) fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let of = |(name, module): (&Names, &Module)| {
            let imported = self.paths(name, &module.text).into_iter().filter_map(|path| self.home(&path, 0));
            let imported = imported.filter(|other| other != name).map(|other| other.join("::")).collect();
            (name.join("::"), imported)
        };
        self.modules.iter().map(of).collect()
    }

    /// Returns a module's file.
    pub(super) fn file(&self, module: &str) -> &str {
        let name: Names = module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        self.modules.get(&name).map_or("?", |module| module.file.as_str())
    }

    /// Returns the paths of this crate that a module's code names, from the root on. What it re-exports does not count.
    fn paths(&self, name: &Names, text: &str) -> Vec<Names> {
        let mut found = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(first) = statement(line) else {
                found.extend(inline(line));
                continue;
            };
            let mut whole = first.to_owned();
            while !whole.contains(';')
                && let Some(line) = lines.next()
            {
                whole += line;
            }
            if line.trim_start().starts_with("use ") {
                found.extend(tree(whole.split(';').next().unwrap_or_default()));
            }
        }
        found.into_iter().filter_map(|path| self.absolute(name, &path)).collect()
    }

    /// Returns a path from the root on; `None` if it is another crate's.
    fn absolute(&self, name: &Names, path: &[String]) -> Option<Names> {
        let first = path.first()?.as_str();
        if first == "crate" {
            return Some(path[1..].to_vec());
        }
        let up = path.iter().take_while(|part| *part == "super").count();
        if up > 0 {
            let parent = &name[..name.len().checked_sub(up)?];
            return Some([parent, &path[up..]].concat());
        }
        let child = [name.as_slice(), &path[..1]].concat();
        self.modules.contains_key(&child).then(|| [name.as_slice(), path].concat())
    }

    /// Returns the module that holds what a path names: where it is re-exported, the one that it comes from.
    fn home(&self, path: &[String], depth: usize) -> Option<Names> {
        let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (name, item) = (path[..length].to_vec(), path.get(length));
        if let Some(item) = item.filter(|_| depth < 8) {
            for exported in exports(&self.modules[&name].text) {
                if exported.last() == Some(item)
                    && let Some(path) = self.absolute(&name, &exported)
                {
                    return self.home(&path, depth + 1);
                }
            }
        }
        Some(name)
    }
}

/// Returns the module of a file; `None` for tests.
fn module(file: &Path) -> Option<Names> {
    let mut names: Names = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.iter().any(|name| matches!(name.as_str(), "tests" | "bin")) {
        return None;
    }
    if names == ["lib"] {
        names.clear();
    }
    Some(names)
}

/// Returns a file's code: without comments, and without what is compiled for tests alone.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>();
    let end = test_items(&lines).find(|(_, item)| item.ends_with('{')).map_or(lines.len(), |(line, _)| line);
    lines[..end].join("\n")
}

/// Returns the names of the modules in files of their own that are compiled for tests alone.
fn test_modules(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    test_items(&lines).filter_map(|(_, item)| Some(item.split_once("mod ")?.1.strip_suffix(';')?.to_owned())).collect()
}

/// Returns where items begin that are compiled for tests alone, and their first lines.
fn test_items<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    let marked = lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]");
    marked.filter_map(|(at, _)| Some((at, *lines[at + 1..].iter().find(|line| !line.starts_with("#["))?)))
}

/// Returns what a line imports or re-exports, or the beginning of it.
fn statement(line: &str) -> Option<&str> {
    let line = line.trim_start();
    ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].into_iter().find_map(|begin| line.strip_prefix(begin))
}

/// Returns what a module re-exports.
fn exports(text: &str) -> Vec<Names> {
    let exported = text.split(';').filter_map(|part| {
        part.lines()
            .position(|line| line.starts_with("pub") && statement(line).is_some())
            .map(|at| part.lines().skip(at).collect::<String>())
    });
    exported.filter_map(|text| statement(&text).map(tree)).flatten().collect()
}

/// Takes a tree of `use` apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn tree(text: &str) -> Vec<Names> {
    let text = text.trim();
    let Some(open) = text.find('{') else {
        let path = text.split(" as ").next().unwrap_or_default();
        let path: Names = path.split("::").map(|part| part.trim().to_owned()).collect();
        // `a::{self}` and `a::*` are `a`.
        let path: Names = path.into_iter().filter(|part| !part.is_empty() && part != "self" && part != "*").collect();
        return if path.is_empty() { Vec::new() } else { vec![path] };
    };
    let head = text[..open].trim().trim_end_matches("::");
    let head = if head.is_empty() { Vec::new() } else { tree(head).concat() };
    let inner = &text[open + 1..text.rfind('}').unwrap_or(text.len())];
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(|part| match tree(part) {
            inner if inner.is_empty() => vec![head.clone()],
            inner => inner.into_iter().map(|path| [head.clone(), path].concat()).collect(),
        })
        .collect()
}

/// Returns the paths that code names outside of `use`. How far an item is visible (`pub(in crate::a)`) is no import.
fn inline(text: &str) -> Vec<Names> {
    let text = match text.split_once("pub(in ") {
        Some((_, rest)) => rest.split_once(')').map_or(rest, |(_, item)| item),
        None => text,
    };
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = text.split(|letter| !is_name(letter)).filter(|word| word.contains("::") && !word.starts_with(':'));
    words.map(|word| word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

#[test]
fn a_use_is_taken_apart() {
    let paths = |text| tree(text).into_iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(paths("super::error::ApiError"), ["super::error::ApiError"]);
    assert_eq!(paths("crate::{a::{self, B}, c::d as e, f::*}"), ["crate::a", "crate::a::B", "crate::c::d", "crate::f"]);
    let named = |text| inline(text).into_iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(named("let x = super::a::b(c::D, e.f);"), ["super::a::b", "c::D"]);
    assert_eq!(named("    pub(in crate::a) fn b(c: d::E) {"), ["d::E"]);
}
