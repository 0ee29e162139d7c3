//! Users. An admin whose own reach is narrower than everything makes, sees and touches only users that reach no further. What one does to
//! oneself (password, signing out everywhere) needs no scope.

use proto::{NewUser, Page, PasswordChange, Role, Scope, User, UserUpdate};
use queue::rights::Reach;
use uuid::Uuid;

use super::Acting;
use crate::{
    auth::{self, Peer},
    caller::Caller,
    page::Paging,
    problem::{Kind, Refusal},
    time,
};

impl Acting {
    /// Makes a user.
    pub(crate) async fn make_user(&self, new: NewUser) -> Result<User, Refusal> {
        self.may(Scope::Admin)?;
        self.may_give(&new.queues)?;
        Ok(self.audited().make_user(new, time::now()).await?)
    }

    /// Lists users, oldest first.
    pub(crate) async fn list_users(&self, paging: Paging) -> Result<Page<User>, Refusal> {
        self.may(Scope::Admin)?;
        let (list, after) = paging.of::<Uuid>("users".to_owned(), &self.gateway)?;
        let users = self.queue().list_users(self.reach(), after, list.rows()).await?;
        Ok(list.page(users, |last| last.id))
    }

    /// Reads a user.
    pub(crate) async fn read_user(&self, id: Uuid) -> Result<User, Refusal> {
        self.may(Scope::Admin)?;
        let user = self.queue().read_user(id).await?;
        if self.reach().contains(&Reach::of(user.queues.clone())) {
            Ok(user)
        } else {
            Err(queue::users::no_user(id).into())
        }
    }

    /// Changes a user. Nobody takes away from themselves what they could not give back.
    pub(crate) async fn update_user(&self, id: Uuid, update: UserUpdate) -> Result<User, Refusal> {
        self.read_user(id).await?;
        self.may_give(update.queues.as_deref().unwrap_or_default())?;
        let demoted = update.role.is_some_and(|role| role != Role::Admin);
        if demoted || update.disabled == Some(true) || update.queues.is_some() {
            self.is_another(id)?;
        }
        Ok(self.audited().update_user(id, update, time::now()).await?)
    }

    /// Deletes a user for good.
    pub(crate) async fn delete_user(&self, id: Uuid) -> Result<(), Refusal> {
        self.read_user(id).await?;
        self.is_another(id)?;
        Ok(self.audited().delete_user(id, time::now()).await?)
    }

    /// Ends all sessions of a user.
    pub(crate) async fn sign_user_out(&self, id: Uuid) -> Result<(), Refusal> {
        self.read_user(id).await?;
        Ok(self.audited().sign_user_out(id, time::now()).await?)
    }

    /// Ends all sessions of whoever asks, this one included.
    pub(crate) async fn sign_out_everywhere(&self) -> Result<(), Refusal> {
        let user = self.user()?;
        Ok(self.audited().sign_user_out(user.id, time::now()).await?)
    }

    /// Gives whoever asks a new password, and ends all their sessions; the user as they are then.
    pub(crate) async fn change_password(
        &self,
        change: PasswordChange,
        peer: Peer,
    ) -> Result<std::sync::Arc<queue::users::UserEntry>, Refusal> {
        let user = self.user()?;
        let proven = auth::proven(&self.gateway, &user.name, change.current, peer).await?;
        if proven.is_none() {
            let detail = "this is not the password that holds now";
            return Err(Refusal::invalid("current", detail));
        }
        self.audited()
            .change_password(user.id, &user.name, change.new.clone(), time::now())
            .await?;
        let again = self.queue().check_password(&user.name, change.new).await?;
        again.ok_or_else(|| Refusal::new(Kind::Conflict, "The password was changed again just now."))
    }

    /// Who asks, if it is a user.
    fn user(&self) -> Result<&queue::users::UserEntry, Refusal> {
        match &self.caller {
            Caller::User(user, _) => Ok(user),
            _ => Err(Refusal::new(
                Kind::Forbidden,
                "This is for who signed in by a name and a password: you came by a key or a token.",
            )),
        }
    }

    /// Refuses what one would do to oneself and could not undo.
    fn is_another(&self, id: Uuid) -> Result<(), Refusal> {
        match &self.caller {
            Caller::User(user, _) if user.id == id => Err(Refusal::new(
                Kind::Conflict,
                "This is you: another admin must do it, or somebody with an admin key.",
            )),
            _ => Ok(()),
        }
    }
}
