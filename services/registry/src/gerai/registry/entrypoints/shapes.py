"""The bodies that come in and go out: the facts of each kind with the entry's id, and its version when read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Generic, ParamSpec, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, create_model

from gerai.chassis.pages import CURSOR, LARGEST
from gerai.contracts.text import NOT_PERSONAL, Slug
from gerai.registry.domain.calendar import Calendar, CalendarId
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site

E = TypeVar("E", bound=Entry)
P = ParamSpec("P")

NewId: TypeAlias = Annotated[Slug, NOT_PERSONAL]
"""A row of an import may also have the id of an entry that was there before this rule."""


EXAMPLES: dict[str, Any] = orjson.loads((Path(__file__).parent / "examples.json").read_bytes())
"""A small register, as an import takes it."""


class Read(BaseModel):
    version: int
    """Also in the ETag; send it back in If-Match to replace or withdraw what you have read."""


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


@dataclass(frozen=True, kw_only=True)
class Section(Generic[E]):
    """A kind of entry with its bodies."""

    kind: type[E]
    standing: str
    """The id of an entry that every installation of Muna Barat has from its start, to be read as an example."""
    id: Any = NewId

    @property
    def name(self) -> str:
        return self.kind.section

    @property
    def example(self) -> dict[str, Any]:
        """A row that can be registered after the examples of the sections before."""
        return {**EXAMPLES[self.name][0]}

    @cached_property
    def row(self) -> type[BaseModel]:
        """What is stated about a new entry."""
        shown = {"json_schema_extra": {"examples": [self.example]}}
        name, facts = f"{self.kind.__name__}Row", self.kind.facts_type
        row: type[BaseModel] = create_model(name, __base__=facts, __cls_kwargs__=shown, id=(self.id, ...))
        return row

    @cached_property
    def view(self) -> type[BaseModel]:
        """An entry as it stands, with what it takes from its parents."""
        derived: dict[str, Any] = dict.fromkeys(self.kind.taken_from_parents(), (str, ...))
        name, doc = f"{self.kind.__name__}View", f"The {self.kind.word} as it stands."
        view: type[BaseModel] = create_model(name, __base__=(self.row, Read), __doc__=doc, **derived)
        return view

    @cached_property
    def listing(self) -> type[Listing]:
        """Its list can be narrowed to what an entry belongs to."""
        above = [*self.kind.taken_from_parents(), *self.kind.parents]
        narrowed: dict[str, Any] = dict.fromkeys(above, (Slug | None, None))
        return create_model(f"{self.kind.__name__}Listing", __base__=Listing, **narrowed)

    def shown(self, entry: Entry) -> BaseModel:
        """The entry as it stands after this command."""
        shown = entry.model_dump(include=set(self.view.model_fields))
        return self.view.model_validate({**shown, "version": entry.version_as_recorded})

    def showing(self, use_case: Callable[P, Awaitable[Entry]]) -> Callable[P, Awaitable[BaseModel]]:
        """A use case that answers with what is shown of its entry."""

        async def show(*args: P.args, **kwargs: P.kwargs) -> BaseModel:
            return self.shown(await use_case(*args, **kwargs))

        return show

    def stated(self, row: BaseModel) -> Facts:
        """The row without its id."""
        names = self.kind.facts_type.model_fields
        return self.kind.facts_type.model_construct(**{name: getattr(row, name) for name in names})


SECTIONS: tuple[Section[Any], ...] = (
    Section(kind=Site, standing="muna-barat-mpp"),
    Section(kind=Institution, standing="dpmptsp"),
    Section(kind=Counter, standing="dpmptsp"),
    Section(kind=Service, standing="dpmptsp-nib"),
    Section(kind=Desk, standing="dpmptsp-loket-1"),
    Section(kind=Calendar, standing="site:muna-barat-mpp", id=CalendarId),
)
"""Parents before children."""
