"""What the API takes and answers. Made from gateway/openapi.json by generate.py; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

from typing_extensions import NotRequired

ActorKind: TypeAlias = Literal['key', 'token', 'user', 'server']
"""
How somebody showed who they are.
"""


class BasicAuth(TypedDict):
    """
    A user name and a password.
    """

    username: str
    """
    The name, which is shown; without a colon.
    """
    password: str
    """
    The password.
    """


BreakerState: TypeAlias = Literal['off', 'closed', 'open', 'probing', 'recovering']
"""
Whether an endpoint is down.
"""


class Cancelled(TypedDict):
    """
    The answer to a cancellation.
    """

    cancelled: int
    """
    How many of the task's deliveries were cancelled; those that had ended, or whose request is out already, go their way.
    """


class ClientCertificate(TypedDict):
    """
    A client certificate with its private key.
    """

    certificate: str
    """
    The certificate, and behind it those that lead to the authority: PEM. It is shown.
    """
    key: str
    """
    Its private key, not encrypted: PEM.
    """


class ConfigEntry(TypedDict):
    """
    A setting of the configuration.
    """

    key: str
    """
    Its name, as in `posthaste.toml`.
    """
    value: str
    """
    Its value; secrets are masked.
    """
    layer: str
    """
    Where the value comes from: `default`, `file`, `environment` or `flag`.
    """
    source: str
    """
    The same, exactly.
    """
    secret: bool
    """
    Whether it is a secret, and so masked.
    """


class Count(TypedDict):
    """
    How many things an action touched.
    """

    count: int
    """
    The number of things.
    """
    more: NotRequired[bool]
    """
    Whether there are more left than one request could take: ask again to go on.
    """


class DeadLetter(TypedDict):
    """
    A delivery that ran out of attempts or was refused for good; kept until replayed, purged or expired.
    """

    id: str
    """
    The delivery's id.
    """
    task: str
    """
    Its task.
    """
    type: str
    """
    The task's type.
    """
    queue: str
    """
    The name of its queue.
    """
    endpoint: str
    """
    The endpoint it could not be delivered to.
    """
    attempts: int
    """
    How many attempts were made.
    """
    reason: str
    """
    Why it was given up, in a sentence.
    """
    status: NotRequired[int | None]
    """
    The last HTTP status, if there was an answer.
    """
    failure: NotRequired[str | None]
    """
    The last kind of failure, if there was none.
    """
    died_at: str
    """
    When it was given up.
    """


class DeadLetterFilter(TypedDict):
    """
    Which dead letters are meant. What is left out does not narrow; an empty filter means all.
    """

    queue: NotRequired[str | None]
    """
    The name of a queue.
    """
    endpoint: NotRequired[str | None]
    """
    An endpoint.
    """
    type: NotRequired[str | None]
    """
    A glob of task types.
    """
    status: NotRequired[int | None]
    """
    The last HTTP status.
    """
    failure: NotRequired[str | None]
    """
    The last kind of failure.
    """
    since: NotRequired[str | None]
    """
    Given up at or after this time.
    """
    until: NotRequired[str | None]
    """
    Given up before this time.
    """


class DeadLetterGroup(TypedDict):
    """
    Dead letters of one endpoint that were given up for one reason.
    """

    queue: str
    """
    The name of their queue.
    """
    endpoint: str
    """
    The endpoint they could not be delivered to.
    """
    reason: str
    """
    Why they were given up, in a sentence.
    """
    status: NotRequired[int | None]
    """
    The last HTTP status, if there was an answer.
    """
    failure: NotRequired[str | None]
    """
    The last kind of failure, if there was none.
    """
    count: int
    """
    How many they are.
    """
    last_died_at: str
    """
    When the last of them was given up.
    """


class DeadLetterGroups(TypedDict):
    """
    Dead letters by endpoint and reason: what to mend first.
    """

    groups: list[DeadLetterGroup]
    """
    The groups, largest first; at most 100.
    """
    count: int
    """
    How many dead letters the filter means, of those that were looked at; those of groups that are left out count as well.
    """
    more: NotRequired[bool]
    """
    Whether there may be older ones that were not looked at: the newest 50,000 of the queue or endpoint are.
    """


DeliveryState: TypeAlias = Literal['scheduled', 'pending', 'retrying', 'delivered', 'dead', 'cancelled']
"""
Where a delivery is.
"""


DeliveryWait: TypeAlias = Literal['time', 'retry', 'endpoint_paused', 'endpoint_disabled', 'queue_paused', 'endpoint_deleted', 'node', 'hold', 'breaker', 'rate', 'slot', 'permit', 'order', 'turn']
"""
What a delivery waits for.
"""


class Disk(TypedDict):
    """
    A disk.
    """

    total_bytes: int
    """
    Its size.
    """
    free_bytes: int
    """
    What is left.
    """


EndpointStatus: TypeAlias = Literal['enabled', 'paused', 'disabled']
"""
Whether an endpoint is pushed to.
"""


class EndpointTraffic(TypedDict):
    """
    What went to one endpoint in all.
    """

    endpoint: str
    """
    The endpoint.
    """
    queue: str
    """
    The name of its queue.
    """
    url: str
    """
    Where its deliveries are posted.
    """
    status: EndpointStatus
    """
    Whether it is pushed to.
    """
    delivered: int
    """
    Deliveries that ended well.
    """
    retried: int
    """
    Attempts that failed and are retried.
    """
    dead: int
    """
    Deliveries given up.
    """
    latency: list[int]
    """
    How many attempts took how long, by bucket.
    """


class EnqueueRate(TypedDict):
    """
    How fast tasks may be enqueued with a key: a token bucket on each node.
    """

    per_second: int
    """
    Tasks a second, 1 to 1,000,000.
    """
    burst: NotRequired[int | None]
    """
    Tasks at once, 1 to 1,000,000, and so the largest batch; as many as a second has, unless said.
    """


class Enqueued(TypedDict):
    """
    The answer to an enqueue: the task is committed.
    """

    id: str
    """
    The task's id, which is the `webhook-id` of its requests.
    """
    deliveries: int
    """
    How many deliveries were made of it. 0: no endpoint of the queue wants its type; it is stored, and sent nowhere.
    """
    repeated: NotRequired[bool]
    """
    Whether a task with this idempotency key was there already; then `id` is that one's.
    """


EventKind: TypeAlias = Literal['TaskEnqueued', 'TaskUnmatched', 'DeliveryDelivered', 'DeliveryRetrying', 'DeliveryDead', 'DeliveryCancelled', 'DeliveryReplayed', 'EndpointCreated', 'EndpointUpdated', 'EndpointPaused', 'EndpointResumed', 'EndpointDisabled', 'EndpointThrottled', 'EndpointOpened', 'EndpointRecovered', 'EndpointEnabled', 'EndpointPurged', 'EndpointDeleted', 'QueueCreated', 'QueueUpdated', 'QueuePaused', 'QueueResumed', 'QueuePurged', 'QueueDeleted']
"""
What happened.
"""


class Expunged(TypedDict):
    """
    The answer to an expunging.
    """

    expunged_at: str
    """
    When the content went: now, or when it was expunged before.
    """
    cancelled: int
    """
    How many of the task's deliveries were cancelled, because there is nothing left to send.
    """


class FieldError(TypedDict):
    """
    What is wrong with one field.
    """

    field: str
    """
    The field's path: `retry.attempts`, `filter[2]`, a header's or a query parameter's name.
    """
    detail: str
    """
    What is wrong with it and what would be right.
    """


class Finding(TypedDict):
    """
    One thing that is amiss with a signed request.
    """

    code: str
    """
    A word for programs, such as `timestamp_too_old` or `body_changed`; new ones may come.
    """
    detail: str
    """
    A sentence for people: what is wrong, and what to do.
    """


class Forecast(TypedDict):
    """
    What comes if each day brings as much as the last ones.
    """

    peak_bytes: int
    """
    The most that the database takes within a year.
    """
    disk_full_at: NotRequired[str | None]
    """
    The day on which the disk is full, if that is within a year and the disk is known.
    """


class Header(TypedDict):
    """
    One header.
    """

    name: str
    """
    Its name, in lower case.
    """
    value: str
    """
    Its value.
    """


class HeaderMatch(TypedDict):
    """
    A header that an answer must have.
    """

    name: str
    """
    Its name, in whatever case.
    """
    value: NotRequired[str | None]
    """
    A glob of its value, such as `*no-retry*`; any value if left out. At most 200 characters.
    """


class Health(TypedDict):
    """
    What a node says of itself.
    """

    status: str
    """
    `live` or `ready`.
    """


class Jwk(TypedDict):
    """
    An ed25519 public key (RFC 8037).
    """

    kty: str
    """
    Always `OKP`.
    """
    crv: str
    """
    Always `Ed25519`.
    """
    x: str
    """
    The key, in base64 of URLs without padding.
    """
    kid: str
    """
    Its thumbprint (RFC 7638).
    """
    use: str
    """
    Always `sig`.
    """
    alg: str
    """
    Always `EdDSA`.
    """


class Jwks(TypedDict):
    """
    A set of public keys (RFC 7517), with which a receiver verifies signatures of scheme `v1a`.
    """

    keys: list[Jwk]
    """
    The keys, the newest first.
    """


Keep: TypeAlias = str | float
"""
How long something is kept: a length of time such as `"7d"` (a bare number is seconds), `"forever"`, or `"none"` for no longer than it is needed.
"""


LaneEffect: TypeAlias = Literal['carry', 'hold', 'disable']
"""
What a response does to a lane.
"""


LaneWait: TypeAlias = Literal['nothing', 'work', 'enabling', 'slot', 'permit', 'hold', 'rate', 'breaker', 'probe']
"""
What the next delivery of a lane waits for.
"""


class NewSession(TypedDict):
    """
    What one signs in with: an API key, or a user's name and password.
    """

    key: NotRequired[str]
    """
    An API key: the session may do what the key may, and ends with it.
    """
    name: NotRequired[str]
    """
    The name of a user; `password` then as well.
    """
    password: NotRequired[str]
    """
    The user's password.
    """


class OAuth2(TypedDict):
    """
    Where tokens are fetched, and with what.
    """

    token_url: str
    """
    Where tokens are fetched; under the same rules as the URL of an endpoint.
    """
    client_id: str
    """
    Who asks; it is shown.
    """
    client_secret: str
    """
    With what they show it.
    """
    scope: NotRequired[str | None]
    """
    The scopes that are asked for, with spaces between.
    """
    audience: NotRequired[str | None]
    """
    For whom the tokens are, where the server wants to know.
    """
    in_body: NotRequired[bool]
    """
    Whether the credentials go into the body, for servers that do not take them in the header `Authorization`; default false.
    """


OnFailure: TypeAlias = Literal['block', 'skip']
"""
What becomes of those behind one that failed and is tried again.
"""


OrderingMode: TypeAlias = Literal['unordered', 'key', 'fifo']
"""
What is in order with what.
"""


class OrderingPolicy(TypedDict):
    """
    In what order an endpoint's deliveries go. It holds for what is enqueued from then on.
    """

    mode: NotRequired[OrderingMode]
    """
    What is in order with what; default `unordered`.
    """
    on_failure: NotRequired[OnFailure]
    """
    What becomes of those behind one that failed and is tried again; default `block`.
    """


class PageDeadLetter(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[DeadLetter]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PasswordChange(TypedDict):
    """
    A password to be changed by whom it belongs to.
    """

    current: str
    """
    The one that holds now.
    """
    new: str
    """
    The one that is to hold, 12 to 200 characters.
    """


class Payload1(TypedDict):
    """
    Its text, if it is UTF-8.
    """

    text: str
    """
    Its text, if it is UTF-8.
    """


class Payload2(TypedDict):
    """
    Its bytes in base64, if it is not.
    """

    base64: str
    """
    Its bytes in base64, if it is not.
    """


Payload: TypeAlias = Payload1 | Payload2
"""
A payload as it can be shown in JSON.
"""


class Problem(TypedDict):
    """
    Every error of the API: a problem document (RFC 9457), sent as `application/problem+json`.
    """

    type: str
    """
    A stable name of the kind of problem, as a relative URI: `/problems/invalid`.
    """
    title: str
    """
    The kind in words.
    """
    status: int
    """
    The HTTP status, once more.
    """
    detail: str
    """
    What happened here, and what to do.
    """
    errors: NotRequired[list[FieldError]]
    """
    The fields that are wrong, each with its reason; empty where no field is to blame.
    """


RatePeriod: TypeAlias = Literal['second', 'minute', 'hour']
"""
The time that a rate is counted in.
"""


class ReplayPreview(TypedDict):
    """
    What a replay would be.
    """

    count: int
    """
    How many deliveries it would make.
    """
    exact: bool
    """
    Whether that is all: no more than 10,000 are counted, and no more than 100,000 looked at.
    """
    seconds: int
    """
    How many seconds that would take at its rate.
    """


ReplaySource: TypeAlias = Literal['dead', 'delivered', 'any']
"""
What became of what is to be replayed.
"""


ReplayStatus: TypeAlias = Literal['running', 'paused', 'done', 'cancelled']
"""
Where a replay is.
"""


class ReplayTask(TypedDict):
    """
    How one task is replayed.
    """

    endpoint: NotRequired[str | None]
    """
    To this endpoint alone, whether it went there before or not; left out: to each that it went to.
    """


class Replayed(TypedDict):
    """
    A delivery made by a replay.
    """

    delivery: str
    """
    The new delivery.
    """
    task: str
    """
    The old task, which it sends once more under the same `webhook-id`.
    """


class ReplayedTo(TypedDict):
    """
    A new delivery of an old task, and where it goes.
    """

    delivery: str
    """
    The new delivery.
    """
    endpoint: str
    """
    Its endpoint.
    """


class RetentionPolicy(TypedDict):
    """
    How long what went through a queue is kept. What is still needed (deliveries that have not ended, dead letters) stays beyond it.
    """

    payloads: NotRequired[Keep | None]
    attempts: NotRequired[Keep | None]
    dead_letters: NotRequired[Keep | None]


Role: TypeAlias = Literal['viewer', 'operator', 'admin']
"""
What a user may do.
"""


Scope: TypeAlias = Literal['enqueue', 'read', 'manage', 'replay', 'admin']
"""
What a caller may do.
"""


class Session(TypedDict):
    """
    Who asks, and what they may.
    """

    name: str
    """
    The name of the user or the key, or the subject of the token.
    """
    user: NotRequired[str | None]
    """
    The user; absent for who came by a key or a token.
    """
    key: NotRequired[str | None]
    """
    The key; absent for a user or a token.
    """
    scopes: list[Scope]
    """
    What they may do.
    """
    queues: list[str]
    """
    Which queues they see and touch.
    """
    expires_at: NotRequired[str | None]
    """
    When it ends; absent: never.
    """
    csrf: NotRequired[str | None]
    """
    What requests that change something must carry in the header `posthaste-csrf`; absent for who brings a key or token with each.
    """
    version: str
    """
    The version of the server.
    """


class SignedRequest(TypedDict):
    """
    A request as a receiver has it, whose signature is to be explained.
    """

    headers: dict[str, str]
    """
    Its headers, of which `webhook-id`, `webhook-timestamp` and `webhook-signature` matter; case is no matter. At most 100.
    """
    body: NotRequired[str | None]
    """
    Its body as text. Left out with `body_base64`: the payload of the task that `webhook-id` names.
    """
    body_base64: NotRequired[str | None]
    """
    Its body in base64, in place of `body`: every byte arrives as it is.
    """
    secret: NotRequired[str | None]
    """
    The secret or public key that the receiver verifies with, to be compared with those of the endpoint. It is not kept.
    """


SigningScheme: TypeAlias = Literal['v1', 'v1a']
"""
How requests are signed.
"""


class SimulatedVerdict(TypedDict):
    """
    What a response would cause.
    """

    verdict: str
    """
    `delivered`, `retry` or `dead`.
    """
    rule: str
    """
    The rule that decides.
    """
    reason: str
    """
    What would be logged as the reason.
    """
    retry_at: NotRequired[str | None]
    """
    The earliest time of the next attempt, if the response came now. Chance adds to it, to keep retries from coming all at once.
    """
    retry_by: NotRequired[str | None]
    """
    The latest.
    """
    lane: LaneEffect
    """
    What happens to the lane of the endpoint.
    """
    hold_until: NotRequired[str | None]
    """
    Until when it is held, if it is.
    """


Span: TypeAlias = str | float
"""
A length of time: `"250ms"`, `"5s"`, `"30m"`, `"6h"`, `"7d"`, or `"1h30m"`; a bare number is seconds.
"""


Statuses: TypeAlias = int | str | list[int | str]
"""
HTTP statuses: `429`, `"500-599"`, `"4xx"`, or a list of these.
"""


StoragePartition = TypedDict(
    'StoragePartition',
    {
        'table': str,
        'name': str,
        'from': NotRequired[str | None],
        'to': NotRequired[str | None],
        'bytes': int,
        'index_bytes': int,
        'toast_bytes': int,
        'rows': int,
        'dead_rows': int,
        'compacted_at': NotRequired[str | None],
    },
)


class StorageTable(TypedDict):
    """
    What a table takes.
    """

    name: str
    """
    Its name.
    """
    bytes: int
    """
    All of it.
    """
    index_bytes: int
    """
    Of that, indexes.
    """
    toast_bytes: int
    """
    Of that, large values that are kept apart (TOAST).
    """
    rows: int
    """
    About how many rows.
    """
    dead_rows: int
    """
    About how many dead rows, which vacuum has not come to yet.
    """
    vacuumed_at: NotRequired[str | None]
    """
    When vacuum was there last.
    """


class SystemNode(TypedDict):
    """
    A node that pushes.
    """

    id: str
    """
    Its id.
    """
    name: str
    """
    The name of its machine.
    """
    role: NotRequired[str | None]
    """
    What it does: `all` or `dispatcher`; absent if it did not say.
    """
    version: NotRequired[str | None]
    """
    Its version; absent if it did not say.
    """
    started_at: str
    """
    When it was started.
    """
    seen_at: str
    """
    When it was heard of last.
    """
    alive: bool
    """
    Whether it was heard of within a lease's length.
    """
    shards: list[int]
    """
    The shards that it owns.
    """


class SystemReport(TypedDict):
    """
    What runs: versions, nodes, and the configuration of the node that was asked.
    """

    version: str
    """
    The version of the node that was asked.
    """
    postgres_version: str
    """
    The version of PostgreSQL.
    """
    schema_version: int
    """
    The number of the newest migration that the database has.
    """
    nodes: list[SystemNode]
    """
    The nodes that push, by name. Nodes that only take requests do not register.
    """
    shards: int
    """
    How many shards there are.
    """
    shards_unowned: int
    """
    How many of them nobody owns at the moment.
    """
    configuration: list[ConfigEntry]
    """
    The configuration of the node that was asked, without secrets.
    """


class TaskReplayed(TypedDict):
    """
    What a replay of one task made.
    """

    task: str
    """
    The task, which is sent once more under the same `webhook-id`.
    """
    deliveries: list[ReplayedTo]
    """
    The new deliveries; one at least.
    """


TaskState: TypeAlias = Literal['retrying', 'pending', 'scheduled', 'dead', 'cancelled', 'delivered', 'unmatched', 'ended']
"""
Where a task is, over all its deliveries: the first of these that holds for any of them.
"""


class TestSend(TypedDict):
    """
    What a test-send posts.
    """

    type: NotRequired[str | None]
    """
    The task type sent; default `posthaste.test`.
    """
    payload: NotRequired[Any]
    """
    The payload sent; a small one is made if left out.
    """


class Timing(TypedDict):
    """
    How long each part of an attempt took, in milliseconds; absent where the part did not happen.
    """

    wait_ms: float
    """
    From due to the start of the attempt.
    """
    dns_ms: NotRequired[float | None]
    """
    Name resolution.
    """
    connect_ms: NotRequired[float | None]
    """
    TCP connect.
    """
    tls_ms: NotRequired[float | None]
    """
    TLS handshake.
    """
    first_byte_ms: NotRequired[float | None]
    """
    From the start of the attempt to the response head.
    """
    total_ms: float
    """
    From the start of the attempt to its end.
    """


TlsVersion: TypeAlias = Literal['1.2', '1.3']
"""
A version of TLS.
"""


class TrafficPoint(TypedDict):
    """
    One minute of one queue, or of one endpoint.
    """

    minute: str
    """
    The minute's begin.
    """
    queue: str
    """
    The name of the queue.
    """
    endpoint: NotRequired[str | None]
    """
    The endpoint; absent for the queue's own counts (`enqueued`, `unmatched`).
    """
    enqueued: int
    """
    Tasks enqueued.
    """
    unmatched: int
    """
    Tasks enqueued that matched no endpoint.
    """
    delivered: int
    """
    Deliveries that ended well.
    """
    retried: int
    """
    Attempts that failed and are retried.
    """
    dead: int
    """
    Deliveries given up.
    """
    latency: list[int]
    """
    How many attempts took how long (total, not counting the wait before), by bucket.
    """


class TrafficStep(TypedDict):
    """
    One step of all queues.
    """

    begin: str
    """
    Its begin.
    """
    enqueued: int
    """
    Tasks enqueued.
    """
    delivered: int
    """
    Deliveries that ended well.
    """
    retried: int
    """
    Attempts that failed and are retried.
    """
    dead: int
    """
    Deliveries given up.
    """
    latency: list[int]
    """
    How many attempts took how long (total, not counting the wait before), by bucket.
    """


class User(TypedDict):
    """
    A user: somebody who signs in to the console.
    """

    id: str
    """
    Their id.
    """
    name: str
    """
    What they sign in with.
    """
    role: Role
    """
    What they may do.
    """
    queues: list[str]
    """
    Which queues they see and touch.
    """
    disabled: bool
    """
    Whether they are kept from signing in.
    """
    created_at: str
    """
    When they were made.
    """
    signed_in_at: NotRequired[str | None]
    """
    When they last signed in; absent: never.
    """


class UserUpdate(TypedDict):
    """
    What of a user is to change: what is left out stays; lists are replaced whole. A new password, `disabled` and a role that may less end
    all sessions of the user.
    """

    role: NotRequired[Role]
    """
    The new role.
    """
    queues: NotRequired[list[str]]
    """
    The new queue patterns.
    """
    disabled: NotRequired[bool]
    """
    Whether they are kept from signing in.
    """
    password: NotRequired[str]
    """
    The new password, 12 to 200 characters.
    """


class VerdictCase(TypedDict):
    """
    A response that could come, to ask what it would cause: an answer (`status`), or that none comes (`failure`).
    """

    status: NotRequired[int | None]
    """
    The status of the answer.
    """
    headers: NotRequired[dict[str, str]]
    """
    Headers of the answer, at most 100; `retry-after` is understood.
    """
    failure: NotRequired[str | None]
    """
    Why no answer came: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    """
    attempt: NotRequired[int | None]
    """
    Which attempt it is, from 1; default the first.
    """


class VerdictMatch(TypedDict):
    """
    What a rule matches. What is left out does not matter.
    """

    status: NotRequired[Statuses | None]
    header: NotRequired[HeaderMatch | None]
    failure: NotRequired[list[str] | None]
    """
    That no answer came, and for which of these reasons: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    """


VerdictPreset: TypeAlias = Literal['standard', 'retry-all', 'cloud-tasks', 'qstash']
"""
A table of verdicts for every response there is. All deliver 2xx, and retry where no answer came.
"""


class Verification(TypedDict):
    """
    Whether a receiver should accept a signature, and if not, why.
    """

    valid: bool
    """
    Whether every library accepts it: a secret that signs now made it, for this id, time and body, and nothing is amiss.
    """
    explanation: str
    """
    The whole in a sentence.
    """
    secret: NotRequired[str | None]
    """
    The id of the endpoint's secret that made a signature here, as far as one did.
    """
    scheme: NotRequired[SigningScheme | None]
    findings: list[Finding]
    """
    What is amiss; empty if nothing is.
    """


class Why(TypedDict):
    """
    Why a delivery is where it is.
    """

    sentence: str
    """
    In a sentence or two.
    """
    rule: NotRequired[str | None]
    """
    The rule behind the last verdict, if a response was judged.
    """
    waits_for: NotRequired[DeliveryWait | None]
    until: NotRequired[str | None]
    """
    Until when it waits for that, if that is known.
    """
    ahead: NotRequired[int | None]
    """
    How many deliveries of its endpoint go before it, if it is due. No more than 10,000 are counted.
    """
    more_ahead: NotRequired[bool]
    """
    Whether there are more than were counted.
    """
    starts_at: NotRequired[str | None]
    """
    When it is likely to be sent, if that can be told: when what it waits for is over, and those before it are through at the pace of
    the last minutes.
    """


class Actor(TypedDict):
    """
    Who did something.
    """

    kind: ActorKind
    """
    How they showed who they are.
    """
    id: str
    """
    The id of the API key or the user, or the subject of the token; empty for the server itself.
    """
    name: str
    """
    The name that the key or the user had then, or the issuer of the token.
    """


class Attempt(TypedDict):
    """
    One HTTP request of a delivery: what came back, and what was decided. An expiry or a cancellation is logged as well: with no request.
    """

    id: str
    """
    Its id.
    """
    delivery: str
    """
    The delivery it belongs to.
    """
    task: str
    """
    The task that was sent.
    """
    endpoint: str
    """
    The endpoint it went to.
    """
    number: int
    """
    Which attempt of the delivery this is, from 1.
    """
    started_at: str
    """
    When it began.
    """
    url: NotRequired[str | None]
    """
    The URL that was posted to; absent if no request was made.
    """
    verdict: str
    """
    What was decided: `delivered`, `retry`, `dead` or `cancelled`.
    """
    reason: str
    """
    Why, in a sentence.
    """
    retry_at: NotRequired[str | None]
    """
    When it is tried again, if the verdict is `retry`.
    """
    status: NotRequired[int | None]
    """
    The HTTP status, if the endpoint answered.
    """
    failure: NotRequired[str | None]
    """
    The kind of failure, if it did not: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout` or `auth`.
    """
    response_headers: NotRequired[list[Header]]
    """
    The response's headers.
    """
    response_body: NotRequired[str | None]
    """
    The first 16 KiB of the response's body, if it is text.
    """
    response_body_base64: NotRequired[str | None]
    """
    The same in base64, if it is not.
    """
    response_truncated: NotRequired[bool]
    """
    Whether there was more of the body than is kept: it is longer, or it broke off.
    """
    timing: Timing
    """
    How long each part took.
    """


class AuditEntry(TypedDict):
    """
    Something of consequence that somebody did.
    """

    id: str
    """
    Its id.
    """
    at: str
    """
    When.
    """
    actor: Actor
    """
    Who.
    """
    action: str
    """
    What, such as `secret.revealed` or `key.made`; new ones may come.
    """
    subject: str
    """
    What it was done to: an id, or a queue's name.
    """
    endpoint: NotRequired[str | None]
    """
    The endpoint that it belongs to, if it belongs to one.
    """
    queues: list[str]
    """
    The queues that it concerns: names, or the globs of a key. Whoever does not reach all of them is not shown it.
    """


class BatchItem1(TypedDict):
    """
    It was not stored.
    """

    status: int
    """
    The status that it would have had alone.
    """
    errors: list[FieldError]
    """
    What is wrong with it.
    """


BatchItem: TypeAlias = Enqueued | BatchItem1
"""
What became of one item of a batch.
"""


class BatchResult(TypedDict):
    """
    The answer to a batch: one result an item, in order.
    """

    accepted: int
    """
    How many were accepted.
    """
    rejected: int
    """
    How many were not.
    """
    items: list[BatchItem]
    """
    The results.
    """


class BreakerPolicy(TypedDict):
    """
    When an endpoint counts as down. Its deliveries then wait and use up no attempts, while single ones probe whether it is back.
    Only failures of the infrastructure count: no answer, and answers of 502, 503 and 504.
    """

    enabled: NotRequired[bool | None]
    """
    Whether there is a breaker at all; default true.
    """
    failures: NotRequired[int | None]
    """
    So many failures in a row open it. 1 to 10,000; default 10.
    """
    ratio: NotRequired[float | None]
    """
    This part of the requests of `window` failing opens it as well. 0.01 to 1; default 0.5.
    """
    window: NotRequired[Span | None]
    min_requests: NotRequired[int | None]
    """
    How many requests `window` must have had for `ratio` to count. 1 to 100,000; default 20.
    """
    pause: NotRequired[Span | None]
    max_pause: NotRequired[Span | None]


class Delivery(TypedDict):
    """
    One task on its way to one endpoint.
    """

    id: str
    """
    Its id.
    """
    task: str
    """
    Its task.
    """
    endpoint: str
    """
    Where it goes.
    """
    state: DeliveryState
    """
    Where it is.
    """
    attempts: int
    """
    How many attempts were made.
    """
    due_at: NotRequired[str | None]
    """
    When its next attempt is due, if there is one to come.
    """
    ended_at: NotRequired[str | None]
    """
    When it ended, if it did.
    """
    reason: NotRequired[str | None]
    """
    Why it is where it is: the reason of the last verdict.
    """
    why: NotRequired[Why | None]


class EndpointAuth(TypedDict):
    """
    How an endpoint's requests show who sends them, and how its server does. Values are kept encrypted and never shown again: where they are
    shown stands `set`. At most one of `basic`, `bearer`, `oauth2` and a header `authorization`.
    """

    headers: NotRequired[dict[str, str]]
    """
    Headers with secret values, such as an API key of the endpoint's; at most 32 together with its other headers' rules.
    """
    basic: NotRequired[BasicAuth | None]
    bearer: NotRequired[str | None]
    """
    A token, sent as `Authorization: Bearer …` (RFC 6750).
    """
    oauth2: NotRequired[OAuth2 | None]
    client_certificate: NotRequired[ClientCertificate | None]
    authorities: NotRequired[str | None]
    """
    Certificates of the authorities that the server's certificate must come from, in place of those that the system trusts: PEM.
    """
    tls_min: NotRequired[TlsVersion | None]


class Event(TypedDict):
    """
    Something that happened to a task, a delivery, an endpoint or a queue. Sent once it is committed. Without the payload.
    """

    id: str
    """
    Its id, which names the place from which to go on (`Last-Event-ID`).
    """
    at: str
    """
    When it happened, to the millisecond.
    """
    kind: EventKind
    """
    What happened.
    """
    queue: str
    """
    The name of the queue.
    """
    task: NotRequired[str | None]
    """
    The task.
    """
    delivery: NotRequired[str | None]
    """
    The delivery.
    """
    endpoint: NotRequired[str | None]
    """
    The endpoint.
    """
    type: NotRequired[str | None]
    """
    The task's type, if it has one.
    """
    attempts: NotRequired[int | None]
    """
    How many attempts of the delivery were made.
    """
    status: NotRequired[int | None]
    """
    The HTTP status of the endpoint's answer, if it answered.
    """
    failure: NotRequired[str | None]
    """
    The kind of failure, if it did not: `dns`, `refused`, `connect`, `tls`, `reset`, `protocol`, `timeout`, `auth`.
    """
    reason: NotRequired[str | None]
    """
    Why: at most 200 characters.
    """
    due_at: NotRequired[str | None]
    """
    When the next attempt is due.
    """
    count: NotRequired[int | None]
    """
    How many: the deliveries that were made of an enqueued task, or that a purge cancelled.
    """


HoldLane = TypedDict(
    'HoldLane',
    {
        'for': NotRequired[Span | None]
    },
)


class Key(TypedDict):
    """
    An API key.
    """

    id: str
    """
    Its id.
    """
    name: str
    """
    For people.
    """
    prefix: str
    """
    Its first characters, to know it by.
    """
    key: NotRequired[str | None]
    """
    The key itself: in the answer that made it, and never again.
    """
    scopes: list[Scope]
    """
    What it allows.
    """
    queues: list[str]
    """
    Which queues it sees and touches.
    """
    rate: NotRequired[EnqueueRate | None]
    created_at: str
    """
    When it was made.
    """
    expires_at: NotRequired[str | None]
    """
    When it ends; absent: never.
    """
    last_used_at: NotRequired[str | None]
    """
    When it was last used, to the minute or so; absent: never.
    """
    revoked_at: NotRequired[str | None]
    """
    When it was revoked; absent: it was not.
    """
    successor: NotRequired[str | None]
    """
    The key that was made in its place, if it was rotated.
    """


class KeyUpdate(TypedDict):
    """
    What of a key is to change: what is left out stays; lists are replaced whole; `null` takes a limit back.
    """

    name: NotRequired[str]
    """
    The new name.
    """
    scopes: NotRequired[list[Scope]]
    """
    The new scopes.
    """
    queues: NotRequired[list[str]]
    """
    The new queue patterns.
    """
    rate: NotRequired[EnqueueRate | None]
    expires_at: NotRequired[str | None]
    """
    The new end; `null`: never.
    """


class Lane(TypedDict):
    """
    What the lane of an endpoint does: how many requests are in flight, and what the next one waits for. A second old at most while little
    happens, some seconds on a node with very many busy lanes.
    """

    endpoint: str
    """
    The endpoint.
    """
    waits_for: LaneWait
    """
    What the next delivery waits for.
    """
    until: NotRequired[str | None]
    """
    How long it waits at most, if that is known.
    """
    in_flight: int
    """
    Requests in flight.
    """
    in_flight_limit: int
    """
    How many may be now: fewer than `max_in_flight` while the endpoint shows that it has too many, or begins anew after it was down.
    """
    max_in_flight: int
    """
    How many may be when all is well.
    """
    ready: int
    """
    Deliveries that are due and in memory.
    """
    backlog: bool
    """
    Whether more may be due in the database.
    """
    tokens: NotRequired[int | None]
    """
    How many requests the rate allows at once, if there is one.
    """
    hold_until: NotRequired[str | None]
    """
    Until when the endpoint asked to be left alone (`Retry-After`).
    """
    breaker: BreakerState
    """
    Whether the endpoint is down.
    """
    probe_at: NotRequired[str | None]
    """
    While it is down: when it is tried again.
    """
    answer_ms: NotRequired[float | None]
    """
    How long its answers take, as an average that follows the last ones.
    """
    failing_since: NotRequired[str | None]
    """
    Since when nothing but failures came of it.
    """
    updated_at: str
    """
    When this was so.
    """


class NewKey(TypedDict):
    """
    An API key to be made.
    """

    name: str
    """
    For people: who uses it, and what for; 1 to 100 characters.
    """
    scopes: list[Scope]
    """
    What it allows; at least one.
    """
    queues: list[str]
    """
    Which queues it sees and touches: globs of their names such as `shop-*`; `*` is all of them. 1 to 100.
    """
    rate: NotRequired[EnqueueRate | None]
    expires_at: NotRequired[str | None]
    """
    When it ends; never if left out.
    """


class NewSecret(TypedDict):
    """
    A signing secret to be added. Requests are signed with every secret that has not expired.
    """

    scheme: NotRequired[SigningScheme | None]
    secret: NotRequired[str | None]
    """
    An existing secret: `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of 32 or 64 bytes. One is made if left out.
    """
    overlap: NotRequired[Span | None]


class NewUser(TypedDict):
    """
    A user to be made.
    """

    name: str
    """
    What they sign in with: 1 to 64 of `a-z 0-9 . _ @ + -`; capitals are the same as small letters.
    """
    password: str
    """
    12 to 200 characters.
    """
    role: Role
    """
    What they may do.
    """
    queues: NotRequired[list[str]]
    """
    Which queues they see and touch: globs of their names; all of them (`*`) if left out. 1 to 100.
    """


class PageAttempt(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Attempt]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageAuditEntry(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[AuditEntry]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageDelivery(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Delivery]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageKey(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Key]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageUser(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[User]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class RateLimit(TypedDict):
    """
    How fast an endpoint is sent to: so many requests in each period, spread evenly over it.
    """

    limit: int
    """
    How many requests. 1 to 1,000,000.
    """
    per: NotRequired[RatePeriod]
    """
    In which time; default `second`.
    """
    burst: NotRequired[int | None]
    """
    How many may go at once after a pause. 1 to 1,000,000; default what 50 ms bring, and never less than what 20 ms bring.
    """


class ReplayFilter(TypedDict):
    """
    What is to be replayed. What is left out does not narrow; an empty filter means all dead letters.
    """

    state: NotRequired[ReplaySource | None]
    queue: NotRequired[str | None]
    """
    The name of a queue.
    """
    endpoint: NotRequired[str | None]
    """
    An endpoint.
    """
    type: NotRequired[str | None]
    """
    A glob of task types.
    """
    status: NotRequired[int | None]
    """
    The last HTTP status. Not for `any`.
    """
    failure: NotRequired[str | None]
    """
    The last kind of failure. For `dead` only.
    """
    error: NotRequired[str | None]
    """
    A text in the reason of the last verdict, in whatever case; 1 to 200 characters. For `dead` only.
    """
    since: NotRequired[str | None]
    """
    Given up, delivered, or, for `any`, enqueued at or after this time.
    """
    until: NotRequired[str | None]
    """
    The same before this time; now unless said: what comes later is not part of a replay.
    """


RetryAfter = TypedDict(
    'RetryAfter',
    {
        'for': Span
    },
)


class RetryPolicy(TypedDict):
    """
    When a failed delivery is tried again: an exponential backoff, or an explicit schedule.
    """

    attempts: NotRequired[int | None]
    """
    How many attempts are made in all, the first included. 1 to 100; default 12, or one more than the schedule has entries.
    """
    initial: NotRequired[Span | None]
    factor: NotRequired[float | None]
    """
    What each further pause is multiplied by. 1 to 10; default 4.
    """
    max: NotRequired[Span | None]
    schedule: NotRequired[list[Span] | None]
    """
    The pauses themselves, in place of `initial`, `factor` and `max`: at most 100; the last one repeats if there are more attempts.
    """
    jitter: NotRequired[float | None]
    """
    By what part of itself a pause is moved at random, to keep retries from coming all at once. 0 to 1; default 0.2.
    """


class RevealedSecret(TypedDict):
    """
    A signing secret with its value.
    """

    id: str
    """
    Its id.
    """
    secret: str
    """
    The value: `whsec_` or `whsk_`, and base64.
    """
    scheme: SigningScheme
    """
    How it signs.
    """
    public_key: NotRequired[str | None]
    """
    `whpk_` and base64: what verifies its signatures, where that is not the secret itself.
    """
    created_at: str
    """
    When it was made.
    """
    expires_at: NotRequired[str | None]
    """
    When it stops signing; absent for the current one.
    """


class RotateKey(TypedDict):
    """
    How a key is replaced by a new one.
    """

    grace: NotRequired[Span | None]
    expires_at: NotRequired[str | None]
    """
    When the new key ends. Unless said, it lives as long as the old one was made to.
    """


class Secret(TypedDict):
    """
    A signing secret, without its value.
    """

    id: str
    """
    Its id.
    """
    scheme: SigningScheme
    """
    How it signs.
    """
    public_key: NotRequired[str | None]
    """
    `whpk_` and base64: what verifies its signatures, where that is not the secret itself.
    """
    created_at: str
    """
    When it was made.
    """
    expires_at: NotRequired[str | None]
    """
    When it stops signing; absent for the current one.
    """


class Storage(TypedDict):
    """
    What the database takes on disk, from PostgreSQL's own statistics: rows are estimates.
    """

    at: str
    """
    When it was looked at.
    """
    database_bytes: int
    """
    The whole database.
    """
    tables: list[StorageTable]
    """
    Tables, the largest first. `tasks` and `attempts` are the sums of their partitions.
    """
    partitions: list[StoragePartition]
    """
    The partitions of `tasks` and `attempts`, oldest first; those of the future are left out.
    """
    oldest_partition: NotRequired[str | None]
    """
    The begin of the oldest partition that holds anything.
    """
    partition_seconds: int
    """
    How large a partition is in time, in seconds.
    """
    bytes_per_day: NotRequired[int | None]
    """
    What comes in a day, by the whole partitions of the last seven days; absent while there is none.
    """
    disk: NotRequired[Disk | None]
    forecast: NotRequired[Forecast | None]


class Task(TypedDict):
    """
    A task as it was enqueued, and where it is.
    """

    id: str
    """
    Its id, which is the `webhook-id` of its requests.
    """
    queue: str
    """
    The name of its queue.
    """
    type: str
    """
    What kind of task it is; empty if none was given.
    """
    state: TaskState
    """
    Where it is.
    """
    created_at: str
    """
    When it was enqueued.
    """
    due_at: str
    """
    When its first attempt was or is due.
    """
    expires_at: NotRequired[str | None]
    """
    When sending it makes no more sense.
    """
    priority: int
    """
    0 to 9, 9 goes first.
    """
    headers: NotRequired[dict[str, str]]
    """
    Headers sent with each request.
    """
    idempotency_key: NotRequired[str | None]
    """
    The caller's name for it.
    """
    retry: NotRequired[RetryPolicy | None]
    content_type: str
    """
    The payload's media type.
    """
    size: int
    """
    The payload's size in bytes.
    """
    payload: NotRequired[Payload | None]
    expired: NotRequired[bool]
    """
    Whether its payload and headers are gone because the queue keeps them no longer. It cannot be replayed any more.
    """
    expunged_at: NotRequired[str | None]
    """
    When its content was expunged, if it was: payload, headers, and what endpoints answered.
    """


class TestResult(TypedDict):
    """
    What came of a test-send: one attempt, never retried.
    """

    task: str
    """
    The task that was sent.
    """
    delivered: bool
    """
    Whether the endpoint accepted it.
    """
    attempt: NotRequired[Attempt | None]


class Traffic(TypedDict):
    """
    What went through a queue or an endpoint, minute by minute, oldest first. A minute in which nothing happened is left out.
    """

    latency_bounds_ms: list[int]
    """
    The upper bounds, in milliseconds, of `latency`'s buckets but the last.
    """
    points: list[TrafficPoint]
    """
    The minutes.
    """


class TrafficOverview(TypedDict):
    """
    What went through all queues, summed over steps of time, and which endpoints do worst.
    """

    latency_bounds_ms: list[int]
    """
    The upper bounds, in milliseconds, of `latency`'s buckets but the last.
    """
    step_seconds: int
    """
    The length of a step, in seconds.
    """
    steps: list[TrafficStep]
    """
    The steps, oldest first. One in which nothing happened is left out.
    """
    endpoints: list[EndpointTraffic]
    """
    The endpoints to which anything was sent, those with the most failures first; fifty at most.
    """


class VerdictAction1(TypedDict):
    """
    It is tried again after this time, in place of the retry policy's pause.
    """

    retry_after: RetryAfter
    """
    It is tried again after this time, in place of the retry policy's pause.
    """


class VerdictAction2(TypedDict):
    """
    It is tried again by the retry policy, and nothing is sent to the endpoint meanwhile.
    """

    hold_lane: HoldLane
    """
    It is tried again by the retry policy, and nothing is sent to the endpoint meanwhile.
    """


VerdictAction: TypeAlias = Literal['deliver'] | Literal['retry'] | VerdictAction1 | Literal['dead'] | VerdictAction2 | Literal['disable']
"""
What a rule makes of a response.
"""


class VerdictRule(TypedDict):
    """
    One rule: what it matches, and what happens then.
    """

    match: VerdictMatch
    """
    What must be so of the response, all of it; `{}` matches every response.
    """
    then: VerdictAction
    """
    What happens then.
    """


class VerdictSettings(TypedDict):
    """
    What answers mean. An endpoint's rules are asked first, then its queue's, then the preset's: the first that matches decides.
    """

    preset: NotRequired[VerdictPreset | None]
    rules: NotRequired[list[VerdictRule]]
    """
    Rules in the order in which they are asked; at most 50.
    """


class DeliverySettings(TypedDict):
    """
    How deliveries are made. Each field may be left out: an endpoint's come before its queue's, the queue's before the defaults.
    """

    retry: NotRequired[RetryPolicy | None]
    timeout: NotRequired[Span | None]
    connect_timeout: NotRequired[Span | None]
    max_in_flight: NotRequired[int | None]
    """
    How many requests an endpoint has in flight at most. 1 to 10,000; default 64.
    """
    retry_client_errors: NotRequired[bool | None]
    """
    Whether answers of 4xx that the standard table calls final (all but 408, 410, 425 and 429) are retried; default false.
    """
    rate_limit: NotRequired[RateLimit | None]
    adaptive_concurrency: NotRequired[bool | None]
    """
    Whether fewer requests than `max_in_flight` are in flight while an endpoint shows that it has too many: timeouts, answers of 429
    or 503, or answers that come more and more slowly; and ten at first, and one more with each answer. Default true.
    """
    breaker: NotRequired[BreakerPolicy | None]
    max_age: NotRequired[Span | None]
    disable_after: NotRequired[Span | None]
    verdict: NotRequired[VerdictSettings | None]
    ordering: NotRequired[OrderingPolicy | None]
    retention: NotRequired[RetentionPolicy | None]
    redact: NotRequired[list[str] | None]
    """
    Fields of JSON that are shown and stored as hashes: JSON pointers (RFC 6901) such as `/card/number`, where a part `*` stands for
    every element or field. What is sent stays as it is. At most 50; for queues alone.
    """
    trace_context: NotRequired[bool | None]
    """
    Whether requests carry `traceparent`, by which their receiver's own spans join the trace of the task; default true.
    """


class Endpoint(TypedDict):
    """
    A URL registered on a queue.
    """

    id: str
    """
    Its id.
    """
    queue: str
    """
    The name of its queue.
    """
    url: str
    """
    Where deliveries are posted.
    """
    description: str
    """
    For people.
    """
    filter: list[str]
    """
    Which task types it wants; empty: every task.
    """
    headers: dict[str, str]
    """
    Headers sent with each request.
    """
    auth: NotRequired[EndpointAuth | None]
    settings: DeliverySettings
    """
    What was set on it; what is absent is its queue's, or the default.
    """
    status: EndpointStatus
    """
    Whether it is pushed to.
    """
    disabled_reason: NotRequired[str | None]
    """
    Why it was disabled, if it was.
    """
    secret: NotRequired[str | None]
    """
    The signing secret; only in the answer to its making.
    """
    created_at: str
    """
    When it was registered.
    """
    updated_at: str
    """
    When it was last changed.
    """


class EndpointUpdate(TypedDict):
    """
    What of an endpoint is to change: what is left out stays; `filter`, `headers` and `auth` are replaced whole; `settings` is a JSON merge patch.
    """

    url: NotRequired[str]
    """
    The new URL.
    """
    description: NotRequired[str]
    """
    The new description.
    """
    filter: NotRequired[list[str]]
    """
    The new filter.
    """
    headers: NotRequired[dict[str, str]]
    """
    The new headers.
    """
    auth: NotRequired[EndpointAuth | None]
    settings: NotRequired[DeliverySettings]
    """
    A merge patch of the settings.
    """


class NewEndpoint(TypedDict):
    """
    An endpoint to be registered on a queue.
    """

    url: str
    """
    Where deliveries are posted: http or https, no user name or password, at most 2,048 characters.
    """
    description: NotRequired[str]
    """
    For people; at most 500 characters.
    """
    filter: NotRequired[list[str]]
    """
    Which task types it wants: globs such as `invoice.*`; `*` stands for any run of characters. Empty: every task. At most 100.
    """
    headers: NotRequired[dict[str, str]]
    """
    Headers sent with each request, at most 32; not those that Posthaste or HTTP itself sets. Whoever may read the endpoint reads their
    values: secrets belong into `auth`.
    """
    auth: NotRequired[EndpointAuth | None]
    settings: NotRequired[DeliverySettings]
    """
    How its deliveries are made, where it differs from its queue.
    """
    scheme: NotRequired[SigningScheme | None]
    secret: NotRequired[str | None]
    """
    An existing signing secret: `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of 32 or 64 bytes. One is made if left out.
    """


class NewQueue(TypedDict):
    """
    A queue to be made.
    """

    name: str
    """
    1 to 100 of `a-z A-Z 0-9 . _ -`, beginning with a letter or digit; never changes.
    """
    description: NotRequired[str]
    """
    For people; at most 500 characters.
    """
    settings: NotRequired[DeliverySettings]
    """
    How its deliveries are made, unless an endpoint or a task says otherwise.
    """
    max_depth: NotRequired[int | None]
    """
    How many deliveries that have not ended it may hold: beyond it enqueues are refused with 429. No limit if left out.
    """


class NewReplay(TypedDict):
    """
    A replay to be begun.
    """

    filter: ReplayFilter
    """
    What is to be replayed. It must be there: everything is meant only by who sends `{}`.
    """
    rate: NotRequired[int | None]
    """
    How many a second; 1 to 10,000, default 100.
    """
    target: NotRequired[str | None]
    """
    The endpoint that all of it is sent to, in place of those it was for.
    """


class NewTask(TypedDict):
    """
    A task to be enqueued. The payload is given once: as `payload`, which is sent byte for byte as written, or as `payload_base64`.
    """

    type: NotRequired[str | None]
    """
    What kind of task it is, dotted: `invoice.paid`. 1 to 200 of `a-z A-Z 0-9 . _ - : /`; endpoints filter by it. May be left out.
    """
    payload: NotRequired[Any]
    """
    Any JSON value, `null` included.
    """
    payload_base64: NotRequired[str | None]
    """
    Any bytes, in base64.
    """
    content_type: NotRequired[str | None]
    """
    The payload's media type; default `application/json`, or `application/octet-stream` for `payload_base64`.
    """
    headers: NotRequired[dict[str, str]]
    """
    Headers sent with each request, at most 32; not those that Posthaste or HTTP itself sets.
    """
    priority: NotRequired[int | None]
    """
    0 to 9, 9 goes first; default 4.
    """
    delay: NotRequired[Span | None]
    due_at: NotRequired[str | None]
    """
    When to make the first attempt, in place of `delay`; at most a year ahead.
    """
    expires_at: NotRequired[str | None]
    """
    When sending it makes no more sense: what is not delivered by then becomes a dead letter.
    """
    idempotency_key: NotRequired[str | None]
    """
    A name of the caller's for this task, unique in the queue for 24 h: a repeat makes no second task. 1 to 255 characters.
    """
    ordering_key: NotRequired[str | None]
    """
    What it is in order with, at endpoints whose `ordering` is by key: tasks with the same one go one at a time, in the order in which
    they were enqueued. 1 to 255 characters.
    """
    retry: NotRequired[RetryPolicy | None]


class PageEndpoint(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Endpoint]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageSecret(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Secret]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageTask(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Task]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class Queue(TypedDict):
    """
    A named stream of tasks, with its defaults.
    """

    id: str
    """
    Its id.
    """
    name: str
    """
    Its name, by which the API knows it.
    """
    description: str
    """
    For people.
    """
    settings: DeliverySettings
    """
    What was set on it; what is absent has the default.
    """
    max_depth: NotRequired[int | None]
    """
    How many deliveries that have not ended it may hold; absent for no limit.
    """
    depth: int
    """
    How many deliveries it has that have not ended: scheduled, pending, retrying or in flight.
    """
    paused: bool
    """
    Whether its deliveries wait although they are due.
    """
    endpoints: int
    """
    How many endpoints are registered on it.
    """
    created_at: str
    """
    When it was made.
    """
    updated_at: str
    """
    When it was last changed.
    """


class QueueUpdate(TypedDict):
    """
    What of a queue is to change: a JSON merge patch (RFC 7396). What is left out stays; in `settings`, `null` takes a setting back.
    """

    description: NotRequired[str]
    """
    The new description.
    """
    settings: NotRequired[DeliverySettings]
    """
    A merge patch of the settings.
    """
    max_depth: NotRequired[int | None]
    """
    The new limit; `null` takes it back.
    """


class Replay(TypedDict):
    """
    A replay: new deliveries of old tasks, made in the background at a rate of its own, below what is enqueued meanwhile.
    """

    id: str
    """
    Its id, which its requests carry as `posthaste-replay`.
    """
    filter: ReplayFilter
    """
    What is replayed.
    """
    rate: int
    """
    How many a second.
    """
    target: NotRequired[str | None]
    """
    The endpoint that all of it is sent to, if not those it was for.
    """
    status: ReplayStatus
    """
    Where it is.
    """
    expected: int
    """
    How many deliveries it was expected to make when it began.
    """
    expected_exact: bool
    """
    Whether that was all, or there are at least so many.
    """
    looked: int
    """
    How many it has looked at.
    """
    matched: int
    """
    How many of them the filter means.
    """
    done: int
    """
    How many of these it has replayed.
    """
    skipped: int
    """
    How many of these it has not: the task or the endpoint is gone, or it waits already.
    """
    problem: NotRequired[str | None]
    """
    Why the last batch failed, if it did; it is tried again.
    """
    created_at: str
    """
    When it was begun by its caller.
    """
    started_at: NotRequired[str | None]
    """
    When a node first worked on it.
    """
    ended_at: NotRequired[str | None]
    """
    When it was through, or cancelled.
    """


class PageQueue(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Queue]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """


class PageReplay(TypedDict):
    """
    One page of a list, newest first unless the list says otherwise.
    """

    items: list[Replay]
    """
    The items; may be fewer than `limit` although more follow, when a filter made the server look far.
    """
    next_page: NotRequired[str | None]
    """
    Give this as `page` to go on with the same filters; absent on the last page.
    """
