//! Who is signed in.

use std::cell::RefCell;

use leptos::{prelude::*, task::spawn_local};
use proto::{NewSession, PasswordChange, Scope, Session};

use super::{api, api::Failure};

/// Where sessions begin and end.
pub(crate) const PATH: &str = "/v1/session";

/// What is known of the session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// Not asked yet.
    Unknown,
    /// Nobody is signed in.
    Out,
    /// Somebody is.
    In(Session),
}

impl State {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Out => "out",
            Self::In(_) => "in",
        }
    }
}

thread_local! {
    static STATE: RefCell<Option<RwSignal<State>>> = const { RefCell::new(None) };
}

/// Asks who is signed in; the signal tells from now on.
pub(crate) fn begin() -> RwSignal<State> {
    let state = RwSignal::new(State::Unknown);
    STATE.set(Some(state));
    spawn_local(async move {
        match api::get::<Session>(PATH).await {
            Ok(session) => begun(session),
            Err(_) => state.set(State::Out),
        }
    });
    state
}

fn begun(session: Session) {
    api::use_csrf(session.csrf.as_deref());
    set(State::In(session));
}

fn set(state: State) {
    if let Some(signal) = STATE.with_borrow(|signal| *signal) {
        signal.set(state);
    }
}

/// Signs in.
pub(crate) async fn sign_in(with: NewSession) -> Result<(), Failure> {
    let session = api::send(gloo_net::http::Method::POST, PATH, &with).await?;
    begun(session);
    Ok(())
}

/// Changes one's own password; the session goes on.
pub(crate) async fn change_password(change: PasswordChange) -> Result<(), Failure> {
    let path = format!("{PATH}/password");
    let session = api::send(gloo_net::http::Method::POST, &path, &change).await?;
    begun(session);
    Ok(())
}

/// Ends all one's own sessions.
pub(crate) async fn sign_out_everywhere() -> Result<(), Failure> {
    api::act_quietly(&format!("{PATH}/sign-out")).await?;
    ended();
    Ok(())
}

/// Signs out.
pub(crate) fn sign_out() {
    spawn_local(async {
        let _ = api::delete(PATH).await;
        ended();
    });
}

/// The server knows of no session any more.
pub(crate) fn ended() {
    api::use_csrf(None);
    set(State::Out);
}

/// Who is signed in.
pub(crate) fn current() -> Option<Session> {
    let signal = STATE.with_borrow(|signal| *signal)?;
    match signal.get() {
        State::In(session) => Some(session),
        _ => None,
    }
}

/// Whether they may do that: what is not allowed is not offered. The server asks again.
pub(crate) fn may(scope: Scope) -> bool {
    current().is_some_and(|session| session.may(scope))
}
