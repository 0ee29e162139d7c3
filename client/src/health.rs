//! Whether a node is of use.

use http::Method;

use crate::{Client, Result};

impl Client {
    /// Succeeds when the node that answers is ready: PostgreSQL answers it, and its dispatcher owns its shards. Else the error says what
    /// is wrong. Needs no key.
    pub async fn ready(&self) -> Result<()> {
        self.call_at_root(Method::GET, &["readyz"])
            .whole()
            .await
            .map(drop)
    }
}
