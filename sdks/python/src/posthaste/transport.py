"""Requests: how they are made, when they are made again, and how answers are read."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx

from .errors import Refused, Unreachable
from .types import Problem

VERSION = "0.1.0"


def part(text: str) -> str:
    """A word of a path, whatever is in it."""
    return quote(str(text), safe="")


@dataclass(frozen=True)
class Retries:
    """How often a request is made, and how long to wait in between, in seconds."""

    #: Requests in all, the first included; 1 never tries again.
    attempts: int = 4
    #: The pause before the second, without a Retry-After: doubled each time, and up to a half shorter at random.
    first_pause: float = 0.1
    #: The longest pause. A server that asks for a longer one is not asked again: the caller gets its refusal, with the time.
    longest_pause: float = 30.0

    def pause(self, made: int, harmless: bool, status: int | None, retry_after: float | None, sent: bool, chance: float) -> float | None:
        """Seconds to wait before the next attempt, or None to give up. `made`: the attempts so far. `harmless`: whether doing it twice is
        the same as doing it once. `status`: of the answer, if one came; `sent`: whether the request had gone out. `chance`: 0 to 1."""
        # A 429 is turned away before anything is done; a 5xx may be a proxy's answer to a request that went on.
        undone = status == 429 or (status is None and not sent)
        if made >= self.attempts or not (undone or (harmless and status in (None, 502, 503, 504))):
            return None
        if retry_after is not None:
            return None if retry_after > self.longest_pause else retry_after + self.first_pause * chance
        return min(self.first_pause * 2 ** (made - 1), self.longest_pause) * (1 - chance / 2)


def retry_after(response: httpx.Response) -> float | None:
    """The header Retry-After in seconds; it may be a date."""
    text = response.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def refusal(response: httpx.Response) -> Refused:
    """The error that an answer is."""
    # The answer of something else on the way is no problem document.
    problem: Problem = {"type": "about:blank", "title": response.reason_phrase, "status": response.status_code, "detail": response.text[:200]}
    try:
        told = response.json()
        if isinstance(told, dict):
            problem.update(told)  # type: ignore[typeddict-item]
    except ValueError:
        pass
    return Refused(response.status_code, problem, retry_after(response))


class _Base:
    """What requests with and without `await` have in common."""

    def __init__(self, url: str, key: str, *, retries: Retries | None = None, timeout: float = 120.0) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._retries = retries or Retries()
        self._options: dict[str, Any] = {
            "timeout": httpx.Timeout(timeout, connect=10.0),
            # The API has no redirects: whoever redirects is not the server, and gets no key.
            "follow_redirects": False,
            "headers": {"authorization": f"Bearer {key}", "user-agent": f"posthaste-python/{VERSION}"},
        }

    def _request(self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, content: bytes | None, headers: Mapping[str, str] | None) -> dict[str, Any]:
        request: dict[str, Any] = {"method": method, "url": self._url + path, "headers": headers}
        if query:
            request["params"] = {name: value for name, value in query.items() if value is not None}
        if content is not None:
            request["content"] = content
        elif body is not None:
            request["json"] = body
        return request

    def _next(self, made: int, harmless: bool, error: Exception) -> float | None:
        if isinstance(error, Refused):
            return self._retries.pause(made, harmless, error.status, error.retry_after, True, random.random())
        sent = not isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout))
        return self._retries.pause(made, harmless, None, None, sent, random.random())


def _answer(response: httpx.Response, raw: bool) -> Any:
    if response.is_success:
        return response.content if raw else response.json() if response.content else None
    raise refusal(response)


class Transport(_Base):
    """Requests that are waited for."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        super().__init__(url, key, **options)
        self._http = httpx.Client(**self._options)

    def call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None, content: bytes | None = None,
        headers: Mapping[str, str] | None = None, harmless: bool | None = None, raw: bool = False,
    ) -> Any:
        """Any request of the API: its answer as JSON, or, if `raw`, as bytes. `harmless`: whether doing it twice is the same as doing it
        once; unless said, everything but POST is."""
        request = self._request(method, path, query, body, content, headers)
        harmless = method != "POST" if harmless is None else harmless
        made = 0
        while True:
            made += 1
            try:
                try:
                    return _answer(self._http.request(**request), raw)
                except httpx.TransportError as error:
                    raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
            except (Refused, Unreachable) as error:
                pause = self._next(made, harmless, error)
                if pause is None:
                    raise
            time.sleep(pause)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncTransport(_Base):
    """Requests that are awaited."""

    def __init__(self, url: str, key: str, **options: Any) -> None:
        super().__init__(url, key, **options)
        self._http = httpx.AsyncClient(**self._options)

    async def call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None, content: bytes | None = None,
        headers: Mapping[str, str] | None = None, harmless: bool | None = None, raw: bool = False,
    ) -> Any:
        """See :meth:`Transport.call`."""
        request = self._request(method, path, query, body, content, headers)
        harmless = method != "POST" if harmless is None else harmless
        made = 0
        while True:
            made += 1
            try:
                try:
                    return _answer(await self._http.request(**request), raw)
                except httpx.TransportError as error:
                    raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error
            except (Refused, Unreachable) as error:
                pause = self._next(made, harmless, error)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def __aenter__(self):  # type: ignore[no-untyped-def]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
