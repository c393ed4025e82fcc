"""Lists in pages: a bounded size, and a cursor that stays right while entries come and go."""

import re
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from gerai.chassis.problems import Problem

USUAL = 50
LARGEST = 100
Item = TypeVar("Item", bound=BaseModel)

PageSize = Annotated[int, Query(ge=1, le=LARGEST, description="Entries per page.")]
"""`limit: PageSize = USUAL`"""
CURSOR = "^([2-6][0-9a-f]|7[0-9a-e]){1,150}$"
"""An id's characters, each as two hexadecimal digits: a form that can be stated whole, so that no client is refused for
a cursor that the document allows."""
Cursor = Annotated[str | None, Query(pattern=CURSOR, description="`next` of the page before.")]


class Page(BaseModel, Generic[Item]):
    """Entries in order of their id. `next`: the cursor of the following page, None on the last."""

    items: tuple[Item, ...]
    next: str | None = None


def cursor_after(id: str) -> str:
    return id.encode("ascii").hex()


def id_before(cursor: str | None) -> str:
    """The id that the page begins after; "" for the first page. Raises Problem 422."""
    if cursor is None:
        return ""
    if re.fullmatch(CURSOR, cursor) is None:
        raise Problem(422, "invalid", field="cursor")
    return bytes.fromhex(cursor).decode("ascii")
