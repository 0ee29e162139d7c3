//! Whose turn the processor is: tests run beside one another, and one that measures a speed would measure its neighbours.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURNS: RwLock<()> = RwLock::const_new(());

/// For a test that keeps the machine busy: it shares it with any but one that measures. Held until its end.
pub(crate) async fn busy() -> RwLockReadGuard<'static, ()> {
    TURNS.read().await
}

/// For a test that measures a speed: none that keeps the machine busy runs beside it. Held until its end.
pub(crate) async fn measuring() -> RwLockWriteGuard<'static, ()> {
    TURNS.write().await
}
