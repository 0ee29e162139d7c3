//! Verification by the `standardwebhooks` library, the one a customer would use.

use anyhow::{Context, Result};
use http::HeaderMap;
use standardwebhooks::{Webhook, WebhookError};

/// The secrets that a signature may be of.
pub(super) struct Verifier(Vec<Webhook>);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// The signature is of one of the secrets, and fresh.
    Good,
    /// It is not, for this reason.
    Bad(String),
    /// There is no secret to verify with.
    NoSecret,
    /// The body did not arrive.
    Unread,
}

impl Verifier {
    /// Fails on a secret that is none.
    pub(super) fn new(secrets: &[String]) -> Result<Self> {
        let webhook = |(index, secret): (usize, &String)| {
            // The secret itself stays out of the message.
            Webhook::new(secret).with_context(|| format!("secret {} is not whsec_ and base64", index + 1))
        };
        Ok(Self(
            secrets.iter().enumerate().map(webhook).collect::<Result<_>>()?,
        ))
    }

    /// What it will do, in a sentence.
    pub(super) fn describe(&self) -> String {
        match self.0.len() {
            0 => "Signatures are not verified: for that, start it with --secret whsec_…".to_owned(),
            1 => "Signatures are verified.".to_owned(),
            count => format!("Signatures are verified with {count} secrets."),
        }
    }

    /// Verifies one request against the clock of this machine, as the library does.
    pub(super) fn check(&self, headers: &HeaderMap, body: &[u8]) -> Check {
        let mut result = Check::NoSecret;
        for webhook in &self.0 {
            match webhook.verify(body, headers) {
                Ok(()) => return Check::Good,
                Err(WebhookError::InvalidPayload) => {
                    result = Check::Bad("the body is not UTF-8, which the library cannot verify".to_owned());
                }
                Err(error) => result = Check::Bad(error.to_string()),
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn signed(body: &[u8], seconds_ago: i64) -> HeaderMap {
        #[expect(
            clippy::disallowed_methods,
            reason = "an edge: the library compares with the clock"
        )]
        let timestamp = chrono::Utc::now().timestamp() - seconds_ago;
        let signature = Webhook::new(SECRET)
            .unwrap()
            .sign("msg_1", timestamp, body)
            .unwrap_or_default();
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        headers
    }

    #[test]
    fn checks() {
        let bad = |reason: &str| Check::Bad(reason.to_owned());
        for (secrets, body, ago, sent, expected) in [
            (&[SECRET][..], &b"{}"[..], 0, &b"{}"[..], Check::Good),
            (&[OTHER, SECRET], b"{}", 0, b"{}", Check::Good),
            (&[OTHER], b"{}", 0, b"{}", bad("signature invalid")),
            (&[SECRET], b"{}", 0, b"{ }", bad("signature invalid")),
            (&[SECRET], b"{}", 600, b"{}", bad("signature timestamp too old")),
            (
                &[SECRET],
                b"{}",
                0,
                b"\xff",
                bad("the body is not UTF-8, which the library cannot verify"),
            ),
            (&[], b"{}", 0, b"{}", Check::NoSecret),
        ] {
            let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
            assert_eq!(
                Verifier::new(&secrets).unwrap().check(&signed(body, ago), sent),
                expected
            );
        }
        let unsigned = Verifier::new(&[SECRET.to_owned()])
            .unwrap()
            .check(&HeaderMap::new(), b"{}");
        assert_eq!(unsigned, bad("missing header id"));
    }

    #[test]
    fn a_wrong_secret_is_told_and_not_shown() {
        let Err(error) = Verifier::new(&[SECRET.to_owned(), "whsec_hunter2!".to_owned()]) else {
            panic!()
        };
        let text = format!("{error:#}");
        assert!(text.contains("secret 2") && !text.contains("hunter2"), "{text}");
    }
}
