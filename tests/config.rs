//! The layers of the configuration, its problems, and how it is shown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use posthaste::config::settings::{
    DATA_DIR, DATABASE_URL, DISPATCHER_MAX_IN_FLIGHT, DISPATCHER_TIMEOUT, EGRESS_ALLOW, EMBEDDED_DOWNLOAD,
    GATEWAY_LISTEN, GATEWAY_PAYLOAD_MAX, GRPC_LISTEN, LOG_FORMAT, NOTIFY_DEAD_LETTERS_SHARE, ROLE,
    SECRETS_KEY,
};
use posthaste::config::{self, Effective, Flags, LogFormat, Problems, Role, Source, Surroundings};

/// One try: a file, an environment and flags.
#[derive(Default)]
struct Try<'a> {
    file: &'a str,
    environment: &'a [(&'a str, &'a str)],
    set: &'a [&'a str],
    named: &'a [(&'static str, &'static str, &'a str)],
    root: bool,
}

impl Try<'_> {
    fn load(&self) -> Result<Effective, Problems> {
        let folder = tempfile::tempdir().unwrap();
        if !self.file.is_empty() {
            fs::write(folder.path().join("posthaste.toml"), self.file).unwrap();
        }
        self.load_in(folder.path(), None)
    }

    fn load_in(&self, folder: &Path, file: Option<&Path>) -> Result<Effective, Problems> {
        let environment: BTreeMap<String, String> = self
            .environment
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let flags = Flags {
            file: file.map(Path::to_owned),
            set: self.set.iter().map(|text| (*text).to_owned()).collect(),
            named: self
                .named
                .iter()
                .map(|(flag, key, text)| (*flag, *key, (*text).to_owned()))
                .collect(),
        };
        config::load(
            &flags,
            &Surroundings {
                environment: &environment,
                root: self.root,
                folder,
            },
        )
    }

    /// Each problem as it is printed.
    fn problems(&self) -> Vec<String> {
        let problems = self.load().expect_err("there are problems");
        problems
            .0
            .iter()
            .map(|problem| format!("{}: {}", problem.source, problem.message))
            .collect()
    }
}

#[test]
fn later_layers_win_and_every_value_knows_its_source() {
    let file = "[dispatcher]\n\ntimeout = \"11s\"\n";
    let environment = [("POSTHASTE_DISPATCHER_TIMEOUT", "12s")];
    let set = ["dispatcher.timeout=13s"];
    let named = [("--timeout", "dispatcher.timeout", "14s")];
    for (attempt, seconds, source) in [
        (Try::default(), 30, Source::Default),
        (
            Try {
                file,
                ..Try::default()
            },
            11,
            Source::File("posthaste.toml".into(), 3),
        ),
        (
            Try {
                file,
                environment: &environment,
                ..Try::default()
            },
            12,
            Source::Environment("POSTHASTE_DISPATCHER_TIMEOUT".into()),
        ),
        (
            Try {
                file,
                environment: &environment,
                set: &set,
                ..Try::default()
            },
            13,
            Source::Flag("--set dispatcher.timeout".into()),
        ),
        (
            Try {
                file,
                environment: &environment,
                set: &set,
                named: &named,
                ..Try::default()
            },
            14,
            Source::Flag("--timeout".into()),
        ),
    ] {
        let effective = attempt.load().unwrap();
        assert_eq!(effective.get(&DISPATCHER_TIMEOUT), Duration::from_secs(seconds));
        assert_eq!(effective.source(&DISPATCHER_TIMEOUT), &source);
    }
}

#[test]
fn the_file_holds_every_kind_of_value() {
    let file = r#"
        role = "gateway"
        data_dir = "/srv/posthaste"
        log.format = "json"
        gateway = { listen = "[::1]:9999", payload_max = 65536 }
        embedded.download = false
        notify.dead_letters_share = 0.25
        [database]
        url = "postgres://u:p@db/posthaste"
        [dispatcher]
        max_in_flight = 0x100
        [egress]
        allow = ["10.0.0.0/8", "fd00::/8"]
    "#;
    let effective = Try {
        file,
        ..Try::default()
    }
    .load()
    .unwrap();
    assert_eq!(effective.get(&ROLE), Role::Gateway);
    assert_eq!(effective.get(&DATA_DIR), Path::new("/srv/posthaste"));
    assert_eq!(effective.get(&LOG_FORMAT), LogFormat::Json);
    assert_eq!(effective.get(&GATEWAY_LISTEN), "[::1]:9999".parse().unwrap());
    assert_eq!(effective.get(&GATEWAY_PAYLOAD_MAX), 65_536);
    assert!(!effective.get(&EMBEDDED_DOWNLOAD));
    assert_eq!(
        effective.get(&DATABASE_URL).unwrap().as_str(),
        "postgres://u:p@db/posthaste"
    );
    assert_eq!(effective.get(&DISPATCHER_MAX_IN_FLIGHT), 256);
    assert_eq!(effective.get(&NOTIFY_DEAD_LETTERS_SHARE), Some(0.25));
    assert_eq!(effective.get(&EGRESS_ALLOW).len(), 2);
}

#[test]
fn all_problems_at_once_with_place_and_remedy() {
    let problems = Try {
        file: "[dispatcher]\ntimeout = true\nmax_in_flight = \"many\"\n[gatewya]\nlisten = 1\n[log]\nformat = \"xml\"",
        environment: &[("POSTHASTE_GATEWAY_LISTE", "127.0.0.1:1"), ("POSTHASTE_GATEWAY_LISTEN", "localhost")],
        set: &["timeout=5s", "nonsense", "gateway.payload_max=1GiB", "log.level=info,dispatcher=loud"],
        ..Try::default()
    }
    .problems();
    let expected = [
        (
            "posthaste.toml:2",
            "dispatcher.timeout: \"true\" is not a duration; allowed: 100ms to 15m",
        ),
        (
            "posthaste.toml:3",
            "dispatcher.max_in_flight: \"many\" is not a whole number",
        ),
        ("posthaste.toml:4", "there is no setting \"gatewya\""),
        (
            "posthaste.toml:7",
            "log.format: \"xml\" is not one of the words; allowed: text, json",
        ),
        (
            "environment POSTHASTE_GATEWAY_LISTE",
            "did you mean POSTHASTE_GATEWAY_LISTEN?",
        ),
        (
            "environment POSTHASTE_GATEWAY_LISTEN",
            "gateway.listen: \"localhost\" is not an address with a port",
        ),
        (
            "flag --set timeout",
            "there is no setting \"timeout\"; did you mean dispatcher.timeout?",
        ),
        ("flag --set nonsense", "is not key=value"),
        (
            "flag --set gateway.payload_max",
            "\"1GiB\" is too large; allowed: 1KiB to 64MiB",
        ),
        (
            "flag --set log.level",
            "log.level: \"info,dispatcher=loud\" has \"loud\" in it, which is not a level; allowed: off, error",
        ),
    ];
    for (place, part) in expected {
        let found = problems
            .iter()
            .any(|line| line.starts_with(&format!("{place}: ")) && line.contains(part));
        assert!(found, "{place}: {part}\nnot in\n{}", problems.join("\n"));
    }
    assert_eq!(problems.len(), expected.len(), "{}", problems.join("\n"));
}

#[test]
fn a_broken_or_misshapen_file() {
    for (file, expected) in [
        ("role = \n", "posthaste.toml:1: not TOML"),
        (
            "role = 1.5",
            "posthaste.toml:1: role: \"1.5\" is not one of the words; allowed: all, gateway, dispatcher",
        ),
        (
            "\n[role]\nx = 1",
            "posthaste.toml:2: role is a table; allowed: all, gateway, dispatcher",
        ),
        (
            "dispatcher = 1",
            "posthaste.toml:1: there is no setting \"dispatcher\"",
        ),
        (
            "[gateway]\nlisten = [[1]]",
            "posthaste.toml:2: gateway.listen: \"1\" is not an address with a port",
        ),
    ] {
        let problems = Try {
            file,
            ..Try::default()
        }
        .problems();
        assert!(
            problems.len() == 1 && problems[0].starts_with(expected),
            "{expected}\nnot in\n{problems:?}"
        );
    }
}

#[test]
fn values_that_do_not_go_together() {
    for (set, expected) in [
        (
            "dispatcher.connect_timeout=60s",
            "dispatcher.connect_timeout (60s) is more than dispatcher.timeout (30s)",
        ),
        (
            "dispatcher.timeout=2s",
            "dispatcher.connect_timeout (5s) is more than dispatcher.timeout (2s)",
        ),
        ("dispatcher.lease_renew=6s", "half of it at most"),
        ("dispatcher.lease_ttl=6s", "half of it at most"),
        (
            "dispatcher.max_in_flight=10",
            "one endpoint cannot have more than all",
        ),
        (
            "gateway.batch_max_bytes=64KiB",
            "a batch must have room for one task",
        ),
        (
            "gateway.waiting_max_bytes=1MiB",
            "a full batch could never be taken",
        ),
        ("role=gateway", "set database.url"),
        ("database.listen_url=postgres://h/d", "set both or neither"),
        (
            "tls.certificate=a.crt",
            "tls.certificate and tls.key belong together",
        ),
        ("tls.key=a.key", "tls.certificate and tls.key belong together"),
    ] {
        let problems = Try {
            set: &[set],
            ..Try::default()
        }
        .problems();
        let place = format!("flag --set {}: ", set.split_once('=').unwrap().0);
        assert!(
            problems.len() == 1 && problems[0].starts_with(&place),
            "{problems:?}"
        );
        assert!(problems[0].contains(expected), "{expected}\nnot in\n{problems:?}");
    }
}

#[test]
fn a_hidden_mistake_is_a_mistake() {
    let problems = Try {
        set: &["role=both", "role=all"],
        ..Try::default()
    }
    .problems();
    assert_eq!(
        problems,
        ["flag --set role: role: \"both\" is not one of the words; allowed: all, gateway, dispatcher"]
    );
}

#[test]
fn a_named_file_must_be_there_and_the_usual_one_need_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Try::default().load_in(folder.path(), None).is_ok());

    let missing = folder.path().join("missing.toml");
    let by_flag = Try::default().load_in(folder.path(), Some(&missing)).unwrap_err();
    assert!(
        by_flag.to_string().contains("missing.toml cannot be read"),
        "{by_flag}"
    );

    let path = missing.to_str().unwrap();
    let by_variable = Try {
        environment: &[("POSTHASTE_CONFIG", path)],
        ..Try::default()
    }
    .load_in(folder.path(), None);
    assert!(
        by_variable
            .unwrap_err()
            .to_string()
            .contains("missing.toml cannot be read")
    );

    fs::write(&missing, "role = \"all\"").unwrap();
    let effective = Try::default().load_in(folder.path(), Some(&missing)).unwrap();
    assert_eq!(effective.source(&ROLE), &Source::File("missing.toml".into(), 1));
}

#[test]
fn variables_of_clients_and_of_kubernetes_are_let_be() {
    let environment = [
        ("POSTHASTE_KEY", "ph_x"),
        ("POSTHASTE_SERVICE_HOST", "10.0.0.1"),
        ("POSTHASTE_PORT", "tcp://10.0.0.1:8080"),
        ("PATH", "/bin"),
        ("DATABASE_URL", ""),
    ];
    let effective = Try {
        environment: &environment,
        ..Try::default()
    }
    .load()
    .unwrap();
    assert_eq!(effective.get(&DATABASE_URL), None);
}

#[test]
fn our_name_of_the_database_wins_over_the_platform_s() {
    let both = [
        ("DATABASE_URL", "postgres://platform/d"),
        ("POSTHASTE_DATABASE_URL", "postgres://ours/d"),
    ];
    for (environment, host) in [(&both[..], "ours"), (&both[..1], "platform")] {
        let effective = Try {
            environment,
            ..Try::default()
        }
        .load()
        .unwrap();
        assert_eq!(effective.get(&DATABASE_URL).unwrap().host_str(), Some(host));
    }
}

#[test]
fn the_data_folder_follows_the_user() {
    for (root, environment, expected) in [
        (true, &[("HOME", "/root")][..], "/var/lib/posthaste"),
        (false, &[("HOME", "/home/u")], "/home/u/.local/share/posthaste"),
        (
            false,
            &[("HOME", "/home/u"), ("XDG_DATA_HOME", "/data")],
            "/data/posthaste",
        ),
        (
            false,
            &[("HOME", "/home/u"), ("XDG_DATA_HOME", "")],
            "/home/u/.local/share/posthaste",
        ),
        (false, &[], "./posthaste-data"),
        (true, &[("POSTHASTE_DATA_DIR", "/srv")], "/srv"),
    ] {
        let effective = Try {
            environment,
            root,
            ..Try::default()
        }
        .load()
        .unwrap();
        assert_eq!(effective.get(&DATA_DIR), Path::new(expected));
    }
}

#[test]
fn loopback_endpoints_are_for_trying_only() {
    let url = ("DATABASE_URL", "postgres://h/d");
    for (environment, set, ranges) in [
        (&[][..], &[][..], 2),
        (&[url], &[], 0),
        (&[], &["gateway.listen=0.0.0.0:8080"], 0),
        (&[], &["grpc.listen=0.0.0.0:50051"], 0),
        (&[], &["gateway.listen=0.0.0.0:8080", "grpc.listen="], 0),
        (&[], &["egress.allow="], 0),
        (&[url], &["egress.allow=10.0.0.0/8"], 1),
    ] {
        let effective = Try {
            environment,
            set,
            ..Try::default()
        }
        .load()
        .unwrap();
        assert_eq!(
            effective.get(&EGRESS_ALLOW).len(),
            ranges,
            "{environment:?} {set:?}"
        );
    }
}

#[test]
fn grpc_listens_where_rest_does_unless_it_is_said() {
    for (set, expected) in [
        (&[][..], Some("127.0.0.1:50051")),
        (&["gateway.listen=0.0.0.0:80"], Some("0.0.0.0:50051")),
        (&["gateway.listen=[::1]:0"], Some("[::1]:0")),
        (&["grpc.listen=127.0.0.1:7"], Some("127.0.0.1:7")),
        (&["grpc.listen="], None),
    ] {
        let effective = Try {
            set,
            ..Try::default()
        }
        .load()
        .unwrap();
        let listen = effective.get(&GRPC_LISTEN).map(|address| address.to_string());
        assert_eq!(listen.as_deref(), expected, "{set:?}");
    }
}

#[test]
fn secrets_are_never_shown() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let set = [
        &format!("secrets.key={key}"),
        "database.url=postgres://u:hunter2@h/d?application_name=x",
    ];
    let effective = Try {
        set: &set,
        ..Try::default()
    }
    .load()
    .unwrap();
    assert_eq!(effective.get(&SECRETS_KEY).unwrap().expose()[31], 31);
    let table = config::table(&effective);
    let json = config::json(&effective).to_string();
    for shown in [&table, &json, &format!("{effective:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains(key), "{shown}");
        assert!(
            shown.contains("postgres://u:***@h/d?application_name=x"),
            "{shown}"
        );
    }
    assert!(table.lines().any(|line| line.split_whitespace().eq([
        "secrets.key",
        "***",
        "flag",
        "--set",
        "secrets.key"
    ])));

    let wrong = [
        "secrets.key=hunter2",
        "database.url=pstgres://u:hunter2@h/d",
        "database.listen_url=u:hunter2@h",
    ];
    for line in (Try {
        set: &wrong,
        ..Try::default()
    })
    .problems()
    {
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn the_table_cannot_write_to_the_terminal() {
    let effective = Try {
        set: &["data_dir=/x\u{1b}[2J"],
        ..Try::default()
    }
    .load()
    .unwrap();
    let table = config::table(&effective);
    assert!(
        table.contains("/x\\u{1b}[2J") && !table.contains('\u{1b}'),
        "{table}"
    );
}

#[test]
fn every_setting_is_described() {
    let text = config::describe();
    for setting in config::settings::ALL {
        assert!(text.contains(&format!("{}\n    ", setting.key())));
        assert!(text.contains(&format!(
            "Variable: {}",
            config::settings::variable(setting.key())
        )));
    }
    assert!(
        text.lines()
            .all(|line| line.chars().count() <= 110 && !line.ends_with(' '))
    );
}
