"""Why a day could not be played to its end, as a sentence."""

from local.failure import UnableToStart


class UnableToPlay(UnableToStart):
    """The platform did something that a working platform does not do."""
