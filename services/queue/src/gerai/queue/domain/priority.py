"""Who goes before others, and on what ground."""

from enum import StrEnum

from gerai.contracts.queue import PriorityClass


class PriorityReason(StrEnum):
    """UU 25/2009 art. 29. Asked for and not kept: it is close to health data."""

    ELDERLY = "elderly"
    DISABILITY = "disability"
    PREGNANT = "pregnant"
    BREAST_FEEDING = "breast_feeding"
    SMALL_CHILD = "small_child"
    DISASTER_VICTIM = "disaster_victim"


def priority_class_for(reason: PriorityReason | None) -> PriorityClass:
    return PriorityClass.REGULAR if reason is None else PriorityClass.PRIORITY
