"""Every operation of the API by its name. Made from gateway/openapi.json by generate.py; not to be changed by hand."""

from __future__ import annotations

from typing import Any

from . import types
from .transport import Transport, part


class Operations(Transport):
    """The operations as methods: of the path first, then the body, then, by name, the query."""

    def list_queues(self, *, limit: int | None = None, page: str | None = None) -> types.PageQueue:
        """List the queues, by name."""
        return self.call("GET", "/v1/queues", query={"limit": limit, "page": page})

    def make_queue(self, body: types.NewQueue) -> types.Queue:
        """Make a queue."""
        return self.call("POST", "/v1/queues", body=body)

    def read_queue(self, queue: str) -> types.Queue:
        """Read a queue."""
        return self.call("GET", f"/v1/queues/{part(queue)}")

    def delete_queue(self, queue: str) -> None:
        """Delete a queue with its endpoints."""
        return self.call("DELETE", f"/v1/queues/{part(queue)}")

    def update_queue(self, queue: str, body: types.QueueUpdate) -> types.Queue:
        """Change a queue."""
        return self.call("PATCH", f"/v1/queues/{part(queue)}", body=body)

    def pause_queue(self, queue: str) -> types.Queue:
        """Hold back the deliveries of a queue."""
        return self.call("POST", f"/v1/queues/{part(queue)}/pause", harmless=True)

    def purge_queue(self, queue: str) -> types.Count:
        """Cancel what waits in a queue."""
        return self.call("POST", f"/v1/queues/{part(queue)}/purge", harmless=True)

    def resume_queue(self, queue: str) -> types.Queue:
        """Let the deliveries of a queue go on."""
        return self.call("POST", f"/v1/queues/{part(queue)}/resume", harmless=True)

    def traffic_of_queue(self, queue: str, *, since: str | None = None, until: str | None = None) -> types.Traffic:
        """Count what went through a queue, minute by minute."""
        return self.call("GET", f"/v1/queues/{part(queue)}/traffic", query={"since": since, "until": until})

    def simulate_queue(self, queue: str, body: types.VerdictCase) -> types.SimulatedVerdict:
        """Ask what a response would cause in a queue."""
        return self.call("POST", f"/v1/queues/{part(queue)}/verdict:simulate", body=body, harmless=True)

    def traffic(self, *, since: str | None = None, until: str | None = None, step: int | None = None) -> types.TrafficOverview:
        """Sum up what went through all queues."""
        return self.call("GET", "/v1/traffic", query={"since": since, "until": until, "step": step})

    def read_endpoint(self, id: str) -> types.Endpoint:
        """Read an endpoint."""
        return self.call("GET", f"/v1/endpoints/{part(id)}")

    def delete_endpoint(self, id: str) -> None:
        """Delete an endpoint."""
        return self.call("DELETE", f"/v1/endpoints/{part(id)}")

    def update_endpoint(self, id: str, body: types.EndpointUpdate) -> types.Endpoint:
        """Change an endpoint."""
        return self.call("PATCH", f"/v1/endpoints/{part(id)}", body=body)

    def attempts_of_endpoint(self, id: str, *, limit: int | None = None, page: str | None = None) -> types.PageAttempt:
        """List the attempts at an endpoint, newest first."""
        return self.call("GET", f"/v1/endpoints/{part(id)}/attempts", query={"limit": limit, "page": page})

    def disable_endpoint(self, id: str) -> types.Endpoint:
        """Disable an endpoint until it is enabled again."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/disable", harmless=True)

    def enable_endpoint(self, id: str) -> types.Endpoint:
        """Enable an endpoint, whatever it was stopped for."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/enable", harmless=True)

    def lane_of_endpoint(self, id: str) -> types.Lane:
        """See what the deliveries of an endpoint wait for."""
        return self.call("GET", f"/v1/endpoints/{part(id)}/lane")

    def pause_endpoint(self, id: str) -> types.Endpoint:
        """Hold back the deliveries of an endpoint."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/pause", harmless=True)

    def purge_endpoint(self, id: str) -> types.Count:
        """Cancel what waits for an endpoint."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/purge", harmless=True)

    def resume_endpoint(self, id: str) -> types.Endpoint:
        """Let the deliveries of an endpoint go on."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/resume", harmless=True)

    def list_secrets(self, id: str) -> types.PageSecret:
        """List the secrets that sign, newest first, without their values."""
        return self.call("GET", f"/v1/endpoints/{part(id)}/secrets")

    def add_secret(self, id: str, body: types.NewSecret | None = None) -> types.RevealedSecret:
        """Add a signing secret."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/secrets", body=body)

    def reveal_secret(self, id: str, secret: str) -> types.RevealedSecret:
        """Reveal a secret that signs."""
        return self.call("GET", f"/v1/endpoints/{part(id)}/secrets/{part(secret)}")

    def delete_secret(self, id: str, secret: str) -> None:
        """Delete a secret."""
        return self.call("DELETE", f"/v1/endpoints/{part(id)}/secrets/{part(secret)}")

    def test_endpoint(self, id: str, body: types.TestSend | None = None) -> types.TestResult:
        """Send an endpoint a test, and wait for what comes back."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/test", body=body)

    def traffic_of_endpoint(self, id: str, *, since: str | None = None, until: str | None = None) -> types.Traffic:
        """Count what went to an endpoint, minute by minute."""
        return self.call("GET", f"/v1/endpoints/{part(id)}/traffic", query={"since": since, "until": until})

    def simulate_endpoint(self, id: str, body: types.VerdictCase) -> types.SimulatedVerdict:
        """Ask what a response of an endpoint would cause."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/verdict:simulate", body=body, harmless=True)

    def verify_signature(self, id: str, body: types.SignedRequest) -> types.Verification:
        """Explain the signature of a request."""
        return self.call("POST", f"/v1/endpoints/{part(id)}/verify", body=body, harmless=True)

    def list_endpoints(self, queue: str, *, limit: int | None = None, page: str | None = None) -> types.PageEndpoint:
        """List the endpoints of a queue, oldest first."""
        return self.call("GET", f"/v1/queues/{part(queue)}/endpoints", query={"limit": limit, "page": page})

    def make_endpoint(self, queue: str, body: types.NewEndpoint) -> types.Endpoint:
        """Register an endpoint on a queue."""
        return self.call("POST", f"/v1/queues/{part(queue)}/endpoints", body=body)

    def list_tasks(self, queue: str, *, type: str | None = None, endpoint: str | None = None, header: str | None = None, state: types.TaskState | None = None, since: str | None = None, until: str | None = None, limit: int | None = None, page: str | None = None) -> types.PageTask:
        """List the tasks of a queue, newest first."""
        return self.call("GET", f"/v1/queues/{part(queue)}/tasks", query={"type": type, "endpoint": endpoint, "header": header, "state": state, "since": since, "until": until, "limit": limit, "page": page})

    def read_task(self, id: str) -> types.Task:
        """Read a task with its payload."""
        return self.call("GET", f"/v1/tasks/{part(id)}")

    def attempts_of_task(self, id: str, *, limit: int | None = None, page: str | None = None) -> types.PageAttempt:
        """List the attempts of a task, delivery by delivery, oldest first."""
        return self.call("GET", f"/v1/tasks/{part(id)}/attempts", query={"limit": limit, "page": page})

    def cancel_task(self, id: str) -> types.Cancelled:
        """Cancel what of a task has not ended."""
        return self.call("POST", f"/v1/tasks/{part(id)}/cancel", harmless=True)

    def list_deliveries(self, id: str, *, limit: int | None = None, page: str | None = None) -> types.PageDelivery:
        """List the deliveries of a task, oldest first."""
        return self.call("GET", f"/v1/tasks/{part(id)}/deliveries", query={"limit": limit, "page": page})

    def expunge_task(self, id: str) -> types.Expunged:
        """Clear a task's content now."""
        return self.call("POST", f"/v1/tasks/{part(id)}/expunge", harmless=True)

    def replay_task(self, id: str, body: types.ReplayTask | None = None) -> types.TaskReplayed:
        """Send a task once more."""
        return self.call("POST", f"/v1/tasks/{part(id)}/replay", body=body)

    def read_delivery(self, id: str) -> types.Delivery:
        """Read a delivery, and why it is where it is."""
        return self.call("GET", f"/v1/deliveries/{part(id)}")

    def attempts_of_delivery(self, id: str, *, limit: int | None = None, page: str | None = None) -> types.PageAttempt:
        """List the attempts of a delivery, oldest first."""
        return self.call("GET", f"/v1/deliveries/{part(id)}/attempts", query={"limit": limit, "page": page})

    def list_dead_letters(self, *, queue: str | None = None, endpoint: str | None = None, type: str | None = None, status: int | None = None, failure: str | None = None, since: str | None = None, until: str | None = None, limit: int | None = None, page: str | None = None) -> types.PageDeadLetter:
        """List the dead letters, newest first."""
        return self.call("GET", "/v1/dead-letters", query={"queue": queue, "endpoint": endpoint, "type": type, "status": status, "failure": failure, "since": since, "until": until, "limit": limit, "page": page})

    def group_dead_letters(self, *, queue: str | None = None, endpoint: str | None = None, type: str | None = None, status: int | None = None, failure: str | None = None, since: str | None = None, until: str | None = None) -> types.DeadLetterGroups:
        """Count the dead letters by endpoint and reason."""
        return self.call("GET", "/v1/dead-letters/groups", query={"queue": queue, "endpoint": endpoint, "type": type, "status": status, "failure": failure, "since": since, "until": until})

    def purge_dead_letters(self, body: types.DeadLetterFilter) -> types.Count:
        """Throw away all dead letters that a filter means."""
        return self.call("POST", "/v1/dead-letters/purge", body=body, harmless=True)

    def replay_dead_letters(self, body: types.DeadLetterFilter) -> types.Count:
        """Replay all dead letters that a filter means."""
        return self.call("POST", "/v1/dead-letters/replay", body=body)

    def read_dead_letter(self, id: str) -> types.DeadLetter:
        """Read a dead letter."""
        return self.call("GET", f"/v1/dead-letters/{part(id)}")

    def replay_dead_letter(self, id: str) -> types.Replayed:
        """Replay a dead letter."""
        return self.call("POST", f"/v1/dead-letters/{part(id)}/replay")

    def list_replays(self, *, queue: str | None = None, status: types.ReplayStatus | None = None, limit: int | None = None, page: str | None = None) -> types.PageReplay:
        """List replays, newest first."""
        return self.call("GET", "/v1/replays", query={"queue": queue, "status": status, "limit": limit, "page": page})

    def begin_replay(self, body: types.NewReplay) -> types.Replay:
        """Begin a replay."""
        return self.call("POST", "/v1/replays", body=body)

    def read_replay(self, id: str) -> types.Replay:
        """Read a replay, and how far it has come."""
        return self.call("GET", f"/v1/replays/{part(id)}")

    def cancel_replay(self, id: str) -> types.Replay:
        """End a replay for good."""
        return self.call("POST", f"/v1/replays/{part(id)}/cancel", harmless=True)

    def pause_replay(self, id: str) -> types.Replay:
        """Let a replay make nothing more until it is resumed."""
        return self.call("POST", f"/v1/replays/{part(id)}/pause", harmless=True)

    def resume_replay(self, id: str) -> types.Replay:
        """Let a replay go on."""
        return self.call("POST", f"/v1/replays/{part(id)}/resume", harmless=True)

    def preview_replay(self, body: types.NewReplay) -> types.ReplayPreview:
        """Tell what a replay would be."""
        return self.call("POST", "/v1/replays:preview", body=body, harmless=True)

    def list_keys(self, *, limit: int | None = None, page: str | None = None) -> types.PageKey:
        """List the API keys, oldest first."""
        return self.call("GET", "/v1/keys", query={"limit": limit, "page": page})

    def make_key(self, body: types.NewKey) -> types.Key:
        """Make an API key."""
        return self.call("POST", "/v1/keys", body=body)

    def read_key(self, id: str) -> types.Key:
        """Read what an API key allows."""
        return self.call("GET", f"/v1/keys/{part(id)}")

    def revoke_key(self, id: str) -> None:
        """Revoke an API key for good."""
        return self.call("DELETE", f"/v1/keys/{part(id)}")

    def update_key(self, id: str, body: types.KeyUpdate) -> types.Key:
        """Change what an API key allows."""
        return self.call("PATCH", f"/v1/keys/{part(id)}", body=body)

    def rotate_key(self, id: str, body: types.RotateKey | None = None) -> types.Key:
        """Make a key with the same rights in the place of one."""
        return self.call("POST", f"/v1/keys/{part(id)}/rotate", body=body)

    def list_users(self, *, limit: int | None = None, page: str | None = None) -> types.PageUser:
        """List the users, oldest first."""
        return self.call("GET", "/v1/users", query={"limit": limit, "page": page})

    def make_user(self, body: types.NewUser) -> types.User:
        """Make a user."""
        return self.call("POST", "/v1/users", body=body)

    def read_user(self, id: str) -> types.User:
        """Read a user."""
        return self.call("GET", f"/v1/users/{part(id)}")

    def delete_user(self, id: str) -> None:
        """Delete a user for good."""
        return self.call("DELETE", f"/v1/users/{part(id)}")

    def update_user(self, id: str, body: types.UserUpdate) -> types.User:
        """Change what a user may, or their password."""
        return self.call("PATCH", f"/v1/users/{part(id)}", body=body)

    def sign_user_out(self, id: str) -> None:
        """End all sessions of a user."""
        return self.call("POST", f"/v1/users/{part(id)}/sign-out", harmless=True)

    def list_audit(self, *, limit: int | None = None, page: str | None = None) -> types.PageAuditEntry:
        """List what was done of consequence, newest first."""
        return self.call("GET", "/v1/audit", query={"limit": limit, "page": page})

    def rotate_vault(self) -> types.Count:
        """Seal every secret anew with the current key."""
        return self.call("POST", "/v1/vault/rotate", harmless=True)

    def read_storage(self) -> types.Storage:
        """Read what the database takes on disk."""
        return self.call("GET", "/v1/storage")

    def read_system(self) -> types.SystemReport:
        """Read what runs: versions, nodes, and the configuration of the node that is asked."""
        return self.call("GET", "/v1/system")

    def metrics(self) -> None:
        """Read the metrics of this node."""
        return self.call("GET", "/metrics")

    def ready(self) -> types.Health:
        """Whether this node is of use."""
        return self.call("GET", "/readyz")
