//! `EnqueueStream`: tasks in, acknowledgements out. Each answer follows its commit, in the order in which the tasks came.
//!
//! The answers pull the tasks: whenever the transport asks for the next answer, all tasks that have come meanwhile are taken, as far as
//! there is room, and committed as one group. So a client that sends too fast, or that does not read its answers, is not read from.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use chrono::{DateTime, Utc};
use futures_util::{FutureExt, Stream, StreamExt, future::join_all, stream::FuturesOrdered};
use proto::{Enqueued, grpc::v1};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::JoinHandle,
    time::{Sleep, sleep},
};
use tokio_util::sync::{PollSemaphore, WaitForCancellationFutureOwned};
use tonic::{Status, Streaming};

use super::{
    status::{self, rejection},
    wire::tasks,
};
use crate::{
    acting::{Acting, Ended},
    origin::Origin,
    path::queue_name,
    problem::Refusal,
    time,
};

/// Most tasks that are committed as one group: some milliseconds of checking, and half of what one statement takes.
const GROUP: usize = 1_000;

/// Bytes that a task takes besides its payload: what the way to its commit counts as well.
const BESIDES: usize = 1_024;

/// The shortest pause of a stream whose caller's rate is used up: groups of several tasks instead of one each.
const TICK: Duration = Duration::from_millis(10);

type Task = v1::EnqueueStreamRequest;
type Acknowledgement = v1::EnqueueStreamResponse;

/// The answers to a stream of tasks.
pub(super) struct Acknowledgements {
    tasks: Streaming<Task>,
    /// Where the tasks come from.
    origin: Origin,
    acting: Acting,
    room: PollSemaphore,
    /// Bytes that all streams may take: what one task claims at most.
    all_room: usize,
    /// A task that came and finds no room yet.
    held: Option<Task>,
    /// Groups on their way to their commit. Each goes there by itself, so that the room it takes is free again however slowly its
    /// answers are read.
    groups: FuturesOrdered<JoinHandle<Vec<Acknowledgement>>>,
    answers: vec::IntoIter<Acknowledgement>,
    unacknowledged: usize,
    /// Until when nothing is taken, where the caller's rate is used up.
    pause: Option<Pin<Box<Sleep>>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    end: End,
}

/// Whether tasks are still taken.
enum End {
    /// They are.
    Open,
    /// No more; what was taken is still answered, then this is told.
    Closing(Option<Status>),
    /// All is told.
    Told,
}

impl Acknowledgements {
    pub(super) fn of(tasks: Streaming<Task>, origin: Origin, acting: Acting) -> Self {
        let gateway = acting.gateway();
        Self {
            tasks,
            origin,
            room: PollSemaphore::new(gateway.streamed().clone()),
            all_room: gateway.config().streams_max_bytes,
            held: None,
            groups: FuturesOrdered::new(),
            answers: Vec::new().into_iter(),
            unacknowledged: 0,
            pause: None,
            stopping: Box::pin(gateway.stopping().clone().cancelled_owned()),
            end: End::Open,
            acting,
        }
    }

    /// Takes what has come, as far as there is room. Whoever calls it is woken when there is more to take, or more room.
    fn take(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.end, End::Open) {
            return;
        }
        if self.stopping.poll_unpin(cx).is_ready() {
            self.end = End::Closing(Some(status::ended(Ended::Stopping).into()));
            return;
        }
        while self.take_group(cx) {}
    }

    /// Most tasks of the next group: what the caller's rate allows. None while they have to wait.
    fn allowed(&mut self, cx: &mut Context<'_>) -> usize {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return 0;
                }
                self.pause = None;
            }
            match self.acting.at_once() {
                Ok(usize::MAX) => return GROUP,
                // What the last group takes of the rate is counted when it is on its way: one after the other.
                Ok(tasks) if self.groups.is_empty() => return tasks.min(GROUP),
                Ok(_) => return 0,
                Err(wait) => self.pause = Some(Box::pin(sleep(wait.max(TICK)))),
            }
        }
    }

    /// Takes a group; whether there may be another one.
    fn take_group(&mut self, cx: &mut Context<'_>) -> bool {
        let most = self.acting.gateway().config().stream_max_tasks;
        let allowed = self.allowed(cx);
        let (mut group, mut claim) = (Vec::new(), None::<OwnedSemaphorePermit>);
        while group.len() < allowed && self.unacknowledged < most {
            let Some(task) = self.held.take().or_else(|| self.next(cx)) else {
                break;
            };
            let bytes = BESIDES + task.task.as_ref().map_or(0, prost::Message::encoded_len);
            let bytes = u32::try_from(bytes.min(self.all_room)).unwrap_or(u32::MAX);
            let Poll::Ready(Some(more)) = self.room.poll_acquire_many(cx, bytes) else {
                self.held = Some(task);
                break;
            };
            match &mut claim {
                Some(claim) => claim.merge(more),
                none => *none = Some(more),
            }
            self.unacknowledged += 1;
            group.push(task);
        }
        let is_full = allowed > 0 && group.len() == allowed;
        if group.is_empty() {
            return false;
        }
        // Keys end while their streams last.
        if let Err(why) = self.acting.look(time::now()) {
            self.end = End::Closing(Some(status::ended(why).into()));
            return false;
        }
        let commit = commit(self.acting.clone(), self.origin.clone(), group, claim);
        self.groups.push_back(tokio::spawn(commit));
        is_full
    }

    /// The next task, if it is there.
    fn next(&mut self, cx: &mut Context<'_>) -> Option<Task> {
        let Poll::Ready(came) = self.tasks.poll_next_unpin(cx) else {
            return None;
        };
        match came {
            Some(Ok(task)) => return Some(task),
            Some(Err(broken)) if broken.details().is_empty() => {
                self.end = End::Closing(Some(status::complete(&broken)));
            }
            Some(Err(broken)) => self.end = End::Closing(Some(broken)),
            None => self.end = End::Closing(None),
        }
        None
    }
}

impl Stream for Acknowledgements {
    type Item = Result<Acknowledgement, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(answer) = this.answers.next() {
                this.unacknowledged -= 1;
                return Poll::Ready(Some(Ok(answer)));
            }
            this.take(cx);
            match this.groups.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(answers))) => this.answers = answers.into_iter(),
                Poll::Ready(Some(Err(error))) => {
                    tracing::error!(%error, "a group of tasks ended without an answer");
                    this.end = End::Told;
                    this.groups = FuturesOrdered::new();
                    return Poll::Ready(Some(Err(Refusal::internal().into())));
                }
                Poll::Ready(None) => match std::mem::replace(&mut this.end, End::Told) {
                    End::Open => {
                        this.end = End::Open;
                        return Poll::Pending;
                    }
                    End::Closing(Some(status)) => return Poll::Ready(Some(Err(status))),
                    End::Closing(None) | End::Told => return Poll::Ready(None),
                },
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Commits a group, and answers for each of its tasks in order.
async fn commit(
    acting: Acting,
    origin: Origin,
    group: Vec<Task>,
    _room: Option<OwnedSemaphorePermit>,
) -> Vec<Acknowledgement> {
    let now = time::now();
    let mut answers = Vec::with_capacity(group.len());
    let mut queues: BTreeMap<String, Vec<(usize, Option<v1::NewTask>)>> = BTreeMap::new();
    for (
        at,
        Task {
            correlation,
            queue,
            task,
        },
    ) in group.into_iter().enumerate()
    {
        answers.push(Acknowledgement {
            correlation,
            result: None,
        });
        queues.entry(queue).or_default().push((at, task));
    }
    let each = queues
        .into_iter()
        .map(|(queue, tasks)| enqueue(&acting, &origin, queue, tasks, now));
    for (at, result) in join_all(each).await.into_iter().flatten() {
        use v1::enqueue_stream_response::Result as Is;
        answers[at].result = Some(match result {
            Ok(enqueued) => Is::Accepted(tasks::enqueued(&enqueued)),
            Err(refusal) => Is::Rejected(rejection(refusal)),
        });
    }
    answers
}

/// Enqueues tasks of one queue, each with its place in the group.
async fn enqueue(
    acting: &Acting,
    origin: &Origin,
    queue: String,
    tasks: Vec<(usize, Option<v1::NewTask>)>,
    now: DateTime<Utc>,
) -> Vec<(usize, Result<Enqueued, Refusal>)> {
    let places: Vec<usize> = tasks.iter().map(|(at, _)| *at).collect();
    let enqueued = async {
        let queue = acting.queue_for_tasks(&queue_name(queue)?).await?;
        let checked = tasks.into_iter().map(|(_, task)| {
            let task = task.ok_or_else(|| Refusal::invalid("task", "is missing"))?;
            // The request's buffer is shared with its neighbours'.
            Ok(origin.of(acting.check(tasks::read(task, usize::MAX)?, now)?))
        });
        acting.enqueue_batch(queue, checked.collect(), now).await
    };
    match enqueued.await {
        Ok(results) => places.into_iter().zip(results).collect(),
        Err(refusal) => places.into_iter().map(|at| (at, Err(refusal.clone()))).collect(),
    }
}
