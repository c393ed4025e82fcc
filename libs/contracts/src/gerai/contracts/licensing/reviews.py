"""The review of an application: stages, the tasks of their institutions, inspections, questions to the applicant."""

from datetime import date

from gerai.contracts.licensing.applications import ApplicationEvent
from gerai.contracts.licensing.states import Verdict
from gerai.contracts.licensing.topics import APPLICATIONS


class StageOpened(ApplicationEvent, type="licensing.stage-opened.v1", topic=APPLICATIONS):
    """A stage of the review has the file."""

    stage: str
    """As the permit type names it."""
    stage_institution_ids: tuple[str, ...]
    """The institutions that review side by side."""
    due: date | None = None
    """The last day of the stage's own time."""


class ReviewTaskEvent(ApplicationEvent):
    """What every event of one institution's task says."""

    stage: str
    """The stage, as the permit type names it."""
    task_institution_id: str
    """Whose task it is."""


class ReviewClaimed(ReviewTaskEvent, type="licensing.review-claimed.v1", topic=APPLICATIONS):
    """An officer works on the task; or a supervisor gave it to one."""

    assignee: str
    """The officer, as an opaque id."""


class ReviewReleased(ReviewTaskEvent, type="licensing.review-released.v1", topic=APPLICATIONS):
    """The task is in the institution's pool again."""


class ReviewFinished(ReviewTaskEvent, type="licensing.review-finished.v1", topic=APPLICATIONS):
    """An institution has said what it found."""

    verdict: Verdict
    """Whether it recommends the permit."""


class StageFinished(ApplicationEvent, type="licensing.stage-finished.v1", topic=APPLICATIONS):
    """Enough reviews are in, by the stage's join rule."""

    stage: str
    """As the permit type names it."""
    verdict: Verdict
    """What they come to."""


class InspectionScheduled(ReviewTaskEvent, type="licensing.inspection-scheduled.v1", topic=APPLICATIONS):
    """A day for the visit is set."""

    on: date
    """The day."""


class InspectionReported(ReviewTaskEvent, type="licensing.inspection-reported.v1", topic=APPLICATIONS):
    """The report of the visit (BAP) is filed."""

    report_id: str
    """The paper that holds it."""
    pictures: int
    """How many pictures go with it."""


class ClarificationRequested(
    ApplicationEvent, type="licensing.clarification-requested.v1", topic=APPLICATIONS
):
    """The applicant is asked for something that only they can give."""

    marks: int
    """How many fields and papers it is about."""


class ClarificationAnswered(ApplicationEvent, type="licensing.clarification-answered.v1", topic=APPLICATIONS):
    """The applicant answered, and the review goes on; or it goes on without an answer (reason budget_used_up)."""


class ApplicationRecommended(
    ApplicationEvent, type="licensing.application-recommended.v1", topic=APPLICATIONS
):
    """All stages of the review are passed."""


class ApplicationNotRecommended(
    ApplicationEvent, type="licensing.application-not-recommended.v1", topic=APPLICATIONS
):
    """A stage came to a negative end."""

    stage: str
    """Which one."""
