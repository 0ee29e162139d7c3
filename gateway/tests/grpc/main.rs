//! The gRPC API as its callers see it: real clients over real sockets, on a real PostgreSQL. No dispatcher runs: a test that needs an
//! outcome writes it itself.

mod bad_calls;
mod calls;
mod dead_letters;
mod events;
mod health;
mod keys;
mod kit;
mod overview;
mod ports;
mod queues;
mod raw;
mod reflection;
mod replay_task;
mod replays;
mod signing;
mod stream;
mod stream_ends;
mod system;
mod tasks;
mod tls;
