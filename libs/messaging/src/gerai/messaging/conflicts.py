"""What stands in the way of a group over its tries, when to stop, and what the one who is left is told."""

from dataclasses import dataclass, field

from gerai.messaging.storage import Conflict, Contended, JobGone, KeyTaken, TimerGone, VersionConflict
from gerai.messaging.unit_of_work import Identity

TOGETHER = 3
"""Attempts of a group that conflicts for a reason of its own, before it is split."""
SAME_KEY = 3
"""So often one key of an index may stand in the way after everything was read afresh; then no reading explains it."""


@dataclass
class Resistance:
    """The conflicts of one group, or of a part of one."""

    tries: int = 0
    last: Conflict | None = None
    same_key: int = 0
    """How often in a row one key was taken though everything had been read afresh. Ids do not count: an aggregate's
    and an idempotency key are always found by reading, as soon as a majority has what took them."""
    unseen: set[Identity] = field(default_factory=set)
    """What was added under ids that may be taken; the next try looks there first."""

    def met(self, conflict: Conflict, *, afresh: bool) -> None:
        self.tries += 1
        counts = isinstance(conflict, KeyTaken) and not conflict.is_an_id and afresh
        goes_on = isinstance(conflict, KeyTaken) and conflict.is_as(self.last)
        self.same_key = (self.same_key if goes_on else 0) + counts
        self.last = conflict

    def is_final(self, *, alone: bool) -> bool:
        """Whether another try of the same group is of no use."""
        match self.last:
            case VersionConflict():  # split up, each part would be overtaken again
                return False
            case TimerGone() | JobGone() if alone:
                return True
            case KeyTaken() if self.same_key >= SAME_KEY:
                return True
            case _:
                return self.tries > TOGETHER and not alone

    def told(self) -> Exception:
        """What the one who is left is told: the declared refusal or the taken key; else that others were faster."""
        match self.last:
            case TimerGone() | JobGone() as gone:
                return gone
            case KeyTaken() as taken if self.same_key >= SAME_KEY:
                return taken.refusal() if taken.refusal is not None else taken
            case _:
                return Contended(f"somebody else was faster each time: {self.last}")
