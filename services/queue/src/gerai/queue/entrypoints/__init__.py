"""How the world comes in: routes by audience, and the registry's events."""
