"""`make demo`: a working day at the 29 gerai of Muna Barat, through the public interfaces only."""
