//! The composition root of Posthaste: command line, configuration, lifecycle, telemetry, embedded PostgreSQL.
//!
//! The binary is thin; its parts live here so that tests can drive them. Only the root reads the environment, opens pools
//! and starts tasks that outlive a request; the other crates are handed what they need.

pub mod banner;
pub mod bench;
mod chores;
pub mod cli;
pub mod client;
pub mod command;
pub mod config;
pub mod console;
pub mod demo;
pub mod embedded;
pub mod health;
pub mod lifecycle;
pub mod node;
mod ports;
pub mod receive;
pub mod secret_key;
pub mod serve;
pub mod telemetry;
pub mod tokens;
