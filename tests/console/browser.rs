//! Chromium, driven by `WebDriver`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::driver::{Driver, Element};

/// Patience for what should take a moment, on a machine that is busy with much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often to look whether something has happened.
const LOOK: Duration = Duration::from_millis(50);

/// The height of the window.
const HEIGHT: u32 = 900;

/// The widths at which every page is looked at: a desk, and a phone.
const WIDTHS: [(&str, u32); 2] = [("wide", 1280), ("phone", 390)];

/// A variable that `cargo xtask` sets.
#[expect(clippy::disallowed_methods, reason = "an edge: what the tests are given")]
pub(crate) fn given(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// A browser with one page.
pub(crate) struct Browser {
    driver: Driver,
    base: String,
    axe: String,
}

impl Browser {
    /// Opens one for the console at `base`.
    pub(crate) async fn open(base: String) -> Self {
        let axe = given("POSTHASTE_TEST_AXE").expect("POSTHASTE_TEST_AXE names axe.min.js");
        Self {
            driver: Driver::start().await,
            base,
            axe: std::fs::read_to_string(axe).expect("axe.min.js"),
        }
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        self.driver.close().await;
    }

    /// Opens a page by its address.
    pub(crate) async fn go(&self, path: &str) {
        self.driver.go(&format!("{}{path}", self.base)).await;
    }

    /// The part of the page that this selector means, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        self.wait_for("css selector", css).await
    }

    async fn wait_for(&self, using: &str, selector: &str) -> Element {
        let begun = Instant::now();
        loop {
            if let Some(element) = self.driver.find(using, selector).await {
                return element;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {selector}. The page says: {}",
                self.text().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses what carries these words.
    pub(crate) async fn press(&self, words: &str) {
        let path = format!("//*[self::a or self::button][normalize-space()='{words}']");
        self.press_at("xpath", &path).await;
    }

    /// Presses what this selector means.
    pub(crate) async fn press_css(&self, css: &str) {
        self.press_at("css selector", css).await;
    }

    /// What is drawn anew just then is looked for once more.
    async fn press_at(&self, using: &str, selector: &str) {
        let begun = Instant::now();
        loop {
            let element = self.wait_for(using, selector).await;
            match self.driver.click(&element).await {
                Ok(()) => return,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{selector}: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Types into a field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        self.driver.clear(&field).await;
        self.driver.type_into(&field, text).await;
    }

    /// Presses keys.
    pub(crate) async fn keys(&self, keys: &str) {
        let body = self.find("body").await;
        self.driver.type_into(&body, keys).await;
    }

    /// Everything that is to be read; nothing while a page begins.
    pub(crate) async fn text(&self) -> String {
        let text = self
            .driver
            .run("return document.body?.innerText ?? ''", json!([]))
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.driver.run(script, json!([])).await
    }

    /// The same of a script that calls its last argument with what it returns.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.driver.run_async(script).await
    }

    /// The title in the tab.
    pub(crate) async fn title(&self) -> String {
        let title = self.driver.run("return document.title", json!([])).await;
        title.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until it says so.
    pub(crate) async fn until(&self, words: &str) {
        self.until_so(&format!("it says {words:?}"), |text| text.contains(words))
            .await;
    }

    /// Waits until what it says is right.
    pub(crate) async fn until_so(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let text = self.text().await;
            if is_so(&text) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}. It says: {text}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Holds the page that is shown to WCAG 2.2 AA, in both themes and at both widths, and keeps pictures of it.
    pub(crate) async fn inspect(&self, name: &str) {
        self.driver.run(&self.axe, json!([])).await;
        for theme in ["light", "dark"] {
            for (width_name, width) in WIDTHS {
                let set = "document.documentElement.dataset.theme = arguments[0]";
                self.driver.run(set, json!([theme])).await;
                self.driver.resize(width, HEIGHT).await;
                // Colours glide when they change.
                tokio::time::sleep(Duration::from_millis(250)).await;
                let found = self.violations().await;
                assert!(found.is_empty(), "{name}, {theme}, {width_name}: {found:#?}");
                let wider =
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
                let wider = self.driver.run(wider, json!([])).await;
                let sideways = wider.as_i64().expect("a number");
                assert!(
                    sideways <= 0,
                    "{name}, {width_name}: the page scrolls sideways by {sideways}"
                );
                if let Some(folder) = given("POSTHASTE_TEST_SHOTS") {
                    std::fs::create_dir_all(&folder).expect("a folder");
                    let file = folder.join(format!("{name}-{theme}-{width_name}.png"));
                    std::fs::write(file, self.driver.picture().await).expect("a picture is written");
                }
            }
        }
        self.driver.resize(WIDTHS[0].1, HEIGHT).await;
    }

    /// What axe finds that is serious.
    async fn violations(&self) -> Vec<Value> {
        let run = "const done = arguments[arguments.length - 1]; \
            axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }) \
            .then(r => done(r.violations.filter(v => ['serious', 'critical'].includes(v.impact)) \
            .map(v => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.html.slice(0, 300) + ' | ' + n.failureSummary) })))) \
            .catch(e => done([String(e)]))";
        let found = self.driver.run_async(run).await;
        found.as_array().cloned().expect("axe answers")
    }
}
