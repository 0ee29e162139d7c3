//! The program as a whole: real processes, a real PostgreSQL, real sockets, and what becomes of tasks when one of them fails.
//!
//! - `access`: how requests show who sends them.
//! - `crash`: nodes and databases that are killed under load. `outage`: a database that is away. `shutdown`: signals.
//! - `cluster`: several nodes on one database. `backlog`: many tasks that wait. `memory`: what of them is held. `backup`: a dump that is restored.
//! - `hostile`: endpoints that misbehave (`villain`), and what becomes of everyone else.
//! - `requests`: what an endpoint is sent. `verdicts`: what its answers mean. `why`: where a delivery is. `letters`, `replays`, `pauses`: what is not
//!   delivered, or not yet.
//!   `ordering`: in what order. `changes`: what is changed meanwhile. `tokens`: whose tokens are accepted. `ports`: where it listens, and how encrypted.
//! - `starts`: starts that come to nothing, and what they leave. `demo`: a server with something to see.
//! - `limits`: how fast it goes and how old it gets. `breaker`: endpoints that are down. `notices`: who is told. `bench`: what measures it.
//! - `harness`: a node, a receiver, load, and the account of what arrived.

mod access;
mod backlog;
mod backup;
mod bench;
mod breaker;
mod changes;
mod cluster;
mod crash;
mod demo;
mod harness;
mod hostile;
mod letters;
mod limits;
mod memory;
mod notices;
mod ordering;
mod outage;
mod pauses;
mod ports;
mod replays;
mod requests;
mod shutdown;
mod starts;
mod telemetry;
mod tokens;
mod verdicts;
mod villain;
mod why;
