//! How the command line answers at all: help, completions, exit codes, the shape of what is printed.

use crate::{harness::Home, terminal::Terminal};

#[tokio::test]
async fn every_command_explains_itself() {
    let user = Terminal::new();
    let nouns = [
        "login",
        "logout",
        "profiles",
        "queue",
        "endpoint",
        "enqueue",
        "task",
        "dlq",
        "key",
        "events",
        "completions",
    ];
    let help = user.ok(&["--help"]).await;
    for noun in nouns {
        assert!(
            help.lines().any(|line| line.trim().starts_with(noun)),
            "{noun} in {help}"
        );
        let help = user.ok(&[noun, "--help"]).await;
        assert!(noun == "logout" || help.contains("Examples:\n  "), "{help}");
        assert!(help.contains("Usage: posthaste"), "{help}");
    }
    for noun in ["queue", "endpoint", "task", "dlq", "key"] {
        let help = user.call(&[noun]).await;
        assert_eq!(help.code, 2, "a noun alone is no command: {help:?}");
    }
    assert!(
        user.ok(&["queue", "make", "--help"])
            .await
            .contains("retry.attempts")
    );
}

#[tokio::test]
async fn completions_are_generated_for_every_shell() {
    let user = Terminal::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = user.ok(&["completions", shell]).await;
        for word in ["posthaste", "enqueue", "dlq", "max-depth", "from-line"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    let script = user.ok(&["completions", "bash"]).await;
    user.file("script", &script);
    let check = tokio::process::Command::new("bash")
        .args(["-n", "script"])
        .current_dir(user.folder())
        .status();
    assert!(check.await.unwrap().success(), "bash reads it");
    user.call(&["completions", "cobol"]).await.fails(2);
}

#[tokio::test]
async fn mistakes_are_2_and_refusals_1() {
    let mut user = Terminal::new();
    user.set("POSTHASTE_KEY", "ph_key");
    for wrong in [
        &["queue", "list", "--output", "xml"][..],
        &["queue", "lst"],
        &["task", "read", "7"],
        &["queue", "read", ".."],
        &["queue", "list", "--profile", "nowhere"],
        &["queue", "make", "q", "--set", "timeout"],
        &["queue", "make", "q", "--set", "colour=red"],
    ] {
        let said = user.call(wrong).await;
        assert!(said.out.is_empty() && !said.err.is_empty(), "{said:?}");
        said.fails(2);
    }
    user.set("POSTHASTE_URL", "htp://127.0.0.1");
    user.call(&["queue", "list"]).await.fails(2);
    user.set("POSTHASTE_URL", "http://127.0.0.1:1");
    user.call(&["queue", "list"]).await.fails(1);
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let home = Home::external().await;
    let (user, node) = Terminal::and_node(&home).await;
    for number in 0..3 {
        node.api().make_queue(&format!("q{number}")).await;
    }
    let mut child = user.start(&["queue", "list", "--all", "--output", "json"]);
    drop(child.stdout.take());
    let said = child.wait_with_output().await.unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}

#[tokio::test]
async fn tables_and_documents_have_their_shape() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "orders", "--description", "a\u{1b}[2Jb"])
        .await;
    let table = user.ok(&["queue", "list"]).await;
    let (titles, row) = table.split_once('\n').unwrap();
    assert_eq!(
        titles, "NAME    STATE    ENDPOINTS  DEPTH  MADE  SETTINGS  DESCRIPTION",
        "{table}"
    );
    assert!(
        row.starts_with("orders  running  0          0      ") && row.ends_with("a\\u{1b}[2Jb\n"),
        "{row}"
    );
    let document: serde_json::Value = user.json(&["queue", "list"]).await;
    let mut fields: Vec<&String> = document["items"][0].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "created_at",
            "depth",
            "description",
            "endpoints",
            "id",
            "name",
            "paused",
            "settings",
            "updated_at"
        ],
        "as the API has it"
    );
}
