"""The command from end to end, on a small bundle and a few comments."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import runtime_choice, tagging, throughput
from benchmarks.machine import ROOT
from benchmarks.settings import Settings
from benchmarks.tables import Part
from tests.small_model import starter_texts

LONG = "店员热情，环境也好。" * 16


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(tagging.main)
    return app


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    path = tmp_path / "comments.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in [*starter_texts(12), "好", LONG]]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _run(app: typer.Typer, *arguments: str | Path) -> tuple[str, dict[str, Any], str]:
    """What it printed, the numbers and the tables."""
    output = Path(arguments[-1])
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    numbers = json.loads(output.read_text(encoding="utf-8"))
    return result.output, numbers, output.with_suffix(".md").read_text(encoding="utf-8")


def test_the_parts_measure_a_real_bundle(
    app: typer.Typer, small_bundle: Path, comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "STARTS", 2)
    monkeypatch.setattr(runtime_choice, "openvino_installed", lambda: False)
    only = [part for name in ("tagger", "baseline", "runtimes", "peak", "start") for part in ("--only", name)]
    files: list[str | Path] = [
        "--bundle",
        small_bundle,
        "--comments",
        comments,
        "--baseline",
        tmp_path / "absent",
    ]
    shown, numbers, tables = _run(app, *files, "--quick", *only, "--output", tmp_path / "out" / "speed.json")
    parts = numbers["parts"]

    cells = [(cell["kind"], cell["manner"]) for cell in parts["tagger"]["cells"]]
    assert cells == [
        (kind, way) for kind in ("short", "typical", "long") for way in ("one by one", "in bulk")
    ]
    assert all(len(cell["per_s"]["rounds"]) == 2 for cell in parts["tagger"]["cells"])
    assert all(cell["per_s"]["median"] > 0 and cell["peak_mib"] > 20 for cell in parts["tagger"]["cells"])

    assert "absent is not a folder" in parts["baseline"]["skipped"][0]

    assert "OpenVINO: not installed" in parts["runtimes"]["skipped"][0]
    runtimes = parts["runtimes"]["runtimes"]
    ours = runtimes["onnxruntime, static int8 (the tagger's)"]
    assert set(ours["per_s"]) == {"512", "2048"}
    assert ours["alone"] < 1e-5 < runtimes["onnxruntime, dynamic int8"]["alone"]
    assert runtimes["onnxruntime, float32"]["to_float"] == 0.0

    assert 0 < parts["peak"]["tokens"] <= parts["peak"]["padded_tokens"]
    assert all(share["median"] > 0 for share in parts["peak"]["shares"].values())
    assert {"QAttention", "MatMulIntegerToFloat"} <= set(parts["peak"]["operators"])

    assert len(parts["start"]["first_tags_s"]) == 2
    pairs = zip(parts["start"]["ready_s"], parts["start"]["first_tags_s"], strict=True)
    assert all(ready < tagged for ready, tagged in pairs)

    for text in ("Share of the peak", "Where the time of the graph goes", numbers["bundle"], "rounds: 2"):
        assert text in tables
        assert text in shown


def test_the_facts_stand_before_the_numbers(
    app: typer.Typer, small_bundle: Path, comments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Settings] = []

    def measure(settings: Settings) -> Part:
        given.append(settings)
        return Part(values={"answer": 42})

    monkeypatch.setattr(tagging, "MEASURES", {tagging.PartName.START: measure})
    monkeypatch.setattr(tagging, "load_average", lambda: 99.0)
    files: list[str | Path] = [
        "--bundle",
        small_bundle,
        "--comments",
        comments,
        "--runs",
        "3",
        "--only",
        "start",
    ]
    shown, numbers, tables = _run(app, *files, "--output", tmp_path / "speed.json")
    (settings,) = given
    assert (settings.runs, len(settings.comments), settings.bundle) == (3, 14, small_bundle)
    assert numbers["parts"] == {"start": {"answer": 42, "skipped": []}}
    assert numbers["load_average"] == 99.0
    assert "load average 99.0" in numbers["warning"]
    assert "other processes keep the cores busy" in shown
    assert "other processes keep the cores busy" in tables
    assert numbers["machine"]["cores"] == settings.threads


@pytest.mark.parametrize(
    ("option", "message"),
    [
        # no model
        ("--bundle", "absent.jsonl is not a folder"),
        # no comments
        ("--comments", "absent.jsonl: there is no such file"),
    ],
)
def test_what_is_missing_is_named(
    app: typer.Typer, small_bundle: Path, tmp_path: Path, option: str, message: str
) -> None:
    files = {"--bundle": small_bundle, "--output": tmp_path / "speed.json", option: tmp_path / "absent.jsonl"}
    arguments = [str(word) for pair in files.items() for word in pair]
    result = CliRunner().invoke(app, arguments, terminal_width=200)
    assert result.exit_code == 2
    # The box around the message breaks lines where it likes.
    assert re.sub(r"[\s│]+", "", message) in re.sub(r"[\s│]+", "", result.output)
    assert not (tmp_path / "speed.json").exists()


def test_the_readme_shows_commands_that_exist(app: typer.Typer) -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m benchmarks\.tagging(.*)$", text, flags=re.MULTILINE)
    known = set(re.findall(r"--[a-z]+", CliRunner().invoke(app, ["--help"], terminal_width=200).output))
    assert len(commands) >= 2
    for command in commands:
        assert {word for word in shlex.split(command, comments=True) if word.startswith("--")} <= known
