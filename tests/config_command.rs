//! `posthaste config` and `posthaste version`, as programs.

use std::process::{Command, Output};

fn posthaste(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("posthaste.toml"), "[log]\nformat = \"json\"\n").unwrap();
    Command::new(env!("CARGO_BIN_EXE_posthaste"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn it_prints_what_holds_and_why() {
    let environment = [
        ("POSTHASTE_LOG_LEVEL", "debug"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
    ];
    let traces = "traces.endpoint=https://token@host/v1/traces?api-key=hunter2";
    let arguments = ["config", "--listen", "127.0.0.1:1", "--set", traces];
    let output = posthaste(&arguments, &environment);
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8(output.stdout).unwrap();
    for row in [
        "log.format json posthaste.toml:2",
        "log.level debug environment POSTHASTE_LOG_LEVEL",
        "gateway.listen 127.0.0.1:1 flag --listen",
        "database.url postgres://u:***@h/d environment DATABASE_URL",
        "traces.endpoint https://***@host/v1/traces?api-key=*** flag --set traces.endpoint",
        "dispatcher.timeout 30s default",
    ] {
        let found = table
            .lines()
            .any(|line| line.split_whitespace().eq(row.split(' ')));
        assert!(found, "{row}\nnot in\n{table}");
    }

    let output = posthaste(&["config", "--output", "json", "--set", traces], &environment);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("token@") && !text.contains("hunter2"), "{text}");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == "log.format")
        .unwrap();
    assert_eq!((&row["value"], &row["layer"]), (&"json".into(), &"file".into()));
}

#[test]
fn mistakes_end_it_with_code_2_and_all_of_them() {
    let output = posthaste(&["config", "--role", "both", "--set", "nonsense=1"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("2 problems") && error.contains("--role") && error.contains("nonsense"),
        "{error}"
    );
}

#[test]
fn it_knows_its_version() {
    let output = posthaste(&["version"], &[]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        concat!("posthaste ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn the_page_about_the_configuration_is_what_the_program_says() {
    let output = posthaste(&["config", "--markdown"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, written) = page.split_at(page.find("## the node").unwrap_or(page.len()));
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for it")]
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        std::fs::write(path, format!("{before}{said}")).unwrap();
    } else {
        assert_eq!(
            written, said,
            "write it anew: UPDATE=1 cargo test --test config_command"
        );
    }
}
