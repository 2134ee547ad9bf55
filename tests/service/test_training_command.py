"""`huiyin train` and `huiyin evaluate` hand everything to the training package, in a process of its own."""

import sys
from pathlib import Path

import pytest

from service import training_command
from tests.service.command import huiyin


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training package that tells what it was given, in the place of ours."""
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "__init__.py").touch()
    body = "import os, signal, sys\nprint(sys.argv[1:], flush=True)\n"
    (folder / "evaluate.py").write_text(body + "sys.exit(3)\n", encoding="utf-8")
    (folder / "train.py").write_text(body + "os.kill(os.getpid(), signal.SIGKILL)\n", encoding="utf-8")
    monkeypatch.setattr(training_command, "_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["BUNDLE", "data.jsonl", "--by", "domain"],
        # help is that of the training package
        ["--help"],
        ["-o", "a b", "--", "-x"],
        [],
    ],
)
def test_arguments_and_exit_code_pass_through(
    stage: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert huiyin("evaluate", *arguments) == 3
    passed = [argument for argument in arguments if argument != "--"]
    assert capfd.readouterr().out == f"{passed}\n"


def test_a_killed_stage_gives_the_code_that_a_shell_shows(
    stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert huiyin("train") == 137


def test_a_folder_where_the_user_stands_does_not_take_its_place(
    stage: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere = stage / "elsewhere"
    (elsewhere / "training").mkdir(parents=True)
    (elsewhere / "training" / "evaluate.py").write_text("print('wrong one')", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    assert huiyin("evaluate", "x") == 3
    assert capfd.readouterr().out == "['x']\n"


def test_training_without_its_extra_names_the_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert huiyin("train", "data.jsonl") == 2
    err = capfd.readouterr().err
    assert "torch is not installed" in err
    assert 'pip install "huiyin[train]"' in err
