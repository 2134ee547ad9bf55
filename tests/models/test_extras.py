"""A missing extra names the command that installs it; other failures keep their own words."""

import json
import sys
from pathlib import Path

import pytest

from models.errors import HuiyinError, MissingExtraError
from models.extras import Extra, check, require


def test_returns_the_module_itself() -> None:
    assert require("json", "service") is json


@pytest.mark.parametrize(
    ("module", "extra", "package"),
    [
        # a package that is not there
        ("huiyin_absent", "train", "huiyin_absent"),
        # a module inside it: what is to be installed is the package
        ("huiyin_absent.linear", "service", "huiyin_absent"),
    ],
)
def test_a_missing_package_names_the_command(module: str, extra: Extra, package: str) -> None:
    for look in (require, check):
        with pytest.raises(MissingExtraError) as caught:
            look(module, extra)
        _names_the_command(caught.value, extra, package)


def _names_the_command(error: MissingExtraError, extra: Extra, package: str) -> None:
    assert f"{package} is not installed" in str(error)
    assert f'pip install "huiyin[{extra}]"' in str(error)
    assert error.name == package


def test_the_error_can_be_caught_as_ours_and_as_an_import_error() -> None:
    assert issubclass(MissingExtraError, HuiyinError)
    assert issubclass(MissingExtraError, ImportError)


def test_a_package_that_lacks_something_of_its_own_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "huiyin_broken.py").write_text("import huiyin_absent_dependency\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="huiyin_absent_dependency") as caught:
        require("huiyin_broken", "train")
    assert not isinstance(caught.value, HuiyinError)


def test_check_does_not_load_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "huiyin_idle.py").write_text("raise AssertionError('loaded')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    check("huiyin_idle", "service")
    assert "huiyin_idle" not in sys.modules
