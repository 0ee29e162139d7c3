//! The REST API as its callers see it, on a real PostgreSQL. No dispatcher runs: a test that needs an outcome writes it itself.

mod access;
mod auth;
mod away;
mod bad_input;
mod bad_tasks;
mod batch;
mod connections;
mod dead_letters;
mod endpoints;
mod enqueue;
mod idempotency;
mod kit;
mod metrics;
mod pages;
mod queues;
mod replays;
mod session;
mod signing;
mod system;
mod tasks;
mod users;
