"""The secret address of a visitor's page. It is told once, to who takes the number; what is kept is its hash."""

import hashlib

MARK = "."


def link_of(ticket_id: str, secret: str) -> str:
    """Begins with the ticket's id, by which it is found."""
    return f"{ticket_id}{MARK}{secret}"


def hash_of(link: str) -> str:
    """A bare SHA-256 is enough: behind it stands no word that somebody chose, but 128 random bits, which nobody can try
    out, and no two are alike. Salt and a slow hash would guard nothing."""
    return hashlib.sha256(link.encode()).hexdigest()


def ticket_id_in(link: str) -> str:
    return link.partition(MARK)[0]
