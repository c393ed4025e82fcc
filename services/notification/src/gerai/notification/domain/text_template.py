"""Text with placeholders: `Nomor {{ number }} dipanggil`. There is nothing else in the language: no condition, no loop,
no call. So nothing that an author writes can run, or run without end."""

import html
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from html.parser import HTMLParser

PLACEHOLDER = re.compile(r"\{\{ ?([a-z][a-z0-9_]{0,39}) ?\}\}")
CODE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\$\{")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]*|\bwww\.[^\s\"'<>]*", re.IGNORECASE)
LONGEST = 20_000
TAGS = frozenset(("p", "br", "strong", "em", "ul", "ol", "li", "a", "h1", "h2"))
LONGEST_VALUE = 500


class TextTemplate:
    """One text of a template. `problems` says what is wrong with it; `fill` is for one without problems."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def placeholders(self) -> frozenset[str]:
        return frozenset(PLACEHOLDER.findall(self._text))

    def problems(self, *, known: frozenset[str], own_addresses: tuple[str, ...]) -> Iterator[str]:
        """Codes: too_long, not_a_placeholder, unknown_placeholder:<name>, foreign_link:<link>."""
        if len(self._text) > LONGEST:
            yield "too_long"
            return
        if CODE.search(PLACEHOLDER.sub("", self._text)):
            yield "not_a_placeholder"
        for name in sorted(self.placeholders - known):
            yield f"unknown_placeholder:{name}"
        for link in ADDRESS.findall(self._text):
            if not _is_own(link, own_addresses):
                yield f"foreign_link:{link[:80]}"

    def fill(self, values: Mapping[str, str], *, escaped: bool = False) -> str:
        """Raises KeyError for a placeholder without a value. Line breaks of a value become spaces, and a value is cut at
        500 characters: it is a name, a number or a time, and no place for another message."""

        def value(match: re.Match[str]) -> str:
            text = " ".join(values[match[1]].split())[:LONGEST_VALUE]
            return html.escape(text) if escaped else text

        return PLACEHOLDER.sub(value, self._text)


class HtmlTemplate(TextTemplate):
    """The same for the HTML part of an e-mail: a few tags, and links to our own addresses alone."""

    def problems(self, *, known: frozenset[str], own_addresses: tuple[str, ...]) -> Iterator[str]:
        """Also: tag:<name>, attribute:<name>."""
        yield from super().problems(known=known, own_addresses=own_addresses)
        reader = _TagReader()
        reader.feed(self._text)
        reader.close()
        yield from reader.problems
        if self._text.count("<") != reader.tags:
            yield "tag:unfinished"
        for link in reader.links:
            if not PLACEHOLDER.fullmatch(link) and not _is_own(link, own_addresses):
                yield f"foreign_link:{link[:80]}"

    def fill(self, values: Mapping[str, str], *, escaped: bool = True) -> str:
        return super().fill(values, escaped=escaped)


def _is_own(link: str, own_addresses: tuple[str, ...]) -> bool:
    """An own address ends with a slash, so that `https://gerai.go.id.evil.example` does not begin with one."""
    return any(link == own.rstrip("/") or link.startswith(own) for own in own_addresses)


class _TagReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.links: list[str] = []
        self.tags = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        if tag not in TAGS:
            self.problems.append(f"tag:{tag[:40]}")
        for name, value in attrs:
            if (tag, name) == ("a", "href"):
                self.links.append(value or "")
            else:
                self.problems.append(f"attribute:{name[:40]}")

    def handle_endtag(self, tag: str) -> None:
        self.tags += 1

    def handle_comment(self, data: str) -> None:
        self.problems.append("tag:comment")

    def handle_decl(self, decl: str) -> None:
        self.problems.append("tag:declaration")

    def handle_pi(self, data: str) -> None:
        self.problems.append("tag:instruction")
