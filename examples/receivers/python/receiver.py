"""Receives what Posthaste delivers, with FastAPI: verifies each request and prints one line for it. What is signed with a shared secret (v1)
the Standard Webhooks library verifies; what is signed with ed25519 (v1a), which that does not know, the library cryptography.

Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...) or its public key (whpk_...); PORT, where 0, the default, takes any free one.
"""

import base64
import json
import os
import socket
import sys
import time
from collections import OrderedDict

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1024 * 1024
"""Bytes; Posthaste takes no larger payload unless it is configured to."""

REMEMBERED_IDS = 10_000
"""An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
in the same transaction as what the task makes it do."""

TOLERANCE = 5 * 60
"""Seconds that a request's time may be off, as in the libraries: what somebody recorded is of no use later."""


class PublicKey:
    """Verifies signatures of scheme v1a, by the endpoint's public key. Whoever has that can sign nothing."""

    def __init__(self, text: str) -> None:
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix("whpk_"), validate=True))

    def verify(self, body: bytes, headers: dict[str, str]) -> None:
        """Raises WebhookVerificationError unless one of the signatures is the endpoint's, and of now."""
        webhook_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE:
            raise WebhookVerificationError("the request is not of now")
        signed = f"{webhook_id}.{sent_at}.".encode() + body
        for token in headers.get("webhook-signature", "").split(" "):
            scheme, _, signature = token.partition(",")
            if scheme == "v1a" and self.made(signature, signed):
                return
        raise WebhookVerificationError("no signature of the endpoint's")

    def made(self, signature: str, signed: bytes) -> bool:
        try:
            self.key.verify(base64.b64decode(signature, validate=True), signed)
        except (InvalidSignature, ValueError):  # ValueError: no base64, or not 64 bytes.
            return False
        return True


class SharedSecret:
    """Verifies signatures of scheme v1, by the endpoint's secret."""

    def __init__(self, text: str) -> None:
        self.webhook = Webhook(text)

    def verify(self, body: bytes, headers: dict[str, str]) -> None:
        """Raises WebhookVerificationError unless one of the signatures is the endpoint's, and of now."""
        self.webhook.verify(body, headers, json_parse=False)


app = FastAPI(openapi_url=None)
secret = os.environ.get("WEBHOOK_SECRET") or sys.exit("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_..., or its public key, whpk_...")
verifier = PublicKey(secret) if secret.startswith("whpk_") else SharedSecret(secret)
seen: OrderedDict[str, None] = OrderedDict()


def is_new(webhook_id: str) -> bool:
    """Notes the id; False when it was here before."""
    if webhook_id in seen:
        return False
    seen[webhook_id] = None
    if len(seen) > REMEMBERED_IDS:
        seen.popitem(last=False)
    return True


async def bytes_of(request: Request) -> bytes | None:
    """The bytes as they came: a body that was parsed and written again has another signature. None when there are too many."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


@app.post("/")
async def receive(request: Request) -> Response:
    body = await bytes_of(request)
    if body is None:
        return Response(status_code=413)
    webhook_id = request.headers.get("webhook-id")
    # The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
    line = {"id": webhook_id, "type": request.headers.get("posthaste-type")}
    try:
        verifier.verify(body, dict(request.headers))
    except (WebhookVerificationError, ValueError):  # ValueError: headers or a body that are no text at all.
        print(json.dumps(line | {"verified": False}), flush=True)
        return Response(status_code=401)
    # At least once means that a task may come again: say yes to it, and do nothing.
    print(json.dumps(line | {"verified": True, "duplicate": not is_new(webhook_id)}), flush=True)
    return Response(status_code=204)


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main()
