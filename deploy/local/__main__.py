"""`python -m local`: the same as `make up`."""

from local.up import main

raise SystemExit(main())
