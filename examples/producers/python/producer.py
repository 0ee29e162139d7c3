#!/usr/bin/env python3
"""Makes a queue with one endpoint, and enqueues tasks, with the library in sdks/python. Prints the id of each, a line each.

Environment:
  POSTHASTE_URL    where Posthaste listens; http://127.0.0.1:8080 unless set
  POSTHASTE_KEY    an API key: ph_...
  RECEIVER_URL     where to deliver: what a receiver printed behind "listening on"
  WEBHOOK_SECRET   the secret that the receiver has: whsec_...
  QUEUE            the queue's name; "orders" unless set
"""

import os
import sys
import time

from posthaste import Posthaste, PosthasteError, Refused


def given(name: str) -> str:
    return os.environ.get(name) or sys.exit(f"{name} is not set: see the beginning of this file")


def make_queue(posthaste: Posthaste, queue: str) -> None:
    try:
        posthaste.read_queue(queue)
    except Refused as refused:
        if refused.status != 404:
            raise
        # This is the first run: only then are queue and endpoint made.
        posthaste.make_queue({"name": queue})
        posthaste.make_endpoint(queue, {"url": given("RECEIVER_URL"), "secret": given("WEBHOOK_SECRET")})


def main() -> None:
    queue = os.environ.get("QUEUE", "orders")
    run = f"{int(time.time())}-{os.getpid()}"
    with Posthaste(os.environ.get("POSTHASTE_URL", "http://127.0.0.1:8080"), given("POSTHASTE_KEY")) as posthaste:
        make_queue(posthaste, queue)
        order = {"order": run, "amount": "12.50", "currency": "EUR"}
        # The key makes it safe to ask again when no answer came: the same key is the same task. (Without one, the library makes one up,
        # which holds for its own attempts.)
        first = posthaste.enqueue(queue, {"type": "order.paid", "payload": order, "idempotency_key": f"paid-{run}"})
        again = posthaste.enqueue(queue, {"type": "order.paid", "payload": order, "idempotency_key": f"paid-{run}"})
        if again["id"] != first["id"]:
            sys.exit(f"the same idempotency key made a second task: {again}")
        print(first["id"])
        batch = posthaste.enqueue_batch(queue, [{"type": "order.paid", "payload": order | {"order": f"{run}-{at}"}} for at in range(5)])
        for item in batch["items"]:
            print(item["id"])


if __name__ == "__main__":
    try:
        main()
    except PosthasteError as error:
        sys.exit(str(error))
