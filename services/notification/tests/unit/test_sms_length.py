"""An SMS is counted as the networks count it."""

import pytest

from gerai.notification.domain.sms_length import segments


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("[" + "a" * 158, 1),
        ("[" + "a" * 159, 2),
        ("“" + "a" * 69, 1),
        ("“" + "a" * 70, 2),
        ("“" + "a" * 133, 2),
        ("“" + "a" * 134, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts(text: str, parts: int):
    assert segments(text) == parts
