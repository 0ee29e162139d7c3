//! Connections to PostgreSQL on which every statement has a deadline.
//!
//! A server that goes away with its whole machine, or behind a switch that drops packets, closes no connection: who waits there for an
//! answer would wait for ever, and take a place in the pool with it. So a statement that takes longer than any healthy one is given up
//! as if the server could not be reached, and the connections of before are not used again.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use sqlx::{
    Describe, Either, Error, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};
use tokio::time::timeout;

/// A pool with that rule. Statements are executed on a reference to it, as on sqlx's own.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: PgPool,
    patience: Duration,
    /// When a statement was given up the last time.
    given_up: Arc<Mutex<Option<Instant>>>,
}

impl Pool {
    /// A pool that connects when it is used first. `patience` is the time of a statement, connecting not included.
    pub(crate) fn new(options: PgPoolOptions, server: PgConnectOptions, patience: Duration) -> Self {
        let given_up = Arc::<Mutex<Option<Instant>>>::default();
        let known = given_up.clone();
        let options = options.before_acquire(move |_, meta| {
            let made_after = known.lock().is_none_or(|at| meta.age < at.elapsed());
            async move { Ok(made_after) }.boxed()
        });
        Self {
            connections: options.connect_lazy_with(server),
            patience,
            given_up,
        }
    }

    /// The pool without the rule, for what takes its time: migrations.
    pub(crate) fn unhurried(&self) -> &PgPool {
        &self.connections
    }

    /// Begins a transaction. Its statements have no deadline of their own.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        self.connections.begin().await
    }

    /// How many connections there are: idle ones, and all.
    pub(crate) fn connections(&self) -> (usize, usize) {
        (
            self.connections.num_idle(),
            usize::try_from(self.connections.size()).unwrap_or(usize::MAX),
        )
    }

    /// Closes every connection, once its statement has ended.
    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    fn desk(&self) -> Desk {
        Desk {
            connections: self.connections.clone(),
            patience: self.patience,
            given_up: self.given_up.clone(),
        }
    }
}

/// What one statement needs of the pool.
struct Desk {
    connections: PgPool,
    patience: Duration,
    given_up: Arc<Mutex<Option<Instant>>>,
}

impl Desk {
    async fn acquire(&self) -> Result<Held, Error> {
        Ok(Held(Some(self.connections.acquire().await?)))
    }

    /// Waits for what is done on the held connection, but not for ever.
    async fn wait<T>(&self, act: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
        let done = timeout(self.patience, act).await.ok();
        if done.is_none() {
            *self.given_up.lock() = Some(Instant::now());
        }
        done
    }
}

/// A connection in use. Dropped before its statement has ended, it is closed: what is under way there, nobody knows.
struct Held(Option<PoolConnection<Postgres>>);

impl Held {
    #[expect(clippy::expect_used, reason = "it is taken out only where the value ends")]
    fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("a connection that is held")
    }

    /// Gives it back after what was done on it, if that has ended.
    fn after<T>(mut self, done: Option<Result<T, Error>>) -> Result<T, Error> {
        let Some(done) = done else {
            return Err(Error::Io(io::Error::new(
                io::ErrorKind::TimedOut,
                "a statement was not answered in time",
            )));
        };
        drop(self.0.take());
        done
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

impl<'p> Executor<'p> for &'p Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let desk = self.desk();
        let answer = async move {
            let mut held = desk.acquire().await?;
            let all = held.connection().fetch_many(query).try_collect::<Vec<_>>();
            let done = desk.wait(all).await;
            let all = held.after(done)?;
            Ok::<_, Error>(stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(answer).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let desk = self.desk();
        async move {
            let mut held = desk.acquire().await?;
            let done = desk.wait(held.connection().fetch_optional(query)).await;
            held.after(done)
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        let desk = self.desk();
        async move {
            let mut held = desk.acquire().await?;
            let done = desk.wait(held.connection().prepare_with(sql, parameters)).await;
            held.after(done)
        }
        .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        let desk = self.desk();
        async move {
            let mut held = desk.acquire().await?;
            let done = desk.wait(held.connection().describe(sql)).await;
            held.after(done)
        }
        .boxed()
    }
}
