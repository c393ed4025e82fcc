"""How the register meets MongoDB."""
