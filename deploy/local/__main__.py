"""`python -m local`: the same as `make up`."""

from local import command
from local.up import up

raise SystemExit(command.run(up()))
