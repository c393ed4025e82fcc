"""The languages that people are told things in."""

from enum import StrEnum


class Language(StrEnum):
    """Indonesian first."""

    ID = "id"
    EN = "en"
