//! Replays as jobs.

use http::Method;
use proto::{NewReplay, Replay, ReplayPreview, ReplayStatus};
use uuid::Uuid;

use crate::{Client, List, Result};

impl Client {
    /// Asks how many deliveries a replay would make, and how long that would take. Nothing changes.
    pub async fn preview_replay(&self, new: &NewReplay) -> Result<ReplayPreview> {
        self.call(Method::POST, &["replays:preview"])
            .harmless(true)
            .json(new)
            .answer()
            .await
    }

    /// Begins a replay: the server makes new deliveries of all that the filter means now, at the rate that is given, over restarts, each once.
    pub async fn begin_replay(&self, new: &NewReplay) -> Result<Replay> {
        self.call(Method::POST, &["replays"]).json(new).answer().await
    }

    /// Replays, newest first; those about this queue, and those that are there, if that is given.
    pub fn replays(&self, queue: Option<&str>, status: Option<ReplayStatus>) -> List<Replay> {
        let word = status.and_then(|status| serde_json::to_value(status).ok());
        List::new(self, &["replays"])
            .filter("queue", queue)
            .filter("status", word.as_ref().and_then(serde_json::Value::as_str))
    }

    /// Reads a replay, and how far it has come.
    pub async fn replay_job(&self, id: Uuid) -> Result<Replay> {
        self.call(Method::GET, &["replays", &id.to_string()])
            .answer()
            .await
    }

    /// Lets it make nothing more until it is resumed.
    pub async fn pause_replay(&self, id: Uuid) -> Result<Replay> {
        self.steer_replay(id, "pause").await
    }

    /// Lets it go on.
    pub async fn resume_replay(&self, id: Uuid) -> Result<Replay> {
        self.steer_replay(id, "resume").await
    }

    /// Ends it for good. What it has made goes its way.
    pub async fn cancel_replay(&self, id: Uuid) -> Result<Replay> {
        self.steer_replay(id, "cancel").await
    }

    async fn steer_replay(&self, id: Uuid, action: &str) -> Result<Replay> {
        self.call(Method::POST, &["replays", &id.to_string(), action])
            .harmless(true)
            .answer()
            .await
    }
}
