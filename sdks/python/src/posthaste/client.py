"""The clients: every operation of the API, and, by hand, those that enqueue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from . import types
from .async_operations import AsyncOperations
from .operations import Operations
from .transport import part


def keyed(task: types.NewTask) -> types.NewTask:
    """The task with a name of its own, unless it has one: it can then be enqueued again when no answer came, and is one task all the same."""
    return task if task.get("idempotency_key") else {**task, "idempotency_key": uuid4().hex}


def _raw_headers(idempotency_key: str | None, headers: Mapping[str, str] | None, content_type: str, options: Mapping[str, Any]) -> dict[str, str]:
    named = {f"posthaste-{name.replace('_', '-')}": str(value) for name, value in options.items() if value is not None}
    return {**(headers or {}), **named, "content-type": content_type, "idempotency-key": f'"{idempotency_key or uuid4().hex}"'}


class Posthaste(Operations):
    """A server, and a key of it.

    >>> with Posthaste("http://127.0.0.1:8080", "ph_...") as posthaste:
    ...     posthaste.enqueue("orders", {"type": "order.paid", "payload": {"id": 7}})
    """

    def enqueue(self, queue: str, task: types.NewTask) -> types.Enqueued:
        """Enqueue a task. When this returns, it is committed."""
        return self.call("POST", f"/v1/queues/{part(queue)}/tasks", body=keyed(task), harmless=True)

    def enqueue_batch(self, queue: str, tasks: Iterable[types.NewTask]) -> types.BatchResult:
        """Enqueue many, 10,000 at most. Each has its own result, in their order; one that is refused sinks no other."""
        return self.call("POST", f"/v1/queues/{part(queue)}/tasks/batch", body=[keyed(task) for task in tasks], harmless=True)

    def enqueue_raw(
        self, queue: str, payload: bytes, *, content_type: str = "application/octet-stream", headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None, **options: Any,
    ) -> types.Enqueued:
        """Enqueue any bytes. `options`: type, priority, delay, due_at, expires_at, ordering_key, retry."""
        headers = _raw_headers(idempotency_key, headers, content_type, options)
        return self.call("POST", f"/v1/queues/{part(queue)}/tasks/raw", content=payload, headers=headers, harmless=True)

    def read_payload(self, id: str) -> bytes:
        """Read a task's payload, byte for byte."""
        return self.call("GET", f"/v1/tasks/{part(id)}/payload", raw=True)

    def all(self, operation: Callable[..., Any], *arguments: Any, **query: Any) -> Iterator[Any]:
        """The items of all pages of a list: `posthaste.all(posthaste.list_tasks, "orders", state="retrying")`."""
        while True:
            page = operation(*arguments, **query)
            yield from page["items"]
            if not page.get("next_page"):
                return
            query["page"] = page["next_page"]


class AsyncPosthaste(AsyncOperations):
    """The same to be awaited."""

    async def enqueue(self, queue: str, task: types.NewTask) -> types.Enqueued:
        """See :meth:`Posthaste.enqueue`."""
        return await self.call("POST", f"/v1/queues/{part(queue)}/tasks", body=keyed(task), harmless=True)

    async def enqueue_batch(self, queue: str, tasks: Iterable[types.NewTask]) -> types.BatchResult:
        """See :meth:`Posthaste.enqueue_batch`."""
        return await self.call("POST", f"/v1/queues/{part(queue)}/tasks/batch", body=[keyed(task) for task in tasks], harmless=True)

    async def enqueue_raw(
        self, queue: str, payload: bytes, *, content_type: str = "application/octet-stream", headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None, **options: Any,
    ) -> types.Enqueued:
        """See :meth:`Posthaste.enqueue_raw`."""
        headers = _raw_headers(idempotency_key, headers, content_type, options)
        return await self.call("POST", f"/v1/queues/{part(queue)}/tasks/raw", content=payload, headers=headers, harmless=True)

    async def read_payload(self, id: str) -> bytes:
        """See :meth:`Posthaste.read_payload`."""
        return await self.call("GET", f"/v1/tasks/{part(id)}/payload", raw=True)

    async def all(self, operation: Callable[..., Awaitable[Any]], *arguments: Any, **query: Any) -> AsyncIterator[Any]:
        """See :meth:`Posthaste.all`."""
        while True:
            page = await operation(*arguments, **query)
            for item in page["items"]:
                yield item
            if not page.get("next_page"):
                return
            query["page"] = page["next_page"]
