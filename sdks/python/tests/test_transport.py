"""Against a server that answers as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from posthaste import AsyncPosthaste, NotVerified, Posthaste, Refused, Retries, Unreachable, verify

ENQUEUED = {"id": "0190163d-8694-739b-aea5-966c26f8ad91", "deliveries": 1}
QUICK = Retries(first_pause=0.001)
Answer = tuple[int, dict[str, str], Any]


class Told:
    """A server with these answers, in turn, the last again and again; `asked` is what it was asked. A status of 0 breaks the connection."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                told.asked.append((self.path, dict(self.headers), body))
                status, headers, answer = answers[min(len(told.asked), len(answers)) - 1]
                if status == 0:
                    self.close_connection = True
                    return
                text = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/"


@pytest.fixture
def told() -> Iterator[Any]:
    made: list[Told] = []

    def make(*answers: Answer) -> Told:
        made.append(Told(*answers))
        return made[-1]

    yield make
    for server in made:
        server.server.shutdown()
        server.server.server_close()


@pytest.mark.parametrize("status", [429, 503, 0])
def test_an_enqueue_is_repeated_under_one_key(told: Any, status: int) -> None:
    server = told((status, {}, {}), (status, {}, {}), (202, {}, ENQUEUED))
    with Posthaste(server.url, "ph_x", retries=QUICK) as posthaste:
        assert posthaste.enqueue("q", {"payload": 1}) == ENQUEUED
    keys = [json.loads(body)["idempotency_key"] for _, _, body in server.asked]
    assert len(keys) == 3 and len(set(keys)) == 1
    path, headers, _ = server.asked[0]
    assert path == "/v1/queues/q/tasks" and {k.lower(): v for k, v in headers.items()}["authorization"] == "Bearer ph_x"


def test_the_same_when_awaited(told: Any) -> None:
    server = told((503, {"retry-after": "0"}, {}), (202, {}, ENQUEUED))

    async def enqueue() -> Any:
        async with AsyncPosthaste(server.url, "ph_x", retries=QUICK) as posthaste:
            return await posthaste.enqueue("q", {"payload": 1})

    assert asyncio.run(enqueue()) == ENQUEUED
    assert len(server.asked) == 2


def test_a_pause_that_is_too_long_is_the_callers(told: Any) -> None:
    server = told((429, {"retry-after": "31"}, {"detail": "later"}))
    with Posthaste(server.url, "ph_x") as posthaste, pytest.raises(Refused, match="later") as refused:
        posthaste.enqueue("q", {"payload": 1})
    assert refused.value.retry_after == 31 and len(server.asked) == 1


def test_what_may_have_been_done_is_not_done_again(told: Any) -> None:
    for status, error in ((503, Refused), (0, Unreachable)):
        server = told((status, {}, {"detail": "away"}))
        with Posthaste(server.url, "ph_x", retries=QUICK) as posthaste, pytest.raises(error):
            posthaste.make_queue({"name": "q"})
        assert len(server.asked) == 1


def test_a_refusal_names_its_fields(told: Any) -> None:
    server = told((400, {}, {"title": "Not valid", "detail": "look", "errors": [{"field": "name", "detail": "is empty"}]}))
    with Posthaste(server.url, "ph_x") as posthaste, pytest.raises(Refused, match="name: is empty"):
        posthaste.make_queue({"name": ""})


def test_retries_are_decided_from_what_happened() -> None:
    retries = Retries()
    assert retries.pause(1, False, 429, 2.0, True, 0.0) == 2.0
    assert retries.pause(1, False, 503, None, True, 0.0) is None
    assert [retries.pause(made, True, 503, None, True, 0.0) for made in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, None]
    assert retries.pause(1, True, 500, None, True, 0.0) is None
    assert retries.pause(1, False, None, None, False, 1.0) == 0.05


def test_a_signature_is_verified_and_a_forgery_is_not() -> None:
    secret, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.now(timezone.utc)
    signature = Webhook(secret).sign("msg_1", now, "{}")
    headers = {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": f"v1a,x {signature}"}
    delivery = verify(secret, b"{}", headers)
    assert (delivery.id, delivery.type, delivery.attempt) == ("msg_1", None, None)
    for forged in (b"{ }", b"\xff"):
        with pytest.raises(NotVerified):
            verify(secret, forged, headers)
    with pytest.raises(NotVerified):
        verify(secret, b"{}", {})
