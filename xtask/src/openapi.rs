//! The OpenAPI document: writing the committed one anew, and holding the real server to it.

use anyhow::Result;

use crate::checkout::{Checkout, run};

/// Writes `gateway/openapi.json` anew: the test that compares it does so when it is asked to.
///
/// # Errors
/// When the gateway does not compile.
pub(crate) fn write(checkout: &Checkout) -> Result<()> {
    let mut test = checkout.cargo([
        "test",
        "--package=gateway",
        "--test=openapi",
        "--",
        "the_committed_document",
    ]);
    run(test.env("UPDATE", "1"))
}
