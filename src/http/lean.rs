//! Scripts and style sheets without what their authors alone read: comments, indentation, empty lines. A quarter of what browsers
//! load is that. Everything else stays as it is, line by line.

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Script,
    Style,
}

/// Returns a text without comments and indentation. It must be a well-formed script or style sheet.
pub(super) fn lean(source: &str, language: Language) -> String {
    let is_script = language == Language::Script;
    let mut lean = String::with_capacity(source.len());
    // How many braces are open, and how many were where each expression of a template began.
    let mut depth = 0_usize;
    let mut templates = Vec::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '/' if rest.starts_with("/*") => {
                rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
                space(&mut lean);
                continue;
            }
            '/' if is_script && rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            '\n' => {
                rest = rest.trim_start();
                lean.truncate(lean.trim_end().len());
                if !lean.is_empty() {
                    lean.push('\n');
                }
                continue;
            }
            ' ' => {
                rest = &rest[1..];
                space(&mut lean);
                continue;
            }
            '\'' | '"' => literal(rest, &[next]),
            '/' if is_script && begins_expression(&lean) => expression(rest),
            '`' if is_script => template(rest, depth, &mut templates),
            '}' if is_script && templates.last() == Some(&depth) => {
                templates.pop();
                template(rest, depth, &mut templates)
            }
            '{' => {
                depth += 1;
                1
            }
            '}' => {
                depth = depth.saturating_sub(1);
                1
            }
            other => other.len_utf8(),
        };
        lean.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    lean
}

/// Writes a space, unless there is one, or the line begins.
fn space(lean: &mut String) {
    if !lean.is_empty() && !lean.ends_with([' ', '\n']) {
        lean.push(' ');
    }
}

/// Returns the length of a text's first literal, up to the first of the characters that end it.
fn literal(text: &str, ends: &[char]) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if !escaped && ends.contains(&character) {
            return at + character.len_utf8();
        }
        escaped = !escaped && character == '\\';
    }
    text.len()
}

/// Returns the length of a piece of a template: up to its end, or to the `${` of an expression, which is noted.
fn template(text: &str, depth: usize, templates: &mut Vec<usize>) -> usize {
    let mut from = 0;
    loop {
        let end = from + literal(&text[from..], &['`', '$']);
        if text[..end].ends_with('$') && text[end..].starts_with('{') {
            templates.push(depth);
            return end + 1;
        }
        if !text[..end].ends_with('$') || end == text.len() {
            return end;
        }
        from = end - 1;
    }
}

/// Returns the length of a regular expression; a slash in brackets does not end it.
fn expression(text: &str) -> usize {
    let (mut escaped, mut bracketed) = (false, false);
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => {}
            '[' => bracketed = true,
            ']' => bracketed = false,
            '/' if !bracketed => return at + 1,
            _ => {}
        }
        escaped = !escaped && character == '\\';
    }
    text.len()
}

/// Tells whether a slash behind this text begins a regular expression, and does not divide.
fn begins_expression(before: &str) -> bool {
    let before = before.trim_end();
    let word =
        before.rsplit(|character: char| !character.is_alphanumeric() && character != '_' && character != '$').next();
    match before.chars().next_back() {
        None => true,
        Some(')' | ']' | '}' | '\'' | '"' | '`') => false,
        Some(_) => {
            word.is_none_or(|word| word.is_empty() || ["return", "typeof", "case", "await", "of", "in"].contains(&word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, lean};

    fn script(source: &str) -> String {
        lean(source, Language::Script)
    }

    #[test]
    fn comments_and_indentation_go_and_lines_stay() {
        let source = "// What it does.\n\n/**\n * @param {number} a\n */\nfunction f(a) {\n  const b = /** @type {any} */ (a); // why\n\n  return b;\n}\n";
        assert_eq!(script(source), "function f(a) {\nconst b = (a);\nreturn b;\n}\n");
        let source = "/* Colours. */\n\n:root {\n  --a: url(\"//x/*y*/\"); /* b */\n}\n";
        assert_eq!(lean(source, Language::Style), ":root {\n--a: url(\"//x/*y*/\");\n}\n");
    }

    #[test]
    fn what_looks_like_a_comment_in_a_text_stays() {
        for source in [
            "a('http://x  // y', \"/* z */\", 'it\\'s // so');",
            "a(`//  ${b({ c: `/* ${'}'} */` })}  // d ${e} $ `, f);",
            "a(/^https?:\\/\\/[^/'\"`]+/i.test(b), c / d / e, /[/*]/g);",
            "const a = b ? /'/ : /\"/; c = (d) / 2;",
            "return /\\s*\\/\\/.*$/gm;",
            "a.map(b => /[`]/.exec(b));",
        ] {
            assert_eq!(script(source), source);
        }
    }

    #[test]
    fn what_two_tokens_are_stays_two() {
        assert_eq!(script("return/* so */a"), "return a");
        assert_eq!(script("a  =   b"), "a = b");
    }
}
