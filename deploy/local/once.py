"""Programs that do one thing and end: formatting a store, fetching archives."""

import asyncio
import os
from collections.abc import Sequence

from local.failure import UnableToStart
from local.launch import bound_to_us
from local.places import ROOT


async def run_once(argv: Sequence[str], *, seconds: float) -> tuple[int, str]:
    """Exit code and output. Its messages about progress (stderr) go to ours. Stopped when we are."""
    process = await asyncio.create_subprocess_exec(
        *bound_to_us(argv),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=_environment(),
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise UnableToStart(f"{argv[0]} was not done within {seconds:.0f} seconds.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")


def _environment() -> dict[str, str]:
    """Ours, and the way to this package: a parent may know it by other means than `PYTHONPATH`, as pytest does."""
    known = [str(ROOT / "deploy"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(known)}
