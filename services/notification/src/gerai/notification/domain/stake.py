"""Who stands behind a ticket or an application: later events of it name the thing and not the person."""

from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate


class Stake(Aggregate):
    """Its id is what it is about: "ticket:<id>" or "application:<id>"."""

    collection: ClassVar[str] = "stakes"

    party_id: str
    since: datetime

    @staticmethod
    def id_of(kind: str, id: str) -> str:
        return f"{kind}:{id}"
