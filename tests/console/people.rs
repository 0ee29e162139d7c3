//! Users: made in the console, signing in, and what they may.

use serde_json::json;

use crate::harness::Home;
use crate::visit::{sign_in, sign_in_as, started};

const PASSWORD: &str = "an engine of analysis";

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn an_admin_makes_users_who_change_their_passwords_and_are_signed_out() {
    let home = Home::external().await;
    let (_node, browser) = started(&home).await;
    sign_in(&browser, &home.key()).await;
    browser.press("Users").await;
    // The first start has made one.
    browser.until("People who sign in here").await;
    browser.until("admin").await;
    browser.press("New user").await;
    browser.inspect("users-new").await;
    browser.fill("form input[name=name]", "Ada").await;
    browser.fill("form input[name=password]", PASSWORD).await;
    browser.press_css("form input[value=operator]").await;
    browser.press("Make the user").await;
    browser.until("Made: they may sign in.").await;
    browser.until("ada").await;
    browser.inspect("users").await;
    browser.press("Sign out").await;

    // She signs in, and gives herself another password.
    browser.find("form").await;
    sign_in_as(&browser, "ada", PASSWORD).await;
    browser.go("/session").await;
    browser.until("Your password").await;
    browser.inspect("session-user").await;
    let next = "notes by the translator";
    browser.fill("input[name=current]", "a wrong password").await;
    for field in ["new", "again"] {
        browser.fill(&format!("input[name={field}]"), next).await;
    }
    browser.press("Change the password").await;
    browser.until("not the password that holds now").await;
    browser.fill("input[name=current]", PASSWORD).await;
    browser.press("Change the password").await;
    browser.until("The new password holds").await;

    // Signed out everywhere, she is asked for it again.
    browser.press("Sign out everywhere…").await;
    browser.press_css("dialog[open] button[type=submit]").await;
    browser.until("Sign in to Posthaste").await;
    browser.fill("input[name=name]", "ada").await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.press("Sign in").await;
    browser.until("The name or the password is wrong.").await;
    sign_in_as(&browser, "ada", next).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and a console that was built: cargo xtask test --only console"]
async fn a_viewer_cannot_change_anything() {
    let home = Home::external().await;
    let (_node, browser) = started(&home).await;
    let api = home.api();
    api.make_queue("orders").await;
    let endpoint = api
        .make_endpoint("orders", "http://127.0.0.1:9/hook", json!({}))
        .await;
    api.switch(&endpoint, "pause").await;
    let task = api.enqueue("orders", json!({"payload": 1})).await;
    let new = json!({"name": "vera", "password": PASSWORD, "role": "viewer"});
    api.post::<proto::User>("/v1/users", &new).await;
    sign_in_as(&browser, "vera", PASSWORD).await;
    for (path, words, hidden) in [
        ("/queues", "orders", &["New queue"][..]),
        (
            "/queues/orders",
            "What answers mean",
            &[
                "Pause",
                "Purge",
                "Delete",
                "New endpoint",
                "Change the settings",
                "Add a rule",
            ],
        ),
        (
            &format!("/endpoints/{}", endpoint.id),
            "Recent attempts",
            &[
                "Resume",
                "Purge",
                "Delete",
                "Edit",
                "Reveal",
                "Rotate",
                "Send a test",
                "Add a rule",
            ],
        ),
        ("/tasks?queue=orders", "pending", &["Cancel", "Replay"]),
        (&format!("/tasks/{task}"), "Deliveries", &["Cancel"]),
        ("/dead-letters", "No dead letter", &["Replay all", "Purge"]),
        ("/session", "Your password", &["API keys", "Audit"]),
    ] {
        browser.go(path).await;
        browser.until(words).await;
        let text = browser.text().await;
        let main = text.split("Sign out").last().unwrap_or_default();
        for hidden in hidden {
            assert!(!main.contains(hidden), "{path}: {hidden} in {text}");
        }
    }
    // What is not offered is not possible either, with all that the page has.
    let ask = "const done = arguments[arguments.length - 1]; (async () => { \
        const told = await (await fetch('/v1/session')).json(); \
        const act = async (method, path, body) => (await fetch(path, { method, body, headers: { 'posthaste-csrf': told.csrf, 'content-type': 'application/json' } })).status; \
        return [await act('POST', '/v1/queues', '{\"name\":\"mine\"}'), await act('POST', '/v1/queues/orders/pause'), \
          await act('DELETE', '/v1/queues/orders'), await act('POST', '/v1/queues/orders/tasks', '{\"payload\":1}'), await act('POST', '/v1/users', '{\"name\":\"eve\",\"password\":\"an engine of analysis\",\"role\":\"admin\"}'), \
          await act('POST', '/v1/replays', '{\"filter\":{}}')]; })().then(done)";
    assert_eq!(
        browser.run_async(ask).await,
        json!([403, 403, 403, 403, 403, 403])
    );
    browser.close().await;
}
