//! The contract of Posthaste: the JSON types of the REST API, and, with the feature `grpc`, what the `.proto` files give.
//!
//! Nothing here decides or checks anything beyond its own form: the rules live in `queue`, the transport in `gateway`. Without
//! features the crate depends on serde alone, so that the console can compile it to wasm and any Rust client can use it.
//!
//! Every request type refuses unknown fields, so that a misspelt setting is an error and not a silence.

mod attempts;
mod audit;
mod dead_letters;
mod duration;
mod endpoint_auth;
mod endpoints;
mod events;
#[cfg(feature = "grpc")]
pub mod grpc;
mod keys;
mod lanes;
mod limits;
mod null;
mod object;
mod ordering;
mod page;
mod problem;
mod queues;
mod replays;
mod retention;
mod session;
mod settings;
mod signing;
mod storage;
mod system;
mod tasks;
mod traffic;
mod users;
mod verdict;
mod why;

pub use attempts::{Attempt, Header, Timing};
pub use audit::{Actor, ActorKind, AuditEntry};
pub use dead_letters::{DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterGroups, Replayed};
pub use duration::Span;
pub use endpoint_auth::{BasicAuth, ClientCertificate, EndpointAuth, OAuth2, TlsVersion};
pub use endpoints::{Endpoint, EndpointStatus, EndpointUpdate, NewEndpoint, TestResult, TestSend};
pub use events::{Event, EventKind, EventMessage, Missed, MissedKind};
pub use keys::{EnqueueRate, Key, KeyUpdate, NewKey, RotateKey, Scope};
pub use lanes::{BreakerState, Lane, LaneWait};
pub use limits::{BreakerPolicy, RateLimit, RatePeriod};
pub use ordering::{OnFailure, OrderingMode, OrderingPolicy};
pub use page::{Count, Page};
pub use problem::{FieldError, Problem};
pub use queues::{NewQueue, Queue, QueueUpdate};
pub use replays::{NewReplay, Replay, ReplayFilter, ReplayPreview, ReplaySource, ReplayStatus};
pub use retention::{Keep, RetentionPolicy};
pub use session::{NewSession, Session};
pub use settings::{DeliverySettings, RetryPolicy};
pub use signing::{
    Finding, Jwk, Jwks, NewSecret, RevealedSecret, Secret, SignedRequest, SigningScheme, Verification,
};
pub use storage::{Disk, Forecast, Storage, StoragePartition, StorageTable};
pub use system::{ConfigEntry, SystemNode, SystemReport};
pub use tasks::{
    BatchItem, BatchResult, Cancelled, Delivery, DeliveryState, Enqueued, Expunged, NewTask, NewTaskWith,
    Payload, ReplayTask, ReplayedTo, Task, TaskReplayed, TaskState,
};
pub use traffic::{EndpointTraffic, LATENCY_BOUNDS_MS, Traffic, TrafficOverview, TrafficPoint, TrafficStep};
pub use users::{NewUser, PasswordChange, Role, User, UserUpdate};
pub use verdict::{
    HeaderMatch, HoldLane, LaneEffect, RetryAfter, SimulatedVerdict, Statuses, VerdictAction, VerdictCase,
    VerdictMatch, VerdictPreset, VerdictRule, VerdictSettings,
};
pub use why::{DeliveryWait, Why};
