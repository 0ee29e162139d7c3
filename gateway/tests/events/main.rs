//! Events as subscribers get them: over real connections, on a real PostgreSQL.

#[path = "../rest/kit.rs"]
#[allow(dead_code, reason = "these tests speak with a part of its words")]
mod kit;
mod refused;
mod server;
mod server_sent;
mod web_socket;
