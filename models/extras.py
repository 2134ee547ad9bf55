"""Parts beyond the base install: find their packages, or name the command that installs them."""

import importlib
import importlib.util
from types import ModuleType
from typing import Literal

from models.errors import MissingExtraError

Extra = Literal["service", "train"]
"""The extras that a user installs; the names stand in `pyproject.toml`."""


def require(module: str, extra: Extra) -> ModuleType:
    """Imports `module`, which `extra` installs, and returns it.

    Raises `MissingExtraError`, with the command that installs the extra, if the package is not there. Any
    other failure of the import, such as a broken package, is raised as it came.
    """
    check(module, extra)
    return importlib.import_module(module)


def check(module: str, extra: Extra) -> None:
    """Raises what `require` raises where the package of `module` is not installed, but does not load it.

    For a process that hands the work to another one, and for a package that loads its parts later.
    """
    package = module.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"{package} is not installed: it comes with the extra `{extra}`; "
            f'run: pip install "huiyin[{extra}]" (in a clone: pip install -e ".[{extra}]")',
            name=package,
        )
