//! The push client against real sockets: receivers that behave, and receivers that do not.

mod answers;
mod egress;
mod hostile;
mod http2;
mod kept_alive;
mod receiver;
mod tls;
