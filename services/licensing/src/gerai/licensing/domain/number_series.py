"""A range of numbers: each is given once, and none is left out."""

from datetime import date
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.licensing.domain.permit_number import NumberFormat
from gerai.messaging.aggregate import Aggregate


class GivenNumber(BaseModel):
    """The counter and the number as it is printed."""

    model_config = ConfigDict(frozen=True)

    series: str
    counter: int
    text: str


def series_id(tenant: str, owner: str, format: NumberFormat, day: date) -> str:
    """`owner`: a permit type's code, or "bills". One for each year where the format restarts yearly."""
    return f"{tenant}:{owner}:{format.series(day)}"


class NumberSeries(Aggregate):
    """Saved in the transaction of what gets the number: a number is used by exactly one thing, or by none and given again."""

    collection: ClassVar[str] = "number_series"
    warm: ClassVar[bool] = True

    given: int = 0
    """So many; also the last counter."""

    def next_number(self, format: NumberFormat, *, day: date) -> GivenNumber:
        """`day`: local, as the number shows it."""
        self.given += 1
        return GivenNumber(series=self.id, counter=self.given, text=format.number(self.given, day))
