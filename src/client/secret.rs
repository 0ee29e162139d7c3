//! `posthaste endpoint secret`

use anyhow::Result;
use clap::{Args, Subcommand};
use posthaste_client::proto::{NewSecret, RevealedSecret, Span};
use uuid::Uuid;

use super::{Session, endpoint::Which, prompt};

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
    /// Show a secret
    Reveal {
        #[command(flatten)]
        which: Which,
        /// The secret's id
        secret: Uuid,
    },
}

/// The new secret.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// How long the older ones go on signing: up to 30d; 0s ends them at once [default: 24h]
    #[arg(long, value_name = "DURATION")]
    overlap: Option<Span>,

    /// Read the secret (whsec_…) from standard input in place of having one made
    #[arg(long)]
    secret_stdin: bool,
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
                overlap: new.overlap,
            };
            session.revealed(&session.client.rotate_secret(which.id, &new).await?)
        }
        SecretVerb::Reveal { which, secret } => {
            session.revealed(&session.client.reveal_secret(which.id, secret).await?)
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
            ("made", times.exact(secret.created_at)),
            ("ends", ends),
        ];
        self.screen.thing(secret, &fields)
    }
}
