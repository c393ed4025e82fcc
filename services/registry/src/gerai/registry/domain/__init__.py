"""What is true: the entries of the register and what may be said about them."""
