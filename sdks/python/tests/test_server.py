"""Against a running server: POSTHASTE_URL and POSTHASTE_KEY. What it delivers comes back here and is verified."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from posthaste import AsyncPosthaste, Delivery, NotVerified, Posthaste, Refused, verify

URL, KEY = os.environ["POSTHASTE_URL"], os.environ["POSTHASTE_KEY"]


@dataclass
class Shop:
    """A queue with an endpoint here, and what arrived."""

    posthaste: Posthaste
    queue: str
    arrived: dict[str, Delivery] = field(default_factory=dict)

    def arrival(self, id: str) -> Delivery:
        until = time.monotonic() + 60
        while id not in self.arrived:
            assert time.monotonic() < until, f"{id} has not arrived"
            time.sleep(0.02)
        return self.arrived[id]


@pytest.fixture(scope="module", name="shop")
def make_shop() -> Iterator[Shop]:
    secret = ""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                delivery = verify(secret, body, dict(self.headers))
                with pytest.raises(NotVerified):
                    verify(secret, body + b" ", dict(self.headers))
                shop.arrived[delivery.id] = delivery
                self.send_response(204)
            except NotVerified:
                self.send_response(401)
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Posthaste(URL, KEY) as posthaste:
        shop = Shop(posthaste, f"python-{time.time_ns()}")
        posthaste.make_queue({"name": shop.queue})
        endpoint = posthaste.make_endpoint(shop.queue, {"url": f"http://127.0.0.1:{server.server_address[1]}/"})
        secret = endpoint["secret"] or ""
        yield shop
        posthaste.delete_queue(shop.queue)
    server.shutdown()


def test_a_task_is_enqueued_once_delivered_and_verified(shop: Shop) -> None:
    first = shop.posthaste.enqueue(shop.queue, {"type": "order.paid", "payload": {"id": 7}, "idempotency_key": "7"})
    again = shop.posthaste.enqueue(shop.queue, {"type": "order.paid", "payload": {"id": 7}, "idempotency_key": "7"})
    assert first["id"] == again["id"]
    delivery = shop.arrival(first["id"])
    assert (delivery.type, delivery.queue, delivery.attempt, delivery.replayed) == ("order.paid", shop.queue, 1, False)
    assert delivery.json() == {"id": 7}


def test_any_bytes_go_through_unchanged(shop: Shop) -> None:
    enqueued = shop.posthaste.enqueue_raw(shop.queue, b"a,b\n1,2\n", content_type="text/csv", type="table.made", priority=9)
    assert shop.arrival(enqueued["id"]).payload == b"a,b\n1,2\n"
    assert shop.posthaste.read_payload(enqueued["id"]) == b"a,b\n1,2\n"
    assert shop.posthaste.read_task(enqueued["id"])["priority"] == 9


def test_a_batch_answers_for_each_and_is_listed_page_after_page(shop: Shop) -> None:
    result = shop.posthaste.enqueue_batch(shop.queue, [{"type": "a", "payload": 1}, {"type": "a", "payload": 2}, {"payload": 3, "priority": 99}])
    assert (result["accepted"], result["rejected"]) == (2, 1)
    listed = [task["id"] for task in shop.posthaste.all(shop.posthaste.list_tasks, shop.queue, type="a", limit=1)]
    assert len(listed) == 2


def test_the_same_when_awaited(shop: Shop) -> None:
    async def run() -> tuple[str, list[str]]:
        async with AsyncPosthaste(URL, KEY) as posthaste:
            enqueued = await posthaste.enqueue(shop.queue, {"type": "b", "payload": None})
            return enqueued["id"], [task["id"] async for task in posthaste.all(posthaste.list_tasks, shop.queue, type="b")]

    id, listed = asyncio.run(run())
    assert listed == [id] and shop.arrival(id).payload == b"null"


def test_what_the_server_refuses_says_which_field_is_wrong(shop: Shop) -> None:
    with pytest.raises(Refused) as refused:
        shop.posthaste.enqueue(shop.queue, {"payload": 1, "priority": 99})
    assert [error["field"] for error in refused.value.problem.get("errors", [])] == ["priority"]
    with pytest.raises(Refused) as refused:
        shop.posthaste.enqueue("nowhere", {"payload": 1})
    assert refused.value.status == 404
