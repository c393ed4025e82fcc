"""Cases, people and types for tests. November 2026: the 2nd is a Monday."""

from datetime import datetime
from pathlib import Path
from typing import Any

from licensing_calendar import PlainCalendar, moment

from gerai.contracts.licensing import Verdict
from gerai.licensing.adapters.permit_type_files import definition_from
from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.application import Application
from gerai.licensing.domain.paper import Paper
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.permit_type_check import permit_type_from
from gerai.licensing.domain.working_days import Almanac

TYPES = Path(__file__).parents[1] / "permit_types"
TENANT = "muna-barat"
WEEK = Almanac(PlainCalendar())
MONDAY = moment("2026-11-02")
APPLICANT = Actor(id="subject-of-siti", role=Role.APPLICANT, party_id="party-siti")
FRONT = Actor(id="front", role=Role.FRONT_OFFICER, institution_id="dpmptsp")
VERIFIER = Actor(id="verifier", role=Role.VERIFIER, institution_id="dpmptsp")
HEALTH = Actor(id="health", role=Role.REVIEWER, institution_id="dinas-kesehatan")
APPROVER = Actor(id="head", role=Role.APPROVER, institution_id="dpmptsp")
SUPERIOR = Actor(id="regent", role=Role.SUPERIOR)
ANSWERS: dict[str, Any] = {
    "profesi": "dokter",
    "nomor_str": "STR-0001-2020",
    "tempat_praktik": "Klinik Laworo",
    "alamat_praktik": "Jalan Poros Laworo",
    "praktik_ke": 1,
}


def permit_type(name: str = "sip-dokter", **changes: Any) -> PermitType:
    text = (TYPES / f"{name}.yaml").read_text(encoding="utf-8")
    return permit_type_from({**definition_from(text), **changes})


DOCTOR = permit_type()


def paper(kind: str, *, version: int = 1, at: datetime = MONDAY, **more: Any) -> Paper:
    facts = {"media_type": "application/pdf", "bytes": 10_000, **more}
    return Paper(kind=kind, paper_id=f"{kind}-{version}", sha256=f"{kind}{version}", added_at=at, **facts)


def draft(type: PermitType = DOCTOR, *, at: datetime = MONDAY, actor: Actor = APPLICANT) -> Application:
    application = Application.file(
        type, id="case-1", tenant=TENANT, party_id="party-siti", at=at, actor=actor
    )
    application.change_draft(ANSWERS, at=at, actor=actor)
    for rule in type.papers:
        if rule.is_required(ANSWERS):
            application.add_paper(paper(rule.kind, media_type=rule.accepts[0]), at=at, actor=actor)
    return application


def complete(
    type: PermitType = DOCTOR, *, at: datetime = MONDAY, almanac: Almanac = WEEK, actor: Actor = APPLICANT
) -> Application:
    application = draft(type, at=at, actor=actor)
    application.submit(at=at, actor=actor)
    application.check_completeness(type, almanac=almanac, permit_id="permit-1", at=at)
    return application


def reviewed(application: Application, stage: str, actor: Actor, *, at: datetime, **more: Any) -> Application:
    """Claimed and recommended."""
    type = more.pop("type", DOCTOR)
    application.claim(stage, at=at, actor=actor)
    application.finish_review(
        stage, more.pop("verdict", Verdict.RECOMMENDED), type=type, at=at, actor=actor, **more
    )
    return application


def at_approval(*, at: datetime = MONDAY) -> Application:
    application = complete(at=at)
    reviewed(application, "verifikasi", VERIFIER, at=at)
    return reviewed(application, "rekomendasi-dinkes", HEALTH, at=at)


def events(application: Any) -> list[str]:
    return [type(one.event).__name__ for one in application.recorded]
