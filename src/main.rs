//! Posthaste: durable tasks in, signed webhooks out.

fn main() {}
