"""What can be done: who is told, how it goes out, and what became of it."""
