//! The push client against real sockets: receivers that behave, and receivers that do not.

mod answers;
mod egress;
mod hostile;
mod http2;
mod identity;
mod kept_alive;
mod proxy;
mod receiver;
mod tls;
