"""`make bench`: the platform's figures, as ratios measured in one run on this machine."""
