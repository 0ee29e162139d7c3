//! Who did what of consequence, and the key that secrets are sealed with.

use http::Method;
use proto::{AuditEntry, Count};

use crate::{Client, List, Result};

impl Client {
    /// What was done of consequence, newest first.
    pub fn audit(&self) -> List<AuditEntry> {
        List::new(self, &["audit"])
    }

    /// Seals every secret anew with the current key, as many as one request can: `more` says whether there are more.
    pub async fn rotate_vault(&self) -> Result<Count> {
        self.call(Method::POST, &["vault", "rotate"])
            .harmless(true)
            .answer()
            .await
    }
}
