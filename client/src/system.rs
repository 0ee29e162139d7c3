//! What runs, and what it takes.

use http::Method;
use proto::{Storage, SystemReport};

use crate::{Client, Result};

impl Client {
    /// What the database takes on disk, by table and by partition, with a forecast.
    pub async fn storage(&self) -> Result<Storage> {
        self.call(Method::GET, &["storage"]).answer().await
    }

    /// Versions, nodes, and the configuration of the node that is asked.
    pub async fn system(&self) -> Result<SystemReport> {
        self.call(Method::GET, &["system"]).answer().await
    }
}
