"""The review of an application: stages with a task for each institution, side by side and one after the other."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.licensing import Verdict
from gerai.licensing.domain.actor import Role
from gerai.licensing.domain.permit_type import ROLE_OF, Join, PermitType, Stage, StageKind


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Inspection(_Value):
    """A visit: planned, and then reported (BAP)."""

    on: date
    inspectors: tuple[str, ...] = Field(min_length=1, max_length=20)
    report_id: str | None = None
    """The paper that holds the report."""
    picture_ids: tuple[str, ...] = Field(default=(), max_length=50)
    fit: bool | None = None


class ReviewTask(_Value):
    """What one institution has to say in one stage."""

    stage: str
    institution_id: str
    role: Role
    opened_at: datetime
    assignee: str | None = None
    """None: in the institution's pool."""
    since: datetime
    """When it came to the assignee, or into the pool."""
    inspection: Inspection | None = None
    verdict: Verdict | None = None
    finished_by: str | None = None
    finished_at: datetime | None = None
    """Set without a verdict: the stage was decided without this task."""

    @property
    def is_open(self) -> bool:
        return self.finished_at is None


class Review(_Value):
    """A value: each operation answers the review that is from now on."""

    tasks: tuple[ReviewTask, ...] = ()
    finished: tuple[tuple[str, Verdict], ...] = ()
    """Stages in the order in which they were finished."""
    inspection_asked: bool = False

    @property
    def open_tasks(self) -> tuple[ReviewTask, ...]:
        return tuple(task for task in self.tasks if task.is_open)

    @property
    def open_stages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(task.stage for task in self.open_tasks))

    @property
    def finished_stages(self) -> frozenset[str]:
        return frozenset(stage for stage, _ in self.finished)

    def task(self, stage: str, institution_id: str | None) -> ReviewTask | None:
        """An open task; None where there is none."""
        return next(
            (one for one in self.open_tasks if (one.stage, one.institution_id) == (stage, institution_id)),
            None,
        )

    def next_stages(self, type: PermitType) -> tuple[Stage, ...]:
        """Those that can begin now."""
        begun = {task.stage for task in self.tasks} | self.finished_stages
        return tuple(
            stage
            for stage in type.stages
            if stage.code not in begun and set(stage.after) <= self.finished_stages
        )

    def is_passed(self, type: PermitType) -> bool:
        return len(self.finished_stages) == len(type.stages) and self.failed_stage is None

    @property
    def failed_stage(self) -> str | None:
        return next((stage for stage, verdict in self.finished if verdict is Verdict.NOT_RECOMMENDED), None)

    def least_advanced(self, type: PermitType) -> StageKind:
        """The kind of the stage that gives the application its state: of several side by side the earliest kind."""
        order = list(StageKind)
        return min((type.stage(code).kind for code in self.open_stages), key=order.index)

    def open(self, stage: Stage, *, at: datetime) -> "Review":
        tasks = tuple(
            ReviewTask(
                stage=stage.code, institution_id=institution, role=ROLE_OF[stage.kind], opened_at=at, since=at
            )
            for institution in stage.institutions
        )
        return self._with(tasks=(*self.tasks, *tasks))

    def leave_out(self, stage: Stage) -> "Review":
        """Nobody asked for it."""
        return self._with(finished=(*self.finished, (stage.code, Verdict.RECOMMENDED)))

    def change(self, task: ReviewTask, **changes: Any) -> "Review":
        changed = task.model_copy(update=changes)
        return self._with(tasks=tuple(changed if one is task else one for one in self.tasks))

    def finish(self, task: ReviewTask, verdict: Verdict, *, by: str, at: datetime) -> "Review":
        return self.change(task, verdict=verdict, finished_by=by, finished_at=at)

    def decided(self, stage: Stage) -> Verdict | None:
        """The stage's verdict as soon as no review that is still open can change it; so the order in which they come in
        never matters."""
        return joined(
            stage.join,
            [task.verdict for task in self.tasks if task.stage == stage.code],
            len(stage.institutions),
        )

    def close(self, stage: Stage, verdict: Verdict, *, at: datetime) -> "Review":
        """What is still open in it is not needed any more."""
        tasks = tuple(
            task.model_copy(update={"finished_at": at}) if task.stage == stage.code and task.is_open else task
            for task in self.tasks
        )
        return self._with(tasks=tasks, finished=(*self.finished, (stage.code, verdict)))

    def stop(self, *, at: datetime) -> "Review":
        """The application is decided, withdrawn or lapsed: nobody has a task any more."""
        tasks = (task.model_copy(update={"finished_at": at}) if task.is_open else task for task in self.tasks)
        return self._with(tasks=tuple(tasks))

    def _with(self, **changes: Any) -> "Review":
        return self.model_copy(update=changes)


def joined(join: Join, verdicts: Iterable[Verdict | None], reviewers: int) -> Verdict | None:
    """What reviews come to; None while those that are missing can still turn it."""
    found = list(verdicts)
    yes, no = found.count(Verdict.RECOMMENDED), found.count(Verdict.NOT_RECOMMENDED)
    needed = {Join.ALL: reviewers, Join.ANY: 1, Join.MAJORITY: reviewers // 2 + 1}[join]
    if yes >= needed:
        return Verdict.RECOMMENDED
    return Verdict.NOT_RECOMMENDED if no > reviewers - needed else None
