//! The client against a server that answers what it is told: what is asked, how often, and what becomes of the answers.

mod answers;
mod events;
mod requests;
mod retries;
mod server;
mod tls;
