//! `posthaste endpoint secret`, and `posthaste endpoint verify`

use std::{
    io::{self, Read},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Args, Subcommand};
use posthaste_client::proto::{NewSecret, RevealedSecret, SignedRequest, SigningScheme, Span};
use serde::{Deserialize, de::IntoDeserializer};
use uuid::Uuid;

use super::{
    Session,
    args::{SureArgs, header, headers},
    endpoint::Which,
    prompt::{self, confirm},
    rows,
    screen::note,
};

#[derive(Debug, Subcommand)]
pub(super) enum SecretVerb {
    /// List those that are valid, without their values
    List(#[command(flatten)] Which),
    /// Add a secret and show it; the older ones go on signing beside it for a while
    Rotate {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        new: RotateArgs,
    },
    /// Show a secret; that it was shown is written down
    Reveal {
        #[command(flatten)]
        which: Which,
        /// The secret's id
        secret: Uuid,
    },
    /// Delete a secret; it signs nothing from now on
    Delete {
        #[command(flatten)]
        which: Which,
        /// The secret's id
        secret: Uuid,
        #[command(flatten)]
        sure: SureArgs,
    },
}

/// A request as a receiver has it.
#[derive(Debug, Args)]
pub(super) struct RequestArgs {
    /// A header of the request; again for another
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, required = true)]
    header: Vec<(String, String)>,

    /// File with its body; - for standard input [default: the payload of the task that webhook-id names]
    #[arg(long, value_name = "FILE", conflicts_with = "secret_stdin")]
    body: Option<PathBuf>,

    /// Read what the receiver verifies with (whsec_…, whpk_…) from standard input, to compare it with the endpoint's
    #[arg(long)]
    secret_stdin: bool,
}

impl RequestArgs {
    fn read(self) -> Result<SignedRequest> {
        let body = match self.body {
            None => None,
            Some(path) if path.as_os_str() == "-" => {
                let mut bytes = vec![];
                io::stdin()
                    .read_to_end(&mut bytes)
                    .context("cannot read standard input")?;
                Some(bytes)
            }
            Some(path) => {
                Some(std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?)
            }
        };
        Ok(SignedRequest {
            headers: headers(self.header)?,
            body: None,
            body_base64: body.map(|bytes| STANDARD.encode(bytes)),
            secret: self.secret_stdin.then(|| prompt::secret("secret")).transpose()?,
        })
    }
}

/// Explains the signature of a request; fails unless a receiver should accept it.
pub(super) async fn verify(which: Which, request: RequestArgs, session: &Session) -> Result<()> {
    let told = session
        .client
        .verify_signature(which.id, &request.read()?)
        .await?;
    let findings = told
        .findings
        .iter()
        .map(|finding| format!("{}: {}\n", finding.code, finding.detail));
    let fields = [
        ("valid", told.valid.to_string()),
        ("explanation", told.explanation.clone()),
        ("secret", told.secret.map(|id| id.to_string()).unwrap_or_default()),
        ("scheme", told.scheme.map(rows::word).unwrap_or_default()),
        ("findings", findings.collect()),
    ];
    session.screen.thing(&told, &fields)?;
    if told.valid {
        Ok(())
    } else {
        bail!("the signature is not good")
    }
}

/// The new secret.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// How long the older ones go on signing: up to 30d; 0s ends them at once [default: 24h]
    #[arg(long, value_name = "DURATION")]
    overlap: Option<Span>,

    /// Which secret is made: v1 (HMAC) or v1a (ed25519); the older ones of the other scheme go on [default: v1]
    #[arg(long, value_parser = scheme)]
    scheme: Option<SigningScheme>,

    /// Read the secret (whsec_… or whsk_…) from standard input in place of having one made
    #[arg(long)]
    secret_stdin: bool,
}

/// `v1` or `v1a`
pub(super) fn scheme(word: &str) -> Result<SigningScheme, String> {
    let read: Result<_, serde::de::value::Error> = SigningScheme::deserialize(word.into_deserializer());
    read.map_err(|_| "one of v1, v1a".to_owned())
}

/// Does what it is told.
pub(super) async fn run(verb: SecretVerb, session: &Session) -> Result<()> {
    match verb {
        SecretVerb::List(Which { id }) => session.screen.page(&session.client.secrets(id).await?),
        SecretVerb::Rotate { which, new } => {
            let new = NewSecret {
                secret: new
                    .secret_stdin
                    .then(|| prompt::secret("signing secret"))
                    .transpose()?,
                scheme: new.scheme,
                overlap: new.overlap,
            };
            session.revealed(&session.client.rotate_secret(which.id, &new).await?)
        }
        SecretVerb::Reveal { which, secret } => {
            session.revealed(&session.client.reveal_secret(which.id, secret).await?)
        }
        SecretVerb::Delete { which, secret, sure } => {
            confirm(
                &format!("Delete the secret {secret}? It signs nothing from now on."),
                sure.yes,
            )?;
            session.client.delete_secret(which.id, secret).await?;
            note(&format!("The secret {secret} is deleted."));
            Ok(())
        }
    }
}

impl Session {
    fn revealed(&self, secret: &RevealedSecret) -> Result<()> {
        let times = self.screen.times;
        let ends = secret
            .expires_at
            .map_or_else(|| "never".to_owned(), |at| times.exact(at));
        let fields = [
            ("id", secret.id.to_string()),
            ("secret", secret.secret.clone()),
            ("scheme", rows::word(secret.scheme)),
            ("public key", secret.public_key.clone().unwrap_or_default()),
            ("made", times.exact(secret.created_at)),
            ("ends", ends),
        ];
        self.screen.thing(secret, &fields)
    }
}
