//! The OpenAPI document: writing the committed one anew, and holding the real server to it.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::checkout::{Checkout, output, run};
use crate::node::Node;
use crate::postgres::{Cluster, Server};

/// Cases an operation and phase, and the seed from which they come: some 3,500 requests, in about a minute on two cores.
const CASES: &str = "10";
const SEED: &str = "1";

/// The queue that it finds there.
const QUEUE: &str = "some";

/// Writes `gateway/openapi.json` anew: the test that compares it does so when it is asked to.
///
/// # Errors
/// When the gateway does not compile.
pub(crate) fn write(checkout: &Checkout) -> Result<()> {
    let mut test = checkout.cargo([
        "test",
        "--package=gateway",
        "--test=openapi",
        "--",
        "the_committed_document",
    ]);
    run(test.env("UPDATE", "1"))
}

/// Lets schemathesis ask the real server everything that its document allows, and much that it does not: no answer may be a 5xx,
/// nor one that the document does not know.
///
/// # Errors
/// When it finds one.
pub(crate) fn check(checkout: &Checkout) -> Result<()> {
    let folder = checkout.target.join("openapi");
    fs::create_dir_all(&folder)?;
    let environment = folder.join("python");
    run(checkout.command("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut pip = checkout.command(environment.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    run(pip.arg("xtask/schemathesis.txt"))?;

    let cluster = Cluster::start(&Server::find()?)?;
    let database = cluster.url("postgres");
    // Without a dispatcher: endpoints are anywhere, and nothing may be sent there.
    let settings = [
        ("POSTHASTE_ROLE", "gateway"),
        ("DATABASE_URL", database.as_str()),
        ("POSTHASTE_GATEWAY_REQUEST_TIMEOUT", "5s"),
        // Every operation is asked with wrong keys as well, all from one address.
        ("POSTHASTE_GATEWAY_WRONG_KEYS_MAX", "1000000"),
    ];
    let node = Node::start(checkout, &folder, &settings)?;
    let rules = folder.join("schemathesis.toml");
    fs::write(&rules, fill(checkout, &node)?)?;
    let mut schemathesis = checkout.command(environment.join("bin/st"));
    schemathesis
        // It leaves a cache where it is run.
        .current_dir(&folder)
        .arg("--config-file")
        .arg(&rules)
        .args(["run", &format!("{}/openapi.json", node.rest)])
        .env("POSTHASTE_KEY", &node.key)
        .args(["--seed", SEED, "--max-examples", CASES, "--workers", "1", "--no-color"]);
    run(&mut schemathesis)?;
    node.stop()
}

/// The rules in `xtask/schemathesis.toml`, with one of each thing on this server.
fn fill(checkout: &Checkout, node: &Node) -> Result<String> {
    let post = |path: &str, body: &Value| ask(checkout, node, path, Some(body));
    post("/v1/queues", &json!({"name": QUEUE}))?;
    let endpoint = post(
        &format!("/v1/queues/{QUEUE}/endpoints"),
        &json!({"url": "https://receiver.example/hook"}),
    )?;
    let task = post(
        &format!("/v1/queues/{QUEUE}/tasks"),
        &json!({"type": "some.kind", "payload": {}}),
    )?;
    let deliveries = ask(
        checkout,
        node,
        &format!("/v1/tasks/{}/deliveries", text(&task["id"])?),
        None,
    )?;
    let key = post(
        "/v1/keys",
        &json!({"name": "some", "scopes": ["read"], "queues": [QUEUE]}),
    )?;
    let root = checkout.root.join("xtask");
    let hooks = root.join("schemathesis_hooks.py");
    let mut rules = fs::read_to_string(root.join("schemathesis.toml"))?;
    for (word, value) in [
        (
            "<hooks>",
            hooks.to_str().context("the checkout's path is not UTF-8")?,
        ),
        ("<queue>", QUEUE),
        ("<endpoint>", text(&endpoint["id"])?),
        ("<task>", text(&task["id"])?),
        ("<delivery>", text(&deliveries["items"][0]["id"])?),
        ("<key>", text(&key["id"])?),
    ] {
        ensure!(rules.contains(word), "xtask/schemathesis.toml has no {word}");
        rules = rules.replace(word, value);
    }
    Ok(rules)
}

/// A request to this server: a POST of this body, or a GET.
fn ask(checkout: &Checkout, node: &Node, path: &str, body: Option<&Value>) -> Result<Value> {
    let mut curl = checkout.command("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body"]);
    curl.args(["--header", &format!("authorization: Bearer {}", node.key)]);
    if let Some(body) = body {
        curl.args(["--json", &body.to_string()]);
    }
    let answer = output(curl.arg(format!("{}{path}", node.rest)))?;
    serde_json::from_str(&answer).with_context(|| format!("{path} answered no JSON: {answer}"))
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("an id is expected, and not {value}"))
}
