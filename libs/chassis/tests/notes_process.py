"""`notes` as a process of its own."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from gerai.chassis.testing import ServiceProcess, service_process

HERE = Path(__file__).parent
RUN = "import importlib, sys; sys.path.insert(0, sys.argv[1]); from gerai.chassis import run"
RUN += "; run(importlib.import_module(sys.argv[2]).service)"


def notes_process(
    module: str = "notes", *, keeps_log: bool = True, **settings: str
) -> AbstractAsyncContextManager[ServiceProcess]:
    """`module`: another of the example services here."""
    arguments = ("-c", RUN, str(HERE), module)
    return service_process(arguments, keeps_log=keeps_log, **({"roles": "api"} | settings))
