"""Receives what Posthaste delivers, with FastAPI: verifies each request with the Standard Webhooks library and prints one line for it.

Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.
"""

import json
import os
import socket
import sys
from collections import OrderedDict

import uvicorn
from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1024 * 1024
"""Bytes; Posthaste takes no larger payload unless it is configured to."""

REMEMBERED_IDS = 10_000
"""An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each
in the same transaction as what the task makes it do."""

app = FastAPI(openapi_url=None)
webhook = Webhook(os.environ.get("WEBHOOK_SECRET") or sys.exit("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_..."))
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
        webhook.verify(body, dict(request.headers), json_parse=False)
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
