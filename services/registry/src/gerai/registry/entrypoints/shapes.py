"""The bodies that come in and go out: the facts of each kind with the entry's id, and its version when read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, ParamSpec, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gerai.chassis.pages import CURSOR, LARGEST
from gerai.contracts.text import NOT_PERSONAL, Slug
from gerai.registry.domain.calendar import Calendar, CalendarFacts, CalendarId
from gerai.registry.domain.counter import Counter, CounterFacts
from gerai.registry.domain.desk import Desk, DeskFacts
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import Institution, InstitutionFacts
from gerai.registry.domain.service import Service, ServiceFacts
from gerai.registry.domain.site import Site, SiteFacts

E = TypeVar("E", bound=Entry)
P = ParamSpec("P")

NewId: TypeAlias = Annotated[Slug, NOT_PERSONAL]
"""A row of an import may also have the id of an entry that was there before this rule."""


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class SiteRow(SiteFacts):
    model_config = _example(
        id="contoh-mpp", name="MPP Contoh", zone="Asia/Makassar", address="Jalan Contoh 1"
    )

    id: NewId


class InstitutionRow(InstitutionFacts):
    model_config = _example(
        id="contoh-dinas",
        name="Dinas Contoh",
        kind="regency",
        agreement={"number": "PKS/01/2026", "starts": "2026-01-02", "ends": "2027-12-31"},
    )

    id: NewId


class CounterRow(CounterFacts):
    model_config = _example(
        id="contoh-gerai", name="Gerai Contoh", site_id="contoh-mpp", institution_id="contoh-dinas"
    )

    id: NewId


class ServiceRow(ServiceFacts):
    model_config = _example(
        id="contoh-layanan",
        name="Layanan contoh",
        counter_id="contoh-gerai",
        prefix="A",
        standard={
            "requirements": ["KTP elektronik"],
            "procedure": "Ambil nomor antrean, lalu serahkan berkas di loket.",
            "duration": "1 hari kerja",
            "fee": "Gratis",
            "product": "Surat keterangan",
            "complaints": "Meja pengaduan di lantai 1",
        },
        daily_quota=60,
        wait_limit_minutes=45,
        number_range_end=999,
    )

    id: NewId


class DeskRow(DeskFacts):
    model_config = _example(
        id="contoh-loket-1", name="Loket 1", counter_id="contoh-gerai", service_ids=["contoh-layanan"]
    )

    id: NewId


class CalendarRow(CalendarFacts):
    model_config = _example(
        id="site:contoh-mpp",
        week=[{"weekday": day, "intervals": [{"opens": "08:00", "closes": "15:30"}]} for day in range(5)],
        breaks=[{"label": "friday_prayer", "weekdays": [4], "starts": "11:30", "ends": "13:00"}],
        holidays=[{"date": "2026-08-17", "name": "Hari Kemerdekaan", "kind": "national"}],
        overrides=[
            {
                "date": "2026-12-31",
                "intervals": [{"opens": "08:00", "closes": "12:00"}],
                "reason": "Tutup buku",
            }
        ],
        force_open=[],
        cutoff_minutes=30,
        periods=[
            {
                "starts": "2027-02-08",
                "ends": "2027-03-09",
                "week": [
                    {"weekday": day, "intervals": [{"opens": "08:00", "closes": "14:00"}]} for day in range(5)
                ],
                "breaks": [],
                "reason": "Jam kerja Ramadan",
            }
        ],
    )

    id: CalendarId


class _Read(BaseModel):
    version: int
    """Also in the ETag; send it back in If-Match to replace or withdraw what you have read."""


class SiteView(SiteRow, _Read):
    """A site as it stands."""


class InstitutionView(InstitutionRow, _Read):
    """An institution as it stands."""


class CounterView(CounterRow, _Read):
    """A counter as it stands."""


class DeskView(DeskRow, _Read):
    """A desk as it stands."""

    site_id: str


class ServiceView(ServiceRow, _Read):
    """A service as it stands."""

    site_id: str
    institution_id: str


class CalendarView(CalendarRow, _Read):
    """A calendar as it stands."""


class Listing(BaseModel):
    """Which entries to list."""

    model_config = ConfigDict(extra="forbid")

    active: bool | None = None
    """Only active entries, or only withdrawn ones."""
    limit: Annotated[int, Field(ge=1, le=LARGEST)] = 50
    """Entries per page."""
    cursor: Annotated[str, Field(pattern=CURSOR)] | None = None
    """`next` of the page before."""

    @property
    def where(self) -> dict[str, str | bool]:
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class CounterListing(Listing):
    site_id: Slug | None = None
    institution_id: Slug | None = None


class DeskListing(Listing):
    site_id: Slug | None = None
    counter_id: Slug | None = None


class ServiceListing(Listing):
    site_id: Slug | None = None
    institution_id: Slug | None = None
    counter_id: Slug | None = None


@dataclass(frozen=True, kw_only=True)
class Section(Generic[E]):
    """A kind of entry with its bodies, and what its list can be narrowed to."""

    kind: type[E]
    row: type[BaseModel]
    view: type[BaseModel]
    standing: str
    """The id of an entry that every installation of Muna Barat has from its start, to be read as an example."""
    listing: type[Listing] = Listing

    @property
    def name(self) -> str:
        return self.kind.section

    @property
    def example(self) -> dict[str, Any]:
        """A row that can be registered after the examples of the sections before."""
        extra: Any = self.row.model_config["json_schema_extra"]
        return dict(extra["examples"][0])

    def shown(self, entry: Entry) -> BaseModel:
        """The entry as it stands after this command."""
        shown = entry.model_dump(include=set(self.view.model_fields))
        return self.view.model_validate({**shown, "version": entry.version + len(entry.recorded)})

    def showing(self, use_case: Callable[P, Awaitable[Entry]]) -> Callable[P, Awaitable[BaseModel]]:
        """A use case that answers with what is shown of its entry."""

        async def show(*args: P.args, **kwargs: P.kwargs) -> BaseModel:
            return self.shown(await use_case(*args, **kwargs))

        return show

    def stated(self, row: BaseModel) -> Facts:
        """The row without its id."""
        return self.kind.facts_type.model_construct(
            **{name: getattr(row, name) for name in self.kind.facts_type.model_fields}
        )


SECTIONS: tuple[Section[Any], ...] = (
    Section(kind=Site, row=SiteRow, view=SiteView, standing="muna-barat-mpp"),
    Section(kind=Institution, row=InstitutionRow, view=InstitutionView, standing="dpmptsp"),
    Section(kind=Counter, row=CounterRow, view=CounterView, standing="dpmptsp", listing=CounterListing),
    Section(kind=Service, row=ServiceRow, view=ServiceView, standing="dpmptsp-nib", listing=ServiceListing),
    Section(kind=Desk, row=DeskRow, view=DeskView, standing="dpmptsp-loket-1", listing=DeskListing),
    Section(kind=Calendar, row=CalendarRow, view=CalendarView, standing="site:muna-barat-mpp"),
)
"""Parents before children."""
