//! The OpenAPI document: that it is what is served, that its examples are true, and that it tells of nobody else's things.

mod document;
mod examples;
#[path = "../rest/kit.rs"]
#[allow(
    dead_code,
    reason = "made for the tests of the REST API; some of its verbs are for those alone"
)]
mod kit;
mod spec;
mod tenant;
mod tenants;
