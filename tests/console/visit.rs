//! How visits begin: a node, a browser on it, and somebody who signs in.

use crate::browser::{Browser, given};
use crate::harness::{Home, Node};

/// The console that was just built, as a setting.
fn console() -> String {
    let folder = given("POSTHASTE_TEST_CONSOLE").expect("POSTHASTE_TEST_CONSOLE names the console's folder");
    format!("console.dir={}", folder.display())
}

/// A node that serves the console that was just built, and a browser on it.
pub(crate) async fn started(home: &Home) -> (Node, Browser) {
    let node = home.start(&[&console()]).await;
    let browser = Browser::open(format!("http://{}", node.address())).await;
    (node, browser)
}

/// The same with the demo running.
pub(crate) async fn started_demo(home: &Home) -> (Node, Browser) {
    let node = home.start_demo(&[&console()]).await;
    let browser = Browser::open(format!("http://{}", node.address())).await;
    (node, browser)
}

/// Signs in with a key.
pub(crate) async fn sign_in(browser: &Browser, key: &str) {
    browser.go("/").await;
    browser.find("form").await;
    // The browser remembers by what it was the last time.
    if browser.text().await.contains("Use an API key") {
        browser.press("Use an API key").await;
    }
    browser.fill("input[name=key]", key).await;
    browser.press("Sign in").await;
    browser.find("nav[aria-label=Pages]").await;
}

/// Signs in by a name and a password, where nobody is signed in.
pub(crate) async fn sign_in_as(browser: &Browser, name: &str, password: &str) {
    browser.go("/").await;
    browser.find("form").await;
    if browser.text().await.contains("Use a name and a password") {
        browser.press("Use a name and a password").await;
    }
    browser.fill("input[name=name]", name).await;
    browser.fill("input[name=password]", password).await;
    browser.press("Sign in").await;
    browser.find("nav[aria-label=Pages]").await;
}
