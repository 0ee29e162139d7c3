"""A client of Posthaste: enqueue tasks, manage what becomes of them, verify what is delivered."""

from . import types
from .client import AsyncPosthaste, Posthaste
from .errors import PosthasteError, Refused, Unreachable
from .transport import VERSION as __version__
from .transport import Retries
from .webhooks import Delivery, NotVerified, verify

__all__ = [
    "AsyncPosthaste", "Delivery", "NotVerified", "Posthaste", "PosthasteError", "Refused", "Retries", "Unreachable", "__version__", "types", "verify",
]
