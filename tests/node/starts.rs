//! Starts that come to nothing: what they leave to the next one, and how they end.

use std::fs;

use proto::{Page, User};
use rustix::process::Signal;
use testing::Database;
use tokio::net::TcpListener;

use crate::harness::{
    Home,
    postgres::{plain, run},
};

/// A port that is taken, and does not answer who connects.
async fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port").to_string();
    (listener, address)
}

#[tokio::test]
async fn the_first_key_is_left_to_the_start_that_serves() {
    let home = Home::embedded();
    let (listener, address) = taken().await;
    let file = home.folder().join("posthaste.toml");
    let issuer = "[[auth.jwt]]\nissuer = \"https://login.example/\"\naudience = \"posthaste\"\nalgorithms = [\"HS256\"]\nsecret_file = \"none\"\n";
    let port = format!("gateway.listen={address}");
    let wrong: [(&str, &[&str], &str); 3] = [
        ("", &[port.as_str()], "cannot listen on"),
        (
            "",
            &["tls.certificate=none.crt", "tls.key=none.key"],
            "tls.certificate",
        ),
        (issuer, &[], "none cannot be read"),
    ];
    for (config, settings, words) in wrong {
        fs::write(&file, config).expect("a file");
        let mut process = home.begin("serve", settings);
        assert_eq!(process.ended().await.code(), Some(1), "{}", process.log());
        assert!(process.log().contains(words), "{words}: {}", process.log());
        assert_eq!(home.postgres("node"), None, "it leaves no PostgreSQL running");
    }
    drop(listener);
    fs::write(&file, "").expect("a file");
    // Where the secret of the example is kept: without it there is no example, and that is all.
    fs::create_dir(home.folder().join("node/example.secret")).expect("a folder");
    let node = home.start(&[]).await;
    let users: Page<User> = node.api().get("/v1/users").await;
    assert_eq!(users.items.len(), 1, "the first user is made with the key");
    assert!(node.log().contains("no example is printed"), "{}", node.log());
}

#[tokio::test]
async fn the_first_key_is_shown_although_the_first_user_cannot_be_made() {
    let database = Database::create().await;
    let home = Home::at(database.url());
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no users'; END $$; \
                  CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION refuse()";
    run("psql", &["--quiet", "--command", refuse, plain(database.url())]);
    let node = home.start(&[]).await;
    let users: Page<User> = node.api().get("/v1/users").await;
    assert!(users.items.is_empty(), "{users:?}");
    let log = node.log();
    assert!(log.contains("the first user could not be made"), "{log}");
}

/// A server is told to end, and ends. A migration is told to end, and has not done what others rely on.
#[tokio::test]
async fn a_signal_while_the_database_is_waited_for_ends_it() {
    let (_listener, address) = taken().await;
    let home = Home::at(&format!("postgres://nobody@{address}/none"));
    for (verb, signal, code) in [
        ("serve", Signal::TERM, 0),
        ("serve", Signal::INT, 0),
        ("migrate", Signal::TERM, 1),
    ] {
        let mut process = home.begin(verb, &[]);
        process.until_log("the database is not there yet").await;
        process.signal(signal);
        let status = process.ended().await;
        let log = process.log();
        assert_eq!(status.code(), Some(code), "{verb}: {log}");
        assert!(log.contains("stopped while waiting for the database"), "{log}");
        assert_eq!(log.contains("before it served"), verb == "serve", "{log}");
    }
}
