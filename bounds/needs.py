"""What the commands that train need: the measuring side, and quiet threads."""

from __future__ import annotations

import importlib
import importlib.util
import os

from bounds.errors import TheoryError


def quiet_threads() -> None:
    """Let idle OpenMP threads sleep, unless the user decided otherwise; to be called before anything imports torch.

    By default they spin, which slows small kernels on a shared machine several times over. The policy is read once,
    when the library is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def need_empirics(*, load: bool = True) -> None:
    """Make sure that the measuring side is installed.

    Args:
        load: Also import it; otherwise, where other processes do the work, only look whether torch is there.

    Raises:
        TheoryError: It is not; one line says how to install it.
    """
    quiet_threads()
    try:
        if load:
            importlib.import_module("empirics.training")
        elif importlib.util.find_spec("torch") is None:
            raise ModuleNotFoundError(name="torch")
    except ModuleNotFoundError as error:
        raise TheoryError(f"{error.name} is not installed: pip install 'bounds[empirics]' -c constraints.txt") from None
