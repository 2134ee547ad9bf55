"""Each part imports with its own extra only, and the base install stays small.

One environment holds all extras. A subprocess per extra therefore hides every distribution that the extra
does not bring: its packages cannot be found there, as if they had not been installed.
"""

import json
import pkgutil
import subprocess
import sys
from collections.abc import Collection, Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.utils import canonicalize_name

import models
import service
import training
from tests.closure import closure

ROOT: Final = Path(__file__).resolve().parent.parent

# What the base install must not bring, however it is reached: each costs a user seconds or hundreds of MB.
HEAVY: Final = (
    "jieba",
    "openpyxl",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "spacy",
    "torch",
    "transformers",
)

# Modules that need an extra; all the others of `models` and `service` work with the base install.
NEEDS_SERVICE: Final = ("models.baseline",)
NEEDS_TRAIN: Final = ("models.network", "models.spacy_pipe", "training")

IMPORTER: Final = """
import importlib.machinery, json, sys

hidden, statements = json.load(sys.stdin)


class Installed(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in hidden["modules"]:
            return None
        return super().find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *context):
        for found in importlib.machinery.PathFinder.find_distributions(*context):
            if found.name not in hidden["distributions"]:
                yield found


sys.meta_path[:] = [Installed if it is importlib.machinery.PathFinder else it for it in sys.meta_path]
failed = {}
for statement in statements:
    try:
        exec(statement, {})
    except ImportError as error:
        failed[statement] = [type(error).__name__, str(error)]
print(json.dumps({"failed": failed, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""

Hidden = dict[str, list[str]]
"""`distributions` and their top-level `modules`, by name."""
NOTHING: Final[Hidden] = {"distributions": [], "modules": []}


def _modules(package: Any) -> list[str]:
    """The package and every module inside it, by their dotted names, runnable ones left out."""
    inside = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package.__name__, *(found.name for found in inside if not found.name.endswith("__main__"))]


def _needs(module: str, names: Iterable[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


ALL: Final = [name for package in (models, service, training) for name in _modules(package)]
BASE_PART: Final = [name for name in ALL if not _needs(name, (*NEEDS_SERVICE, *NEEDS_TRAIN))]
SERVICE_PART: Final = [name for name in ALL if not _needs(name, NEEDS_TRAIN)]
TRAIN_PART: Final = [name for name in ALL if not name.startswith("service")]


def _hidden(extras: Collection[str]) -> Hidden:
    """What is installed here, but would not be with huiyin and these extras alone."""
    brought = closure("huiyin", extras)
    owners = packages_distributions()
    return {
        "distributions": sorted(
            {name for names in owners.values() for name in names if canonicalize_name(name) not in brought}
        ),
        "modules": [
            module for module, names in owners.items() if not brought & set(map(canonicalize_name, names))
        ],
    }


def _run(statements: Iterable[str], hidden: Hidden = NOTHING) -> dict[str, Any]:
    """Runs the statements in a process of its own that cannot see `hidden`.

    Returns `failed`, statement -> (name of the import error, its text), and `loaded`, the top-level modules
    in memory at the end.
    """
    done = subprocess.run(
        [sys.executable, "-c", IMPORTER],
        input=json.dumps([hidden, list(statements)]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _import(modules: Iterable[str], hidden: Hidden = NOTHING) -> dict[str, Any]:
    return _run([f"import {module}" for module in modules], hidden)


def test_hiding_works() -> None:
    """The tests below prove nothing unless a hidden package is really out of reach."""
    hidden = _hidden(())
    assert {"torch", "sklearn", "pyarrow", "pytest"} <= set(hidden["modules"])
    assert {"torch", "scikit-learn", "pyarrow", "pytest"} <= set(hidden["distributions"])
    assert not {"numpy", "tokenizers", "onnxruntime", "typer", "rich"} & set(hidden["modules"])
    assert set(_import(["torch", "numpy"], hidden)["failed"]) == {"import torch"}


@pytest.mark.parametrize(
    ("extras", "modules"),
    [
        # the base install: the tagger and the command line
        pytest.param((), BASE_PART, id="base"),
        # with the linear baseline and the file formats
        pytest.param(("service",), SERVICE_PART, id="service"),
        # everything that makes a model, the baseline as its yardstick included
        pytest.param(("train",), TRAIN_PART, id="train"),
    ],
)
def test_each_part_imports_with_its_own_extra_only(extras: tuple[str, ...], modules: list[str]) -> None:
    assert _import(modules, _hidden(extras))["failed"] == {}


@pytest.mark.parametrize("module", ["models.tagger", "service.cli"])
def test_what_users_start_with_is_in_the_base(module: str) -> None:
    assert module in BASE_PART


def test_the_base_never_loads_what_it_does_not_need() -> None:
    """With everything installed: a package within reach is not imported on the off chance."""
    answer = _import(BASE_PART)
    assert answer["failed"] == {}
    assert not set(HEAVY) & set(answer["loaded"])


def test_the_service_extra_never_loads_torch() -> None:
    answer = _import(SERVICE_PART)
    assert not {"torch", "transformers"} & set(answer["loaded"])


def test_the_base_install_brings_nothing_heavy() -> None:
    assert not {"pandas", "polars", "scikit-learn", "scipy", "torch", "transformers"} & closure("huiyin")


@pytest.mark.parametrize(
    ("statement", "extra"),
    [
        # the linear baseline, without scikit-learn and jieba
        ("import models.baseline", "service"),
        # huiyin train, without torch
        (
            "import service.training_command as at; at.run_training('training.train', [], needs='torch')",
            "train",
        ),
    ],
)
def test_a_part_without_its_extra_names_the_command(statement: str, extra: str) -> None:
    error, message = _run([statement], _hidden(()))["failed"][statement]
    assert error == "MissingExtraError"
    assert f'pip install "huiyin[{extra}]"' in message
