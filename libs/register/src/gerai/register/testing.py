"""A small register to test with: entries as the registry tells of them, and a storage that knows them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gerai.contracts import registry as language
from gerai.messaging.memory.storage import MemoryStorage
from gerai.register.entries import Entry, EntryChanged, entry_key, entry_of
from gerai.register.kept_entries import RegisterEntry, RegisterRevision

TENANT = "muna-barat"
MAKASSAR = ZoneInfo("Asia/Makassar")
TOLD_AT = datetime(2026, 11, 24, 1, tzinfo=UTC)
STANDARD = language.ServiceStandard(
    requirements=("KTP",),
    procedure="Ambil nomor.",
    duration="1 hari",
    fee="Gratis",
    product="NIB",
    complaints="Meja",
)


def site(**more: Any) -> language.SiteChanged:
    stated = {"id": "mpp", "name": "MPP", "zone": "Asia/Makassar", "address": "Laworo"}
    return language.SiteChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def institution(**more: Any) -> language.InstitutionChanged:
    stated = {"id": "dpmptsp", "name": "DPMPTSP", "kind": language.InstitutionKind.REGENCY, "agreement": None}
    return language.InstitutionChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def counter(id: str = "dpmptsp", **more: Any) -> language.CounterChanged:
    stated = {"id": id, "name": id.upper(), "site_id": "mpp", "institution_id": "dpmptsp"}
    return language.CounterChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def service(id: str = "nib", **more: Any) -> language.ServiceChanged:
    stated = {
        "id": id,
        "name": id.upper(),
        "site_id": "mpp",
        "counter_id": "dpmptsp",
        "institution_id": "dpmptsp",
        "prefix": "A",
        "standard": STANDARD,
        "daily_quota": None,
        "wait_limit_minutes": 45,
        "number_range_end": 999,
    }
    return language.ServiceChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def desk(id: str = "loket-1", *services: str, **more: Any) -> language.DeskChanged:
    stated = {
        "id": id,
        "name": id.replace("-", " ").capitalize(),
        "site_id": "mpp",
        "counter_id": "dpmptsp",
        "service_ids": services or ("nib",),
    }
    return language.DeskChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def interval(opens: str, closes: str) -> language.Interval:
    return language.Interval(opens=opens, closes=closes)


def week(*intervals: language.Interval, weekdays: Iterable[int] = range(5)) -> tuple[language.DayHours, ...]:
    """The same hours on each of the weekdays; from Monday to Friday, where nothing is said."""
    return tuple(language.DayHours(weekday=day, intervals=intervals) for day in weekdays)


OFFICE_WEEK = week(interval("08:00", "15:30"))


def calendar(id: str = "site:mpp", **more: Any) -> language.CalendarChanged:
    """Open on weekdays from 08:00 to 15:30."""
    stated: dict[str, Any] = {
        "id": id,
        "week": OFFICE_WEEK,
        "breaks": (),
        "holidays": (),
        "overrides": (),
        "force_open": (),
        "cutoff_minutes": 30,
    }
    return language.CalendarChanged(**{"tenant": TENANT, "active": True, **stated, **more})


def pause(starts: str, ends: str, *weekdays: int, label: str = "lunch") -> language.Break:
    return language.Break(label=label, weekdays=weekdays, starts=starts, ends=ends)


def holiday(day: date, name: str = "Hari Libur") -> language.Holiday:
    return language.Holiday(date=day, name=name, kind=language.HolidayKind.NATIONAL)


def joint_leave(day: date, name: str = "Cuti bersama") -> language.Holiday:
    return language.Holiday(date=day, name=name, kind=language.HolidayKind.JOINT_LEAVE)


def override(day: date, *intervals: language.Interval, reason: str = "Rapat") -> language.Override:
    return language.Override(date=day, intervals=intervals, reason=reason)


SMALL: tuple[EntryChanged, ...] = (
    site(),
    institution(),
    counter(),
    counter("samsat"),
    service(),
    service("izin", prefix="B"),
    service("pajak", prefix="C", counter_id="samsat"),
    desk("loket-1", "nib", "izin"),
    desk("loket-2", "nib", "izin"),
    desk("loket-3", "izin"),
    desk("loket-9", "pajak", counter_id="samsat"),
    calendar(),
)
"""One site, two counters of one institution, three services and four desks."""


def entries(events: Iterable[EntryChanged]) -> list[Entry]:
    """As they stand, once they were told."""
    return [entry_of(event) for event in events]


def tell(storage: MemoryStorage, *events: EntryChanged) -> MemoryStorage:
    """As if the registry had told all of it, and it was kept."""
    rows = storage.aggregates[RegisterEntry]
    for event in events:
        id = entry_key(event)
        rows[id] = RegisterEntry(
            id=id, tenant=event.tenant, version=1, type=event.type, sequence=1, body=event.model_dump_json()
        )
    for tenant in {event.tenant for event in events}:
        storage.aggregates[RegisterRevision][tenant] = RegisterRevision(
            id=tenant, tenant=tenant, version=1, changes=len(rows)
        )
    return storage
