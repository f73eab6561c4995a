//! Tests wait for events. One place of the Rust tests and one of the web tests let time pass.

use std::path::Path;

use super::{files_below, read, root, shown};

/// Where time may pass.
const RUST: &str = "testkit/src/waiting.rs";
const WEB: &str = "web/tests/support/wait.js";

/// This file, which names what is forbidden.
const RULE: &str = "src/tests/house/waiting.rs";

#[test]
fn rust_tests_let_time_pass_in_one_place() {
    let (mut tests, mut found) = (0, Vec::new());
    for path in files_below(root(), &[".rs"]).into_iter().filter(|path| ![RUST, RULE].contains(&&*shown(path))) {
        let text = read(&path);
        for (number, line) in tested(&path, &text) {
            tests += 1;
            if sleeps(line) {
                found.push(format!("  {}:{number}: {}", shown(&path), line.trim()));
            }
        }
    }
    assert!(tests > 20_000, "only {tests} lines of tests");
    assert!(
        found.is_empty(),
        "wait for an event (`until`), or say by `passes` that the span is the point ({RUST}):\n{}",
        found.join("\n")
    );
}

#[test]
fn web_tests_let_time_pass_in_one_place() {
    let (mut files, mut found) = (0, Vec::new());
    for path in files_below(&root().join("web/tests"), &[".js"]).into_iter().filter(|path| shown(path) != WEB) {
        files += 1;
        let text = read(&path);
        found.extend(timers(&text).map(|timer| format!("  {}: setTimeout({timer})", shown(&path))));
        found.extend(text.contains("waitForTimeout(").then(|| format!("  {}: waitForTimeout", shown(&path))));
    }
    assert!(files > 30, "only {files} files");
    assert!(found.is_empty(), "wait for an event (`until`), or `pause` ({WEB}):\n{}", found.join("\n"));
}

/// Returns the lines of a file that are tests, or of use to tests alone, with their numbers.
fn tested<'a>(path: &Path, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testkit");
    let lines: Vec<&str> = text.lines().collect();
    let is_inline = |at: &usize| lines[*at] == "#[cfg(test)]" && lines[at + 1..].iter().any(|line| line.ends_with('{'));
    let from = if is_test { Some(0) } else { (0..lines.len()).rfind(is_inline) };
    let from = from.unwrap_or(lines.len());
    (from + 1..).zip(lines.into_iter().skip(from))
}

/// Tells whether a line of code has something sleep.
fn sleeps(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let names_it = |at: usize| !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    code.match_indices("sleep(").any(|(at, _)| names_it(at)) || code.contains("time::sleep;")
}

/// Returns what timers are given that have a delay.
fn timers(text: &str) -> impl Iterator<Item = &str> {
    text.split("setTimeout(").skip(1).filter_map(|rest| {
        let (mut depth, mut delay) = (0_u32, None);
        for (at, letter) in rest.char_indices() {
            match letter {
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => {
                    let given = &rest[delay?..at];
                    return (given.split(',').next()?.trim() != "0").then_some(&rest[..at]);
                }
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 && delay.is_none() => delay = Some(at + 1),
                _ => {}
            }
        }
        None
    })
}

#[test]
fn what_sleeps_is_told_from_what_does_not() {
    for line in
        ["sleep(span).await;", "    tokio::time::sleep(x).await", "thread::sleep(x);", "use tokio::time::sleep;"]
    {
        assert!(sleeps(line), "{line}");
    }
    for line in ["passes(span).await;", "// No test calls sleep().", "SELECT pg_sleep(9)", "DO SLEEP(9)", "do sleep 5;"]
    {
        assert!(!sleeps(line), "{line}");
    }
    let text =
        "setTimeout(done, ms); setTimeout(() => f(a, b)); setTimeout(done, 0, 'x'); setTimeout(() => { g(1, 2); }, 60)";
    assert_eq!(timers(text).collect::<Vec<_>>(), ["done, ms", "() => { g(1, 2); }, 60"]);
    let inline = "fn a() {}\n#[cfg(test)]\nmod tests {\n    b();\n}";
    let lines = |path: &str, text| tested(Path::new(path), text).map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(lines("src/a.rs", inline), [2, 3, 4, 5]);
    assert_eq!(lines("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests;"), [0; 0]);
    assert_eq!(lines("src/a/tests.rs", "fn a() {}"), [1]);
}
