"""Makes the local platform and what each package's tests share importable, and the platform's MongoDB and Kafka
available as fixtures."""

import logging
import sys
from pathlib import Path

import structlog

_ROOT = Path(__file__).parent
sys.path[:0] = [
    str(_ROOT / "deploy"),
    str(_ROOT),
    *(str(folder) for top in ("libs", "services") for folder in sorted((_ROOT / top).glob("*/tests"))),
]

pytest_plugins = ["tests.parts"]

# Logs of code under test: rendering tracebacks costs more than the tests themselves.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
