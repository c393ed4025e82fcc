"""How the world is met: providers, and the reading that a sending job needs."""
