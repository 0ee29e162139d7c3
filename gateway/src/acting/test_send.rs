//! Test-send: one task to one endpoint, and what came of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::{Scope, TestResult, TestSend};
use queue::{
    enqueue::Target,
    id::{EndpointId, TaskId},
    task::NewTask,
};

use super::Acting;
use crate::{problem::Refusal, time};

/// How long to wait between looks for the attempt: at first no longer than a fast endpoint needs, later no oftener than is cheap.
const PAUSE: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));

impl Acting {
    /// Sends an endpoint a test, though it may be paused or disabled, and waits for the attempt: as long as a request may take.
    pub(crate) async fn test_endpoint(&self, id: EndpointId, test: TestSend) -> Result<TestResult, Refusal> {
        self.may(Scope::Manage)?;
        let endpoint = self.endpoint(id).await?;
        let (begun, now) = (Instant::now(), time::now());
        let queue = self.queue().find_queue(&endpoint.queue).await?;
        let payload = test.payload.map_or_else(
            || {
                format!(
                    "{{\"test\":true,\"endpoint\":\"{id}\",\"sent_at\":\"{}\"}}",
                    now.to_rfc3339()
                )
            },
            |payload| payload.get().to_owned(),
        );
        let task = NewTask {
            kind: test.kind.unwrap_or_else(|| "posthaste.test".to_owned()),
            payload: Bytes::from(payload),
            content_type: "application/json".to_owned(),
            ..NewTask::default()
        };
        let checked = self.check(task, now)?;
        let task = self.commit(queue, checked, Target::Test(id), now).await?.id;
        let until = begun + self.gateway.config().test_time();
        let attempt = self.first_attempt(task, now, until).await?;
        let delivered = attempt
            .as_ref()
            .is_some_and(|attempt| attempt.verdict == "delivered");
        Ok(TestResult {
            task,
            delivered,
            attempt,
        })
    }

    /// The attempt as it was at the time `at`, when the task was made: a queue that keeps no attempts tells of this one all the same.
    async fn first_attempt(
        &self,
        task: TaskId,
        at: DateTime<Utc>,
        until: Instant,
    ) -> Result<Option<proto::Attempt>, Refusal> {
        let (mut pause, longest) = PAUSE;
        loop {
            let attempts = self.queue().attempts_of_task(task, None, 1, at).await?;
            if let Some(first) = attempts.into_iter().next() {
                return Ok(Some(first));
            }
            if Instant::now() + pause > until {
                return Ok(None);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}
