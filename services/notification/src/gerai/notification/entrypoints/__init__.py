"""How the world comes in: requests, and the events that people are told of."""
