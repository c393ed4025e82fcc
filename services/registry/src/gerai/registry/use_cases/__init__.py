"""What can be done with the register."""
