//! Who signs in by a name and a password.

use std::{sync::Arc, time::Instant};

use queue::users::UserEntry;

use super::{Peer, slow_down};
use crate::{
    problem::{Kind, Refusal},
    state::Gateway,
};

/// The user of this name, if this is their password, and they may sign in. A name that nobody has is refused like a wrong password, and after
/// the same work.
pub(crate) async fn by_password(
    gateway: &Gateway,
    name: &str,
    password: String,
    peer: Peer,
) -> Result<Arc<UserEntry>, Refusal> {
    if !gateway.queue().knows_user(name) && gateway.key_looks().take(Instant::now()) {
        // Another node may just have made them.
        gateway.queue().refresh_catalog().await?;
    }
    let wrong = || Refusal::new(Kind::Unauthorized, "The name or the password is wrong.");
    let user = proven(gateway, name, password, peer).await?.ok_or_else(wrong)?;
    if user.disabled {
        let detail = "This user is disabled: an admin can enable them again.";
        return Err(Refusal::new(Kind::Unauthorized, detail));
    }
    Ok(user)
}

/// The user of this name, if this is their password. A guess counts by the address and by the name before it is looked at, and no more once it
/// was right.
pub(crate) async fn proven(
    gateway: &Gateway,
    name: &str,
    password: String,
    peer: Peer,
) -> Result<Option<Arc<UserEntry>>, Refusal> {
    slow_down(gateway, peer)?;
    gateway.names().note(name, Instant::now()).map_err(|wait| {
        let detail = "Too many wrong passwords were tried for this name. An API key works all the while.";
        Refusal::new(Kind::TooMany, detail).retry_after(wait)
    })?;
    let found = gateway.queue().check_password(name, password).await?;
    if found.is_some() {
        gateway.guesses().forget(peer.0);
        gateway.names().forget(name);
    }
    Ok(found)
}
