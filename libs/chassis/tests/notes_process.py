"""`notes` as a process of its own."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from gerai.chassis.testing import ServiceProcess, service_process

HERE = Path(__file__).parent
RUN = "import importlib, sys; sys.path.insert(0, sys.argv[1]); from gerai.chassis import run"
RUN += "; run(importlib.import_module(sys.argv[2]).service)"


def notes_process(module: str = "notes", **settings: str) -> AbstractAsyncContextManager[ServiceProcess]:
    return service_process(("-c", RUN, str(HERE), module), **({"roles": "api"} | settings))
