//! Schemes, explanations, what requests show of who sends them, and the audit.

use posthaste_client::proto::{
    AuditEntry, Count, Endpoint, Page, RevealedSecret, SigningScheme, Verification,
};

use crate::{harness::Home, terminal::Terminal};

#[tokio::test]
async fn an_endpoint_signs_as_it_is_told_and_says_why_a_signature_is_not_good() {
    let home = Home::external().await;
    let (user, _node) = Terminal::and_node(&home).await;
    user.ok(&["queue", "make", "shop"]).await;
    user.file("auth.json", r#"{"bearer": "zebra"}"#);
    let url = "http://127.0.0.1:9/";
    let endpoint: Endpoint = user
        .json(&[
            "endpoint",
            "make",
            "shop",
            url,
            "--scheme",
            "v1a",
            "--auth",
            "auth.json",
        ])
        .await;
    assert!(endpoint.secret.unwrap().starts_with("whsk_"));
    let id = endpoint.id.to_string();
    let shown = user.ok(&["endpoint", "read", &id]).await;
    assert!(
        shown.contains("bearer=set") && !shown.contains("zebra"),
        "{shown}"
    );
    let wrong = user
        .pipe(r#"{"bearer": 7}"#, &["endpoint", "update", &id, "--auth", "-"])
        .await;
    assert!(wrong.fails(2).contains("--auth"));
    let without: Endpoint = user.json(&["endpoint", "update", &id, "--no-auth"]).await;
    assert!(without.auth.is_none());

    let added: RevealedSecret = user
        .json(&["endpoint", "secret", "rotate", &id, "--scheme", "v1"])
        .await;
    assert_eq!(added.scheme, SigningScheme::V1);
    let request = [
        "endpoint",
        "verify",
        &id,
        "--header",
        "webhook-id: msg_1",
        "--header",
        "webhook-timestamp: 1",
        "--header",
        "webhook-signature: v1=abc",
        "--body",
        "-",
        "--output",
        "json",
    ];
    let said = user.pipe("{}", &request).await;
    let told: Verification = serde_json::from_str(&said.out).unwrap();
    said.fails(1);
    let codes: Vec<_> = told
        .findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert_eq!(codes, ["timestamp_too_old", "signature_malformed"]);

    let secret = added.id.to_string();
    user.ok(&["endpoint", "secret", "delete", &id, &secret, "--yes"])
        .await;
    let rotated: Count = user.json(&["vault", "rotate"]).await;
    assert_eq!(rotated.count, 0);
    let audit: Page<AuditEntry> = user.json(&["audit", "--limit", "2"]).await;
    let actions: Vec<_> = audit.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["vault.rotated", "secret.deleted"]);
    assert!(user.ok(&["audit"]).await.contains("secret.made"));
}
