import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.bundle import Bundle
from models.errors import TaxonomyError
from models.taxonomy import Taxonomy
from tests.training import tiny
from training import pipeline
from training.corpus import read_comments
from training.errors import CorpusError, TrainingError
from training.fit import CHECKPOINT
from training.sources.benchmarks import STARTER_TEST
from training.stage import read_history

ROOT = Path(__file__).parents[2]
STEPS = ["data", "train", "export", "calibrate", "measure", "evaluate"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("start") / "encoder")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.jsonl(tmp_path_factory.mktemp("data") / "mine.jsonl", tiny.rows(90))


def options(encoder: Path, mine: Path, output: Path) -> list[str]:
    """A pipeline of seconds: own comments, a tiny encoder."""
    values = {
        "--output": output, "--start": encoder, "--data": f"{mine}:2", "--epochs": 4, "--resamples": 20,
    }  # fmt: skip
    return [str(part) for pair in values.items() for part in pair]


def run(module: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *module.split(), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)


@pytest.fixture(scope="module")
def whole(encoder: Path, mine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a pipeline leaves that nothing interrupted."""
    output = tmp_path_factory.mktemp("whole") / "out"
    done = run("training.pipeline", options(encoder, mine, output))
    assert done.returncode == 0, done.stderr
    assert "[1/6] data\n" in done.stdout
    assert "[6/6] evaluate\n" in done.stdout
    return output


def read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def test_every_stage_leaves_its_settings_and_metrics(whole: Path) -> None:
    records = {name: read(whole / "records" / f"{name}.json") for name in STEPS}
    assert {name: record["stage"] for name, record in records.items()} == {name: name for name in STEPS}
    assert records["data"]["metrics"]["held_out"] + records["data"]["metrics"]["learnt"] == 90
    assert records["train"]["metrics"]["loss"] > 0
    assert records["train"]["config"]["settings"]["epochs"] == 4
    assert records["calibrate"]["metrics"]["temperature"]["emotion"] > 0
    bundle = Bundle.load(whole / "bundle")
    assert (
        records["evaluate"]["metrics"]["model"]
        == bundle.identity
        == read(whole / "evaluation.json")["model"]["identity"]
    )
    assert bundle.metrics["dev.jsonl"]["metrics"]["sentiment_accuracy"]["value"] is not None
    assert bundle.calibration.to_dict() == records["calibrate"]["metrics"]
    # What is held out was not learnt, although its file was given.
    held_out = records["data"]["metrics"]["held_out"]
    assert 5 <= held_out <= 30
    assert bundle.sources["mine.jsonl"] == {
        "comments": 90 - held_out,
        "near_duplicates": held_out,
        "times": 2.0,
    }


def test_a_complete_pipeline_is_not_done_again(whole: Path, encoder: Path, mine: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    done = run("training.pipeline", options(encoder, mine, whole))
    assert done.returncode == 0, done.stderr
    for number, name in enumerate(STEPS, 1):
        assert f"[{number}/6] {name}: complete, skipped" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before
    # The table is shown again.
    assert "touchpoints: pair F1" in done.stdout


@pytest.mark.parametrize("stage", ["data", "train", "export", "calibrate"])
def test_goes_on_after_a_kill(stage: str, whole: Path, encoder: Path, mine: Path, tmp_path: Path) -> None:
    arguments = options(encoder, mine, tmp_path / "out")
    killed = run("tests.training.pipeline_case", [stage, *arguments])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "out" / "records" / f"{stage}.json").exists()
    assert (tmp_path / "out" / "model" / CHECKPOINT).exists() is (stage == "train")
    again = run("training.pipeline", arguments)
    assert again.returncode == 0, again.stderr
    done_before = STEPS[: STEPS.index(stage)]
    assert [name for name in STEPS if f"{name}: complete, skipped" in again.stdout] == done_before
    # Not only complete, but the very same model.
    assert Bundle.load(tmp_path / "out" / "bundle").identity == Bundle.load(whole / "bundle").identity
    assert read(tmp_path / "out" / "evaluation.json") == read(whole / "evaluation.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # another setting, other comments under the same name
        ({"seed": 2}, r"was begun with seed 1, now it is 2; give another --output"),
        ({"data": ["OTHER:2"]}, r"was begun with files .*give another --output"),
    ],
)
def test_an_output_of_another_plan_is_refused(
    whole: Path, encoder: Path, mine: Path, changes: dict[str, Any], message: str
) -> None:
    given = {"output": whole, "start": str(encoder), "data": [f"{mine}:2"], "epochs": 4, "resamples": 20}
    kept = mine.read_bytes()
    try:
        if "data" in changes:
            tiny.jsonl(mine, tiny.rows(80))
            changes = {}
        with pytest.raises(TrainingError, match=message):
            pipeline.main(**{**given, **changes})
    finally:
        mine.write_bytes(kept)


def test_starter_corpus_alone(encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.main(output=tmp_path, start=str(encoder), epochs=0.1, resamples=10)
    printed = capsys.readouterr().out
    assert "test.jsonl: 180 comments" in printed
    bundle = Bundle.load(tmp_path / "bundle")
    held_out = len(read_comments(tmp_path / "data" / "dev.jsonl", bundle.taxonomy))
    assert 90 <= held_out <= 150
    assert bundle.sources == {
        "starter": {"comments": 720 - held_out, "near_duplicates": held_out, "times": 1.0}
    }
    assert list(bundle.metrics) == ["dev.jsonl", "test.jsonl"]
    # A folder of this machine has no place in what travels.
    manifest = (tmp_path / "bundle" / "manifest.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in manifest
    assert str(encoder.parent) not in manifest


def test_own_taxonomy(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "museum.yaml").write_text(tiny.MUSEUM, encoding="utf-8")
    rows = [
        {
            "text": f"{'展品不错' if number % 2 else '预约太难'}，第{number * 7919 % 100003}次了",
            "units": [
                {"touchpoint": "exhibition", "sentiment": 1}
                if number % 2
                else {"touchpoint": "tickets", "sentiment": -1}
            ],
            "satisfaction": 5 if number % 2 else 1,
        }
        for number in range(40)
    ]
    dev = tiny.jsonl(tmp_path / "dev.jsonl", rows[:10])
    pipeline.main(
        output=tmp_path / "out",
        start=str(encoder),
        data=[str(tiny.jsonl(tmp_path / "mine.jsonl", rows[10:]))],
        dev=dev,
        taxonomy=tmp_path / "museum.yaml",
        epochs=1,
        name="museum",
        resamples=10,
    )
    bundle = Bundle.load(tmp_path / "out" / "bundle")
    assert bundle.name == "museum"
    assert bundle.touchpoints == ("tickets", "exhibition", "overall")
    # Without a file to score, that to calibrate on is shown.
    assert read(tmp_path / "out" / "evaluation.json")["comments"] == 10


def test_the_recipe_of_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From e5 and the corpora on: encoder, further pre-training, several sources; here with two of them."""
    monkeypatch.setattr(pipeline, "RECIPE", ("annotated:2", "starter:0.02"))
    corpora = tmp_path / "corpora"
    (corpora / "comments").mkdir(parents=True)
    tiny.jsonl(corpora / "comments" / "train.jsonl", tiny.rows(70)[10:])
    tiny.jsonl(corpora / "comments" / "dev.jsonl", tiny.rows(10))
    tiny.jsonl(corpora / "unlabelled.jsonl", tiny.rows(90)[70:])
    e5 = tmp_path / "e5-small-q4.bin"
    e5.write_bytes(tiny.E5File(["▁", *dict.fromkeys(tiny.LETTERS)]).to_bytes())
    pipeline.main(
        output=tmp_path / "out", corpora=corpora, e5=e5, pretrain_comments=15, epochs=0.5, resamples=10
    )
    records = {path.stem for path in (tmp_path / "out" / "records").iterdir()}
    assert records == {*STEPS, "encoder", "pretrain"}
    bundle = Bundle.load(tmp_path / "out" / "bundle")
    assert bundle.taxonomy == Taxonomy.load()
    assert bundle.sources["annotated"] == {"comments": 60, "near_duplicates": 0, "times": 2.0}
    assert bundle.encoder["hidden_size"] == 32
    # The manifest knows the whole way.
    assert list(bundle.training) == ["encoder", "pretrain", "train"]
    assert bundle.training["pretrain"]["config"]["comments"] == 15
    assert read_history(tmp_path / "out" / "model")["train"]["config"]["config"]["learning_rate"] == 1.5e-4
    assert list(bundle.metrics) == ["dev.jsonl", "test.jsonl"]
    assert read(tmp_path / "out" / "evaluation.json")["comments"] == len(
        read_comments(STARTER_TEST, Taxonomy.load())
    )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"taxonomy": Path("a.yaml")}, TrainingError, "with --taxonomy give --data FILE too"),
        ({"e5": Path("e5.bin"), "start": "x"}, TrainingError, "give one of them"),
        ({"pretrain_comments": 5}, TrainingError, "give --corpora DIR too"),
        (
            {"dev": Path("none.jsonl")},
            CorpusError,
            r"none\.jsonl: cannot be read \(No such file or directory\)",
        ),
        ({"data": ["none.jsonl:2"]}, CorpusError, r"none\.jsonl: cannot be read"),
        # the folder of the corpora holds none
        ({"corpora": Path(), "start": "ENCODER"}, CorpusError, r"comments/train\.jsonl: no such file"),
        ({"data": ["ONE"], "start": "ENCODER"}, TrainingError, r"give --dev FILE|give more comments"),
        ({"data": ["ONE"], "taxonomy": Path("ONE"), "start": "ENCODER"}, TaxonomyError, r"one\.jsonl"),
    ],
)
def test_what_cannot_be_done(
    given: dict[str, Any], error: type[Exception], message: str, encoder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    one = tiny.jsonl(tmp_path / "one.jsonl", [{"text": "菜不错", "satisfaction": 5}])
    names: dict[Any, Any] = {"ENCODER": str(encoder), Path("ONE"): one}
    arguments: dict[str, Any] = {
        key: value if isinstance(value, list) else names.get(value, value) for key, value in given.items()
    }
    if given.get("data") == ["ONE"]:
        arguments["data"] = [str(one)]
    with pytest.raises(error, match=message):
        pipeline.main(output=tmp_path / "out", **arguments)
