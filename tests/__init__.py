"""The tests of the whole. `python -m tests.lanes` runs from the checkout without any setting of the shell's."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))
