"""What a permit costs: whole rupiah, by a rule that is data."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

MOST_RUPIAH = 1_000_000_000_000


class FeePart(BaseModel):
    """Rupiah for each unit of an answer: `per_unit` × the number in `field`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    per_unit: int = Field(ge=1, le=MOST_RUPIAH)


class FeeKind(StrEnum):
    FIXED = "fixed"
    PER_UNIT = "per_unit"
    """`base` and the parts, from the answers."""
    ASSESSED = "assessed"
    """An officer reckons it from the plans: PBG."""


class Interest(BaseModel):
    """For money that comes late; rates differ by rule, so each has the day from which it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date
    percent_a_month: int = Field(ge=0, le=10)
    most_months: int = Field(ge=0, le=60)


class FeeRule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FeeKind
    basis: str
    """The regional rule."""
    base: int = Field(default=0, ge=0, le=MOST_RUPIAH)
    parts: tuple[FeePart, ...] = Field(default=(), max_length=20)
    working_days: int = Field(ge=1, le=60)
    """To assess it."""
    due_days: int = Field(ge=1, le=90)
    """Working days to pay it; the legal clock rests for them."""
    remind_days_before: int = Field(default=2, ge=0, le=30)
    interest: tuple[Interest, ...] = Field(default=(), max_length=20)

    def reckon(self, answers: dict[str, Any]) -> int | None:
        """Rupiah, a part of one rounded down; None where an officer must say."""
        if self.kind is FeeKind.ASSESSED:
            return None
        return self.base + sum(int(part.per_unit * _number(answers.get(part.field))) for part in self.parts)

    def interest_on(self, amount: int, *, due: date, paid: date) -> int:
        """Rupiah for each month begun after the due day, by the newest rate that held on the due day; a part of a rupiah
        is dropped. 0 where no rate holds yet."""
        rates = [rate for rate in self.interest if rate.since <= due]
        if not rates or paid <= due:
            return 0
        rate = max(rates, key=lambda rate: rate.since)
        months = min(_months_begun(due, paid), rate.most_months)
        return amount * rate.percent_a_month * months // 100


def _number(answer: Any) -> Decimal:
    return (
        Decimal(str(answer))
        if isinstance(answer, int | float) and not isinstance(answer, bool)
        else Decimal(0)
    )


def _months_begun(due: date, paid: date) -> int:
    first = due + timedelta(days=1)
    months = (paid.year - first.year) * 12 + paid.month - first.month
    return months + (paid.day >= first.day)
