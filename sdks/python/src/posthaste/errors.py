"""What can go wrong."""

from __future__ import annotations

from .types import Problem


class PosthasteError(Exception):
    """Anything that this library raises."""


class Unreachable(PosthasteError):
    """No answer came: no connection, one that broke, or the time was over. What was asked may have been done all the same."""


class Refused(PosthasteError):
    """The server answered with a status that is not 2xx."""

    def __init__(self, status: int, problem: Problem, retry_after: float | None = None) -> None:
        wrong = "".join(f"; {error['field']}: {error['detail']}" for error in problem.get("errors", []))
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}{wrong}")
        #: The HTTP status.
        self.status = status
        #: The problem document (RFC 9457); `errors` in it names each wrong field.
        self.problem = problem
        #: The seconds after which the server asks to be asked again.
        self.retry_after = retry_after
