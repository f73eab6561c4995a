//! What a page shows in a browser.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tokio::process::Command;

/// Replaces the page by the number of distinct visible points of each plot and series.
const COUNT: &str = "
    const plots = {};
    for (const svg of document.querySelectorAll('figure svg')) {
        const { width, height } = svg.viewBox.baseVal;
        const all = plots[svg.getAttribute('aria-label')] = {};
        for (const series of svg.querySelectorAll('[data-series]')) {
            const corners = [...series.querySelectorAll('polyline')].flatMap((line) => [...line.points]);
            const circles = [...series.querySelectorAll('circle')];
            const dots = circles.map(({ cx, cy }) => ({ x: cx.baseVal.value, y: cy.baseVal.value }));
            const seen = [...corners, ...dots].filter(({ x, y }) => x >= 0 && x <= width && y >= 0 && y <= height);
            all[series.dataset.series] = new Set(seen.map(({ x, y }) => `${x} ${y}`)).size;
        }
    }
    document.body.textContent = JSON.stringify(plots);
";

/// The plots of a page: the number of visible points of each series.
#[derive(Debug)]
pub(crate) struct Plots(BTreeMap<String, BTreeMap<String, usize>>);

impl Plots {
    /// Opens a page.
    pub(crate) async fn of(page: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = folder.path().join("page.html");
        let html = fs::read_to_string(page).expect("a page");
        fs::write(&copy, html.replace("</body>", &format!("<script>{COUNT}</script></body>"))).expect("a copy");
        let dom = browser(&["--dump-dom"], &copy).await;
        let body = dom.split_once("<body>").and_then(|(_, rest)| rest.split_once("</body>"));
        Self(serde_json::from_str(body.expect("a body").0).unwrap_or_else(|error| panic!("{error}: {dom}")))
    }

    /// Expects that a plot shows these series, each with more than one point.
    pub(crate) fn show(&self, plot: &str, series: &[&str]) {
        let seen = |name: &str| self.0.get(plot).and_then(|all| all.get(name)).copied().unwrap_or_default();
        for name in series {
            assert!(seen(name) > 1, "{plot}, {name}: {self:?}");
        }
    }
}

/// Takes a screenshot of a page, and returns its size in bytes.
pub(crate) async fn picture(page: &Path) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("page.png");
    browser(&[&format!("--screenshot={}", picture.display())], page).await;
    fs::metadata(&picture).expect("a picture").len()
}

async fn browser(arguments: &[&str], page: &Path) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,2400"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .output()
        .await
        .expect("chromium is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
