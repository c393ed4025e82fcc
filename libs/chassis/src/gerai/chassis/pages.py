"""Lists in pages: a bounded size, and a cursor that stays right while entries come and go."""

import base64
import binascii
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from gerai.chassis.problems import Problem

USUAL = 50
LARGEST = 100
Item = TypeVar("Item", bound=BaseModel)

PageSize = Annotated[int, Query(ge=1, le=LARGEST, description="Entries per page.")]
"""`limit: PageSize = USUAL`"""
Cursor = Annotated[str | None, Query(max_length=300, description="`next` of the page before.")]


class Page(BaseModel, Generic[Item]):
    """Entries in order of their id. `next`: the cursor of the following page, None on the last."""

    items: tuple[Item, ...]
    next: str | None = None


def cursor_after(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")


def id_before(cursor: str | None) -> str:
    """The id that the page begins after; "" for the first page. Raises Problem 422."""
    if cursor is None:
        return ""
    try:
        id = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Problem(422, "invalid", field="cursor") from error
    if not id.isprintable():
        raise Problem(422, "invalid", field="cursor")
    return id
