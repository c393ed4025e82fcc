"""Makes the local platform importable for all tests, and its MongoDB and Kafka available as fixtures."""

import sys
from pathlib import Path

_ROOT = Path(__file__).parent
sys.path[:0] = [str(_ROOT / "deploy"), str(_ROOT)]

pytest_plugins = ["tests.parts"]
