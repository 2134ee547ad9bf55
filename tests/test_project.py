"""Facts about the repository itself: what ships, what is pinned, what the documents promise."""

import re
import subprocess
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.closure import closure

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("models", "training", "service")
EXTRAS: Final = ("service", "train", "dev")
MOST_BYTES: Final = 40 * 1024 * 1024
PIN: Final = re.compile(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)")

# What must not stand in a tracked file, put together here so that this file does not hold it either.
UNWANTED: Final = {
    "a home folder": re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/"),
    "a folder of one machine": re.compile(r"(?<![\w.])/(?:work|opt)/\w"),
    "a folder beside the clone": re.compile(r"\.\./" + "shared"),
    "the host of a package registry": re.compile(
        "|".join(
            (
                "pypi" + r"\.org",
                "python" + r"hosted\.org",
                r"registry\.npm" + "js",
                r"download\.pytorch" + r"\.org",
            )
        )
    ),
}


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def _tracked() -> list[Path]:
    """The files that are, or with the next commit would be, in the repository."""
    listing = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Without git, in an unpacked archive, the question cannot be asked."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return _tracked()


@pytest.fixture(scope="module")
def pins() -> dict[str, Version]:
    """Package -> the version that `constraints.txt` pins."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        match = PIN.fullmatch(line)
        assert match is not None, f"{line!r} is no exact pin of the form name==version"
        assert match[1] not in found, f"{match[1]} is pinned twice"
        found[match[1]] = Version(match[2])
    return found


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "Copyright 2026 The huiyin authors" in text
    assert _project()["project"]["license"] == "Apache-2.0"


def test_no_file_is_too_large(tracked: list[Path]) -> None:
    large = {
        path.relative_to(ROOT): path.stat().st_size for path in tracked if path.stat().st_size > MOST_BYTES
    }
    assert not large


def test_no_file_names_a_machine_or_a_registry(tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        found += [
            f"{path.relative_to(ROOT)} names {what}: {match.group()}"
            for what, pattern in UNWANTED.items()
            for match in pattern.finditer(text)
        ]
    assert not found


def test_the_extras_are_those_that_the_documents_name() -> None:
    assert tuple(_project()["project"]["optional-dependencies"]) == EXTRAS


def test_every_requirement_is_pinned_within_its_bounds(pins: dict[str, Version]) -> None:
    project = _project()["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for requirement in (Requirement(line) for group in groups for line in group):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is missing from constraints.txt"
        assert pins[name] in requirement.specifier, f"{name}=={pins[name]} is outside {requirement}"


def test_every_transitive_requirement_is_pinned(pins: dict[str, Version]) -> None:
    assert closure("huiyin", EXTRAS) - {"huiyin"} <= set(pins)


def test_the_build_backend_is_pinned(pins: dict[str, Version]) -> None:
    assert _project()["build-system"]["requires"] == [f"hatchling=={pins['hatchling']}"]


def test_the_installed_metadata_is_that_of_this_tree() -> None:
    """The tests of the installation read it: an environment from before a change would test nothing."""
    project = _project()["project"]
    assert distribution("huiyin").version == project["version"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    assert _names(requires("huiyin") or ()) == _names(line for group in groups for line in group)


def test_the_targets_that_contributing_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", contributing, flags=re.MULTILINE))
    assert named == {"run", "test", "check", "train", "bench", "help"}
    assert named == targets


def test_the_ci_script_can_be_run(tracked: list[Path]) -> None:
    script = ROOT / ".ci" / "run"
    assert script in tracked
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_the_wheel_holds_the_packages_with_their_data(tracked: list[Path], tmp_path: Path) -> None:
    """Offline: the build backend is part of the extra `dev`."""
    from hatchling.builders.wheel import WheelBuilder

    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
    inside = {
        path.relative_to(ROOT).as_posix() for path in tracked if path.relative_to(ROOT).parts[0] in PACKAGES
    }
    info = f"huiyin-{_project()['project']['version']}.dist-info"
    assert {name for name in names if not name.startswith(info)} == inside
    assert f"{info}/licenses/LICENSE" in names
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
