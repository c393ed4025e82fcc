"""OpenAPI links: which operations can follow an answer, and where their parameters come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION_READ = "$response.header.ETag"


def answered(field: str) -> str:
    """The value of a field of the answer."""
    return f"$response.body#/{field}"


def asked(parameter: str) -> str:
    """The value of a parameter of the request's path."""
    return f"$request.path.{parameter}"


@dataclass(frozen=True, kw_only=True)
class ResponseLink:
    """`to`: an operation, by its id. `given`: its parameters, and `body`: the fields of its body, each with where the
    value comes from."""

    to: str
    given: Mapping[str, str]
    body: Mapping[str, str] | None = None

    def described(self) -> dict[str, Any]:
        link: dict[str, Any] = {"operationId": self.to, "parameters": {**self.given}}
        return link if self.body is None else {**link, "requestBody": {**self.body}}
