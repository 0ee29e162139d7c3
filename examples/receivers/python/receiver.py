"""Receives what Posthaste delivers: verifies each request with the Standard Webhooks library and prints one line for it.

Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.
"""

import json
import os
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1024 * 1024
"""Bytes; Posthaste takes no larger payload unless it is configured to."""

REMEMBERED_IDS = 10_000
"""An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
in the same transaction as what the task makes it do."""


class SeenIds:
    """The ids of the last tasks."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def add(self, webhook_id: str) -> bool:
        """Notes the id; False when it was here before."""
        with self._lock:
            if webhook_id in self._ids:
                return False
            self._ids[webhook_id] = None
            if len(self._ids) > REMEMBERED_IDS:
                self._ids.popitem(last=False)
            return True


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Keeps the connection open between requests.
    timeout = 60
    webhook: Webhook
    seen: SeenIds

    def do_POST(self) -> None:
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            return self.answer(411)
        if not 0 <= length <= LARGEST_BODY:
            return self.answer(413)
        # The bytes as they came: a body that was parsed and written again has another signature.
        body = self.rfile.read(length)
        webhook_id = self.headers.get("webhook-id")
        # The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
        task_type = self.headers.get("posthaste-type")
        try:
            self.webhook.verify(body, dict(self.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: headers or a body that are no text at all.
            self.note({"id": webhook_id, "type": task_type, "verified": False})
            return self.answer(401)
        # At least once means that a task may come again: say yes to it, and do nothing.
        duplicate = not self.seen.add(webhook_id)
        self.note({"id": webhook_id, "type": task_type, "verified": True, "duplicate": duplicate})
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        if status in (411, 413):
            self.send_header("connection", "close")  # The body is still on its way.
        self.end_headers()

    def note(self, line: dict) -> None:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def log_message(self, *_: object) -> None:
        """Says nothing: the lines of `note` are the log."""


def main() -> None:
    secret = os.environ.get("WEBHOOK_SECRET")
    if not secret:
        sys.exit("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...")
    Receiver.webhook = Webhook(secret)
    Receiver.seen = SeenIds()
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
