"""The other side: verifying what Posthaste delivers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from .errors import PosthasteError


class NotVerified(PosthasteError):
    """The request does not carry a signature of this secret: answer it with 401."""


@dataclass(frozen=True)
class Delivery:
    """A delivery that is verified. Its id, time and payload are signed; what comes from other headers is not."""

    #: The task's id, the same on every attempt and replay: do nothing twice for the same one.
    id: str
    #: The body, byte for byte.
    payload: bytes
    #: What kind of task it is. Not signed.
    type: str | None
    #: The queue's name. Not signed.
    queue: str | None
    #: Which attempt this is, from 1. Not signed.
    attempt: int | None
    #: Whether it was replayed. Not signed.
    replayed: bool

    def json(self) -> Any:
        """The payload as JSON."""
        return json.loads(self.payload)


def verify(secret: str, body: bytes, headers: Mapping[str, str]) -> Delivery:
    """Verifies a request with the Standard Webhooks library. `secret`: the endpoint's (whsec_...). `body`: the bytes as they came, for one that
    was parsed and written again has another signature.

    Raises :class:`NotVerified`.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        Webhook(secret).verify(body, lower, json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        raise NotVerified(str(error) or "no signature is ours") from error
    attempt = lower.get("posthaste-attempt", "")
    return Delivery(
        id=lower["webhook-id"],
        payload=body,
        type=lower.get("posthaste-type"),
        queue=lower.get("posthaste-queue"),
        attempt=int(attempt) if attempt.isdigit() else None,
        replayed="posthaste-replay" in lower,
    )
