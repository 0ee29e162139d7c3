//! The program as a whole: real processes, a real PostgreSQL, real sockets, and what becomes of tasks when one of them fails.
//!
//! - `crash`: nodes and databases that are killed under load. `outage`: a database that is away. `shutdown`: signals.
//! - `cluster`: several nodes on one database. `backlog`: many tasks that wait.
//! - `hostile`: endpoints that misbehave. `verdicts`, `lifecycle`, `requests`: what an endpoint is sent, and what its answers mean.
//! - `harness`: a node, a receiver, load, and the account of what arrived.

mod crash;
mod harness;
mod outage;
mod shutdown;
