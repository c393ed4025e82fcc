"""The review of an application by the officers of one or more institutions."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import ClassVar

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState, Verdict
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.paying import Paying
from gerai.licensing.domain.permit_type import PermitType, Stage, StageKind
from gerai.licensing.domain.reasons import ReleaseReason
from gerai.licensing.domain.review import Inspection, ReviewTask
from gerai.licensing.domain.steps import StepName
from gerai.messaging.refusal import LocalizedText, Refusal

STATES = {
    StageKind.VERIFICATION: ApplicationState.VERIFICATION,
    StageKind.TECHNICAL_REVIEW: ApplicationState.TECHNICAL_REVIEW,
    StageKind.INSPECTION: ApplicationState.INSPECTION,
}


class UnableToReview(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_inspected": LocalizedText(
            "Laporan pemeriksaan lapangan belum ada.", "The inspection has not been reported yet."
        ),
        "not_scheduled": LocalizedText(
            "Pemeriksaan lapangan belum dijadwalkan.", "The inspection has no date yet."
        ),
        "inspection_to_come": LocalizedText(
            "Hari pemeriksaan belum tiba ({on}).", "The day of the inspection ({on}) has not come yet."
        ),
        "date_over": LocalizedText("Tanggal itu sudah lewat.", "This day is over."),
        "reported_already": LocalizedText(
            "Laporan pemeriksaan sudah ada.", "The inspection was reported already."
        ),
        "no_inspectors": LocalizedText("Sebutkan pemeriksanya.", "Say who inspects."),
    }


class Reviewing(Paying):
    def claim(self, stage: str, *, at: datetime, actor: Actor) -> None:
        """The officer takes the task out of the institution's pool."""
        self._catch_up(at)
        self._require(StepName.CLAIM, actor, at, stage=stage)
        self._assign(self._task(stage, actor.institution_id), actor.id, at=at, actor=actor)

    def release(self, stage: str, *, at: datetime, actor: Actor) -> None:
        """Back into the pool."""
        self._catch_up(at)
        self._require(StepName.RELEASE, actor, at, stage=stage)
        self._release(self._task(stage, actor.institution_id), ReleaseReason.OWN_WISH, at=at, actor=actor)

    def reassign(self, stage: str, *, to: str | None, at: datetime, actor: Actor) -> None:
        """A supervisor gives the task to another officer, or back into the pool."""
        self._catch_up(at)
        self._require(StepName.REASSIGN, actor, at, stage=stage)
        task = self._task(stage, actor.institution_id)
        if to is None:
            self._release(task, ReleaseReason.SUPERVISOR, at=at, actor=actor)
        else:
            self._assign(task, to, at=at, actor=actor)

    def return_tasks_of(self, officer: str, *, at: datetime) -> bool:
        """The officer is absent or gone: whatever they hold goes back into its pool. False: they hold nothing."""
        held = [task for task in self.review.open_tasks if task.assignee == officer]
        for task in held:
            self._release(task, ReleaseReason.ABSENCE, at=at, actor=SYSTEM)
        return bool(held)

    def schedule_inspection(
        self, stage: str, *, on: date, inspectors: Sequence[str], at: datetime, actor: Actor
    ) -> None:
        """Sets the day, or another day while nothing is reported."""
        self._catch_up(at)
        self._require(StepName.SCHEDULE_INSPECTION, actor, at, stage=stage)
        task = self._task(stage, actor.institution_id)
        if task.inspection is not None and task.inspection.report_id is not None:
            raise UnableToReview("reported_already")
        if on < self.running.day_of(at):
            raise UnableToReview("date_over", field="on")
        if not inspectors:
            raise UnableToReview("no_inspectors", field="inspectors")
        self.review = self.review.change(task, inspection=Inspection(on=on, inspectors=tuple(inspectors)))
        self._say(
            said.InspectionScheduled,
            at=at,
            actor=actor,
            stage=stage,
            task_institution_id=task.institution_id,
            on=on,
        )

    def report_inspection(
        self,
        stage: str,
        *,
        report_id: str,
        picture_ids: Sequence[str],
        fit: bool,
        at: datetime,
        actor: Actor,
    ) -> None:
        """Files the report (BAP) of a visit that has been made."""
        self._catch_up(at)
        self._require(StepName.REPORT_INSPECTION, actor, at, stage=stage)
        task = self._task(stage, actor.institution_id)
        if task.inspection is None:
            raise UnableToReview("not_scheduled")
        if task.inspection.report_id is not None:
            raise UnableToReview("reported_already")
        if task.inspection.on > self.running.day_of(at):
            raise UnableToReview("inspection_to_come", on=task.inspection.on.isoformat())
        reported = task.inspection.model_copy(
            update={"report_id": report_id, "picture_ids": tuple(picture_ids), "fit": fit}
        )
        self.review = self.review.change(task, inspection=reported)
        self._say(
            said.InspectionReported,
            at=at,
            actor=actor,
            stage=stage,
            task_institution_id=task.institution_id,
            report_id=report_id,
            pictures=len(picture_ids),
        )

    def finish_review(
        self,
        stage: str,
        verdict: Verdict,
        *,
        type: PermitType,
        at: datetime,
        actor: Actor,
        reason: str | None = None,
        asks_inspection: bool = False,
    ) -> None:
        """The institution has said what it found; the stage, and the review, end as soon as that decides them."""
        self._require_type(type)
        self._catch_up(at)
        self._require(StepName.FINISH_REVIEW, actor, at, stage=stage)
        task, plan = self._task(stage, actor.institution_id), type.stage(stage)
        inspected = task.inspection is not None and task.inspection.report_id is not None
        if plan.kind is StageKind.INSPECTION and not inspected:
            raise UnableToReview("not_inspected")
        self.review = self.review.finish(task, verdict, by=actor.id, at=at)
        if asks_inspection:
            self.review = self.review.model_copy(update={"inspection_asked": True})
        self._say(
            said.ReviewFinished,
            at=at,
            actor=actor,
            reason=reason,
            stage=stage,
            task_institution_id=task.institution_id,
            verdict=verdict,
        )
        decided = self.review.decided(plan)
        if decided is not None:
            self._finish_stage(plan, decided, type, at=at, actor=actor)

    def _finish_stage(
        self, stage: Stage, verdict: Verdict, type: PermitType, *, at: datetime, actor: Actor
    ) -> None:
        self.review = self.review.close(stage, verdict, at=at)
        self.clock = self.running.close_stage(stage.code, at=at)
        left = STATES[self.review.least_advanced(type)] if self.review.open_tasks else None
        self._say(said.StageFinished, at=at, actor=actor, to=left, stage=stage.code, verdict=verdict)
        if verdict is Verdict.NOT_RECOMMENDED:
            self.review = self.review.stop(at=at)
            self._say(
                said.ApplicationNotRecommended,
                at=at,
                actor=actor,
                to=ApplicationState.NOT_RECOMMENDED,
                stage=stage.code,
            )
        else:
            self._open_next_stages(type, at=at, actor=actor)

    def _open_next_stages(self, type: PermitType, *, at: datetime, actor: Actor) -> None:
        while stages := self.review.next_stages(type):
            for stage in stages:
                if stage.only_when_asked and not self.review.inspection_asked:
                    self.review = self.review.leave_out(stage)
                else:
                    self._open_stage(stage, type, at=at, actor=actor)
        if self.review.is_passed(type):
            self._request_fee_or_approval(type, at=at, actor=actor)

    def _open_stage(self, stage: Stage, type: PermitType, *, at: datetime, actor: Actor) -> None:
        self.review = self.review.open(stage, at=at)
        self.clock = self.running.open_stage(stage.code, at=at)
        self._say(
            said.StageOpened,
            at=at,
            actor=actor,
            to=STATES[self.review.least_advanced(type)],
            stage=stage.code,
            stage_institution_ids=stage.institutions,
            due=self.clock.stage_due(stage.code),
        )

    def _assign(self, task: ReviewTask, officer: str, *, at: datetime, actor: Actor) -> None:
        self.review = self.review.change(task, assignee=officer, since=at)
        self._say(
            said.ReviewClaimed,
            at=at,
            actor=actor,
            stage=task.stage,
            task_institution_id=task.institution_id,
            assignee=officer,
        )

    def _release(self, task: ReviewTask, reason: ReleaseReason, *, at: datetime, actor: Actor) -> None:
        self.review = self.review.change(task, assignee=None, since=at)
        self._say(
            said.ReviewReleased,
            at=at,
            actor=actor,
            reason=reason,
            stage=task.stage,
            task_institution_id=task.institution_id,
        )
