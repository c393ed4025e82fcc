"""Numbers that the documents name are those of the code."""

from pathlib import Path

import pytest

from gerai.chassis.settings import Settings
from gerai.messaging.consumer import PATIENCE
from gerai.messaging.mongo.driver import LONGEST_COMMIT
from gerai.messaging.retention import LEAST_INBOX_DAYS, STEP
from gerai.queue.adapters import display_feed

ROOT = Path(__file__).parents[2]
INBOX_DAYS = Settings.model_fields["keep_inbox_days"].default


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("docs/adr/0002-no-kafka-transactions.md", f"kept {INBOX_DAYS} days"),
        ("docs/adr/0002-no-kafka-transactions.md", f"at least {LEAST_INBOX_DAYS}"),
        (
            "docs/adr/0008-display-feed-from-change-stream.md",
            f"more than {display_feed.CATCH_UP.seconds} seconds",
        ),
        ("docs/adr/0008-display-feed-from-change-stream.md", f"({LONGEST_COMMIT.seconds} seconds"),
        ("docs/adr/0008-display-feed-from-change-stream.md", f"latest {display_feed.RING:,} frames"),
        (
            "docs/adr/0008-display-feed-from-change-stream.md",
            f"last {display_feed.LOOK_BACK.seconds // 60} minutes",
        ),
        ("docs/adr/0017-what-is-kept-and-for-how-long.md", f"less than {LEAST_INBOX_DAYS} days"),
        ("docs/adr/0017-what-is-kept-and-for-how-long.md", f"{STEP} documents"),
        ("services/queue/README.md", f"latest {display_feed.RING:,} frames"),
        ("services/queue/README.md", f"{display_feed.CATCH_UP.seconds} seconds"),
        ("libs/messaging/README.md", "`Subscription.patience` (a day)" if PATIENCE.days == 1 else "?"),
    ],
)
def test_a_page_says_the_number_that_holds(page: str, words: str) -> None:
    told = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert words in told
