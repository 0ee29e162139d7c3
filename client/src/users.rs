//! Users, who sign in to the console. All of this is for keys with the scope `admin`.

use http::Method;
use proto::{NewUser, User, UserUpdate};
use uuid::Uuid;

use crate::{Client, List, Result};

impl Client {
    /// Makes a user.
    pub async fn make_user(&self, new: &NewUser) -> Result<User> {
        self.call(Method::POST, &["users"]).json(new).answer().await
    }

    /// All users.
    pub fn users(&self) -> List<User> {
        List::new(self, &["users"])
    }

    /// Reads a user.
    pub async fn user(&self, id: Uuid) -> Result<User> {
        self.call(Method::GET, &["users", &id.to_string()]).answer().await
    }

    /// Changes a user. It holds on every node within a second.
    pub async fn update_user(&self, id: Uuid, update: &UserUpdate) -> Result<User> {
        self.call(Method::PATCH, &["users", &id.to_string()])
            .json(update)
            .answer()
            .await
    }

    /// Ends all sessions of a user, on every node within a second.
    pub async fn sign_user_out(&self, id: Uuid) -> Result<()> {
        self.call(Method::POST, &["users", &id.to_string(), "sign-out"])
            .deleted()
            .await
    }

    /// Deletes a user for good.
    pub async fn delete_user(&self, id: Uuid) -> Result<()> {
        self.call(Method::DELETE, &["users", &id.to_string()])
            .deleted()
            .await
    }
}
