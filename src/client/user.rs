//! `posthaste user`

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use futures_util::TryStreamExt;
use posthaste_client::proto::{NewUser, Role, User, UserUpdate};
use uuid::Uuid;

use super::{
    Session, Usage,
    args::{ListArgs, ServerArgs, SureArgs},
    profiles::Environment,
    prompt::{confirm, secret},
    screen::note,
    table::{Column, Row},
    times::Times,
};

const ROLES_HELP: &str = "\
Roles:
  viewer    sees everything but secrets, keys and users
  operator  that, and puts tasks in, manages queues and endpoints, and replays
  admin     everything, keys and users included";

/// What `posthaste user` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste user add ada --role operator --queue 'shop-*'     # asks for the password
  posthaste user role ada viewer
  posthaste user sign-out ada

All of this needs a key with the scope admin. A password is asked for, or read from standard input; it is never an argument.")]
pub struct UserArgs {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a user, who signs in to the console by name and password
    #[command(after_help = ROLES_HELP)]
    #[command(visible_alias = "create")]
    Add {
        /// What they sign in with: a-z 0-9 . _ @ + -
        name: String,
        /// What they may do (listed below)
        #[arg(long, value_enum, default_value_t = RoleWord::Viewer)]
        role: RoleWord,
        /// Which queues they see and touch, such as 'shop-*'; again for another [default: all]
        #[arg(long, value_name = "GLOB")]
        queue: Vec<String>,
    },
    /// List users
    List(#[command(flatten)] ListArgs),
    /// Read a user
    #[command(visible_alias = "get")]
    Read(#[command(flatten)] Who),
    /// Give a user a new password; their sessions end
    Passwd(#[command(flatten)] Who),
    /// Change what a user may; a role that may less ends their sessions
    #[command(after_help = ROLES_HELP)]
    Role {
        #[command(flatten)]
        who: Who,
        /// What they may do from now on (listed below)
        role: RoleWord,
        /// Which queues they see and touch from now on, such as 'shop-*'; again for another [default: as before]
        #[arg(long, value_name = "GLOB")]
        queue: Vec<String>,
    },
    /// Keep a user from signing in, and end their sessions
    Disable(#[command(flatten)] Who),
    /// Let a user sign in again
    Enable(#[command(flatten)] Who),
    /// End all sessions of a user, on every node within a second
    SignOut(#[command(flatten)] Who),
    /// Delete a user for good
    Delete {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        sure: SureArgs,
    },
}

/// Which user.
#[derive(Debug, Clone, Args)]
struct Who {
    /// The user's name, or id
    #[arg(value_name = "USER")]
    user: String,
}

/// A role, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleWord {
    Viewer,
    Operator,
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Operator => Self::Operator,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// Does what it is told.
pub(super) async fn run(args: UserArgs, environment: &Environment) -> Result<()> {
    let session = Session::open(&args.server, environment)?;
    let client = &session.client;
    let change = |user: User, update: UserUpdate| async move { client.update_user(user.id, &update).await };
    match args.verb {
        Verb::Add { name, role, queue } => {
            let new = NewUser {
                name,
                password: secret("password")?,
                role: role.into(),
                queues: if queue.is_empty() {
                    vec!["*".to_owned()]
                } else {
                    queue
                },
            };
            session.user(&client.make_user(&new).await?)
        }
        Verb::List(list) => session.list(client.users(), &list).await,
        Verb::Read(who) => session.user(&session.found(&who).await?),
        Verb::Passwd(who) => {
            let user = session.found(&who).await?;
            let update = UserUpdate {
                password: Some(secret("password")?),
                ..UserUpdate::default()
            };
            let user = change(user, update).await?;
            note(&format!(
                "`{}` has a new password, and is signed out everywhere.",
                user.name
            ));
            Ok(())
        }
        Verb::Role { who, role, queue } => {
            let update = UserUpdate {
                role: Some(role.into()),
                queues: (!queue.is_empty()).then_some(queue),
                ..UserUpdate::default()
            };
            session.user(&change(session.found(&who).await?, update).await?)
        }
        Verb::Disable(who) => session.user(&change(session.found(&who).await?, disabled(true)).await?),
        Verb::Enable(who) => session.user(&change(session.found(&who).await?, disabled(false)).await?),
        Verb::SignOut(who) => {
            let user = session.found(&who).await?;
            client.sign_user_out(user.id).await?;
            note(&format!("`{}` is signed out everywhere.", user.name));
            Ok(())
        }
        Verb::Delete { who, sure } => {
            let user = session.found(&who).await?;
            confirm(&format!("Delete the user `{}`?", user.name), sure.yes)?;
            client.delete_user(user.id).await?;
            note(&format!("The user `{}` is deleted.", user.name));
            Ok(())
        }
    }
}

fn disabled(disabled: bool) -> UserUpdate {
    UserUpdate {
        disabled: Some(disabled),
        ..UserUpdate::default()
    }
}

impl Session {
    /// The user of this name or id.
    async fn found(&self, who: &Who) -> Result<User> {
        if let Ok(id) = who.user.parse::<Uuid>() {
            return Ok(self.client.user(id).await?);
        }
        let mut users = std::pin::pin!(self.client.users().items());
        while let Some(user) = users.try_next().await? {
            if user.name.eq_ignore_ascii_case(&who.user) {
                return Ok(user);
            }
        }
        Err(Usage(format!("there is no user `{}` that your key may touch", who.user)).into())
    }

    fn user(&self, user: &User) -> Result<()> {
        let times = self.screen.times;
        let fields = [
            ("id", user.id.to_string()),
            ("name", user.name.clone()),
            ("state", state(user).to_owned()),
            ("role", user.role.word().to_owned()),
            ("queues", user.queues.join(" ")),
            ("made", times.exact(user.created_at)),
            (
                "signed in",
                user.signed_in_at
                    .map_or_else(|| "never".to_owned(), |at| times.exact(at)),
            ),
        ];
        self.screen.thing(user, &fields)
    }
}

fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "enabled" }
}

impl Row for User {
    const COLUMNS: &'static [Column] = &[
        Column::whole("name"),
        Column::whole("role"),
        Column::whole("state"),
        Column::text("queues"),
        Column::whole("signed in"),
        Column::whole("id"),
    ];

    fn cells(&self, times: Times) -> Vec<String> {
        vec![
            self.name.clone(),
            self.role.word().to_owned(),
            state(self).to_owned(),
            self.queues.join(" "),
            self.signed_in_at
                .map_or_else(|| "never".to_owned(), |at| times.distance(at)),
            self.id.to_string(),
        ]
    }
}
