"""What the tests of every service need. Nothing that runs in production imports it."""

from gerai.chassis.testing.contexts import assembled, context_of, settings_of

__all__ = ["assembled", "context_of", "settings_of"]
