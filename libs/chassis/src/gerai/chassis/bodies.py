"""What a route says of the bodies that it takes: of which type, how large, and how slowly they may come."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from gerai.chassis.problems import BodyTooLarge, Problem

JSON_LIMIT = 64 * 1024
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


@dataclass(frozen=True, kw_only=True)
class JsonBody:
    """JSON that is read as a whole, and then checked against the route's model."""

    limit: int = JSON_LIMIT
    """Bytes."""


@dataclass(frozen=True, kw_only=True)
class StreamedBody:
    """Bytes that are handed on while they come (see `uploads`). For known callers only."""

    media_types: Sequence[str]
    """Which `Content-Type` may say, without parameters and in lower case."""
    limit: int
    """Bytes."""
    least_per_s: int = 16 * 1024
    """Bytes that the client brings, on average over each `uploads.WINDOW_S` that we wait for it. A body may be slow, and yet it ends:
    after `limit / least_per_s` seconds of waiting at the latest."""

    def __post_init__(self) -> None:
        wrong = [one for one in self.media_types if MEDIA_TYPE.fullmatch(one) is None]
        if wrong or not self.media_types:
            raise TypeError(f"not media types as Content-Type is compared with: {wrong}")

    def check(self, request: Request) -> str:
        """The body's media type, before a byte of it is read. Raises Problem 415 where it is none of ours, or encoded
        (what was checked must be what is kept); BodyTooLarge where its stated length says so already."""
        stated = request.headers.getlist("content-type")
        media_type = stated[0].partition(";")[0].strip(" \t").lower() if len(stated) == 1 else ""
        if media_type not in self.media_types or "content-encoding" in request.headers:
            raise Problem(415, "unsupported_media_type", headers={"Accept": ", ".join(self.media_types)})
        if int(request.headers.get("content-length", "0")) > self.limit:
            raise BodyTooLarge
        return media_type


Body = JsonBody | StreamedBody
