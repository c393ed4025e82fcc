"""A site (MPP): one building of a regency, with its time zone."""

from gerai.contracts.registry import SiteChanged
from gerai.contracts.text import Name, Prose
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.local_time import Zone
from gerai.registry.domain.words import SITE


class SiteFacts(Facts):
    """What a registrar states about a site."""

    name: Name
    zone: Zone
    """All days and times of the site are local to this zone."""
    address: Prose = ""


class Site(SiteFacts, Entry):
    collection = "sites"
    section = "sites"
    facts_type = SiteFacts
    changed = SiteChanged
    word = SITE
