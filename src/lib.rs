//! The composition root of Posthaste: command line, configuration, lifecycle, telemetry, embedded PostgreSQL.
//!
//! The binary is thin; its parts live here so that tests can drive them.

pub mod config;
pub mod embedded;
pub mod secret_key;
