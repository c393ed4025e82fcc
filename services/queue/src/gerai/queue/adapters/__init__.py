"""How the queue meets the world: its replica of the register, its read side, the display feed."""
