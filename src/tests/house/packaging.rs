//! What `packaging/` says of the hub is true.

use std::collections::BTreeSet;

use super::{read, root};

/// What a histogram's name ends in where it is asked for.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];

#[test]
fn every_metric_of_alerts_and_dashboard_is_one_that_the_hub_has() {
    let documented = read(&root().join("docs/OPERATIONS.md"));
    for file in ["packaging/prometheus/alerts.yml", "packaging/grafana/softadastra-chat.json"] {
        let text = read(&root().join(file));
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let names: BTreeSet<_> = words.filter(|word| word.starts_with("chat_")).collect();
        assert!(names.len() > 10, "{file} names metrics: {names:?}");
        for name in names {
            let whole = PARTS.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            let is_there = [name, whole]
                .iter()
                .any(|name| ["`", "{"].iter().any(|end| documented.contains(&format!("`{name}{end}"))));
            assert!(is_there, "{file} names {name}, and docs/OPERATIONS.md has no such metric");
        }
    }
}
