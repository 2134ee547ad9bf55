import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import TaxonomyError
from models.network import Logits
from models.tags import EMOTIONS
from models.taxonomy import Taxonomy
from tests.training import tiny
from training import train as stage
from training.checkpoint import head_config, load_model
from training.corpus import Comment, read_comments
from training.encoder import load_encoder
from training.errors import CheckpointError, CorpusError, TrainingError
from training.examples import examples
from training.fit import CHECKPOINT
from training.train import Part, drawn, emotion_balance, gather

ROOT = Path(__file__).parents[2]
TAXONOMY = Taxonomy.load()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder_folder(tmp_path_factory.mktemp("start") / "encoder")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("starter", Part("starter", 1.0)),
        ("starter:4", Part("starter", 4.0)),
        ("mine.jsonl:0.25", Part("mine.jsonl", 0.25)),
        # a path of Windows, a name with a colon: no number behind it
        (r"C:\mine.jsonl", Part(r"C:\mine.jsonl", 1.0)),
        (r"C:\mine.jsonl:2", Part(r"C:\mine.jsonl", 2.0)),
    ],
)
def test_parts(text: str, expected: Part) -> None:
    assert Part.parse(text) == expected


@pytest.mark.parametrize("times", ["0", "-1", "101", "nan", "inf"])
def test_times_that_make_no_sense(times: str) -> None:
    with pytest.raises(TrainingError, match=f"above 0 and up to 100 times, not {times}"):
        Part.parse(f"mine.jsonl:{times}")


def comments(path: Path, count: int) -> list[Comment]:
    return read_comments(tiny.jsonl(path / "mine.jsonl", tiny.rows(count)), TAXONOMY)


def test_drawn(tmp_path: Path) -> None:
    given = comments(tmp_path, 20)
    assert drawn(given, 1, seed=1) == given
    assert drawn(given, 2, seed=1) == given * 2
    half = drawn(given, 2.5, seed=1)
    assert half[:40] == given * 2
    assert len(half) == 50
    assert len({one.id for one in half[40:]}) == 10
    assert drawn(given, 0.5, seed=1) == half[40:] != drawn(given, 0.5, seed=2)


def test_gather_keeps_away_from_what_is_held_out(tmp_path: Path) -> None:
    given = comments(tmp_path, 20)
    (tmp_path / "other").mkdir()
    tiny.jsonl(tmp_path / "other" / "mine.jsonl", [{"text": "展品不错，讲解很好", "satisfaction": 5}])
    found, counts = gather(
        [Part("starter", 0.1)],
        [Part(str(tmp_path / "mine.jsonl"), 2.0), Part(str(tmp_path / "other" / "mine.jsonl"), 1.0)],
        corpora=None,
        taxonomy=TAXONOMY,
        # One comment as it stands, one in other punctuation and width.
        held_out=[given[3].text, given[4].text.replace("，", " ！")],
        seed=1,
    )
    assert counts == {
        "starter": {"comments": 720, "near_duplicates": 0, "times": 0.1},
        "mine.jsonl": {"comments": 18, "near_duplicates": 2, "times": 2.0},
        "mine.jsonl (2)": {"comments": 1, "near_duplicates": 0, "times": 1.0},
    }
    assert len(found) == 72 + 36 + 1
    assert not {given[3].text, given[4].text} & {one.text for one in found}


def test_balance_lifts_rare_emotions(tmp_path: Path) -> None:
    # 100 comments with one emotion, 10 for each on average; the last three admit two and do not count.
    names: list[Any] = ["joy"] * 80 + ["anger"] * 19 + ["disgust"] + [["joy", "satisfaction"]] * 3
    rows = [{"text": f"菜不错{number}", "emotions": [name]} for number, name in enumerate(names)]
    path = tiny.jsonl(tmp_path / "emotions.jsonl", rows)
    encoded = examples(read_comments(path, TAXONOMY), tiny.tokenizer(), head_config(TAXONOMY), longest=16)
    weights = dict(zip(EMOTIONS, emotion_balance(encoded).tolist(), strict=True))
    # Common ones count once, rare ones more: (10 / 1) ** 0.3; at most three times.
    assert weights["joy"] == weights["anger"] == 1.0
    assert weights["disgust"] == pytest.approx(10**0.3)
    assert weights["gratitude"] == pytest.approx(10**0.3)
    many = emotion_balance(encoded * 100)
    assert many.max().item() == 3.0


def labels(folder: Path, texts: list[str]) -> Logits:
    """What the saved network says of each text; all of one length."""
    model = load_model(folder)
    ids = torch.tensor([model.tokenizer.encode(text).ids for text in texts])
    with torch.no_grad():
        found: Logits = model.network.eval()(ids, torch.ones_like(ids))
    return found


def test_learns_from_own_comments(tmp_path: Path, encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tiny.jsonl(tmp_path / "mine.jsonl", tiny.rows(60))
    stage.main(
        output=tmp_path / "out",
        start=str(encoder),
        data=[f"{data}:2"],
        epochs=30,
        learning_rate=3e-3,
        head_learning_rate=1e-2,
        tokens_per_batch=512,
    )
    found = labels(tmp_path / "out", [f"{tiny.BAD}，第7次了", f"{tiny.GOOD}，第77次了，"])
    # Absent 0, negative 1, neutral 2, positive 3: the two touchpoints of these comments and two others.
    places = [TAXONOMY.touchpoint_ids.index(name) for name in ("staff", "product", "price", "delivery")]
    assert found.labels[:, places].argmax(-1).tolist() == [[1, 0, 0, 0], [0, 3, 0, 0]]
    assert found.satisfaction.argmax(-1).tolist() == [0, 4]
    assert found.loyalty.argmax(-1).tolist() == [0, 2]
    assert "trained on 120 comments, loss " in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "stage.json").read_text(encoding="utf-8"))
    assert record["config"]["config"]["epochs"] == 30
    assert record["config"]["sources"] == {"mine.jsonl": {"comments": 60, "near_duplicates": 0, "times": 2.0}}
    assert record["metrics"]["examples"] == 120
    assert not (tmp_path / "out" / CHECKPOINT).exists()
    # The model knows the same, and no path of this machine.
    travelling = load_model(tmp_path / "out").record["train"]
    assert travelling["sources"] == record["config"]["sources"]
    assert str(tmp_path) not in json.dumps(travelling)


def test_own_taxonomy_and_own_table(tmp_path: Path, encoder: Path) -> None:
    (tmp_path / "museum.yaml").write_text(tiny.MUSEUM, encoding="utf-8")
    table = "text,touchpoints,satisfaction\n展品不错,exhibition:positive,5\n预约太难,tickets:negative,1\n"
    (tmp_path / "mine.csv").write_text(table, encoding="utf-8-sig")
    stage.main(
        output=tmp_path / "out",
        start=str(encoder),
        data=[str(tmp_path / "mine.csv")],
        taxonomy=tmp_path / "museum.yaml",
        epochs=60,
        learning_rate=3e-3,
        head_learning_rate=1e-2,
    )
    model = load_model(tmp_path / "out")
    assert model.taxonomy.version == "museum-1"
    assert model.network.heads.config.touchpoints == ("tickets", "exhibition", "overall")
    assert model.network.heads.config.dimensions == ("learning",)
    found = labels(tmp_path / "out", ["展品不错", "预约太难"])
    assert found.labels[:, :2].argmax(-1).tolist() == [[0, 3], [1, 0]]
    # Trained on with the shipped labels: the encoder is kept, the heads are new.
    stage.main(
        output=tmp_path / "next",
        start=str(tmp_path / "out"),
        data=[str(tiny.jsonl(tmp_path / "more.jsonl", tiny.rows(4)))],
        taxonomy=Path(stage.__file__).parents[1] / "models" / "taxonomy.yaml",
    )
    assert load_model(tmp_path / "next").taxonomy == TAXONOMY


def test_goes_on_from_an_earlier_training(tmp_path: Path, encoder: Path) -> None:
    data = [str(tiny.jsonl(tmp_path / "mine.jsonl", tiny.rows(8)))]
    stage.main(output=tmp_path / "one", start=str(encoder), data=data)
    stage.main(
        output=tmp_path / "two",
        start=str(tmp_path / "one"),
        data=data,
        learning_rate=1e-9,
        head_learning_rate=1e-9,
    )
    one, two = (load_model(tmp_path / name).network.state_dict() for name in ("one", "two"))
    torch.testing.assert_close(two, one, atol=1e-6, rtol=0)
    assert load_model(tmp_path / "two").record["train"]["start"] == "one"


def test_comments_longer_than_the_encoder_reads(tmp_path: Path, encoder: Path) -> None:
    data = tiny.jsonl(tmp_path / "long.jsonl", [{"text": "菜不错" * 400, "satisfaction": 5}])
    stage.main(output=tmp_path / "out", start=str(encoder), data=[str(data)], longest=5000)
    positions = load_encoder(encoder, dropout=0.1)[0].config.max_position_embeddings
    assert load_model(tmp_path / "out").record["train"]["longest"] == positions


UNKNOWN = {"text": "菜不错", "units": [{"quote": "菜", "touchpoint": "food", "sentiment": 1}]}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        # nothing given
        ({}, TrainingError, "nothing to train on; give --source NAME or --data FILE at least once"),
        # a source that is not there, one that needs the corpora
        ({"source": ["weibo"]}, CorpusError, "there is no source 'weibo'; there are annotated, starter"),
        ({"source": ["annotated"]}, CorpusError, "give the folder that holds it with --corpora DIR"),
        # a file that is not there, a label that the taxonomy lacks: line, what is allowed
        ({"data": ["none.jsonl"]}, CorpusError, r"none\.jsonl: there is no such file"),
        (
            {"data": ["UNKNOWN"]},
            CorpusError,
            r"unknown\.jsonl, line 1: 'touchpoint' is 'food'; allowed: .*product",
        ),
        # a taxonomy that is none
        ({"source": ["starter"], "taxonomy": Path("none.yaml")}, TaxonomyError, r"none\.yaml"),
        # settings
        (
            {"source": ["starter"], "epochs": 0.0},
            TrainingError,
            r"epochs is 0\.0; it must be a number above 0",
        ),
        ({"source": ["starter:0"]}, TrainingError, "starter:0: each comment can be read above 0"),
        # a start that is none
        ({"source": ["starter"], "start": "/nowhere"}, CheckpointError, "/nowhere: there is no such folder"),
        # what is held out must be readable too
        (
            {"source": ["starter"], "dev": [Path("none.jsonl")]},
            CorpusError,
            r"none\.jsonl: there is no such file",
        ),
    ],
)
def test_what_cannot_be_done(
    tmp_path: Path, encoder: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    unknown = tiny.jsonl(tmp_path / "unknown.jsonl", [UNKNOWN])
    if arguments.get("data") == ["UNKNOWN"]:
        arguments = {"data": [str(unknown)]}
    with pytest.raises(error, match=message):
        stage.main(**{"output": tmp_path / "out", "start": str(encoder), **arguments})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "command",
    [
        # the stage itself, and the command of the product that hands over to it
        ["-m", "training.train"],
        ["-c", "from service.cli import main; main()", "train"],
    ],
)
def test_errors_are_one_line_without_a_traceback(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, "--output", str(tmp_path / "out"), "--data", "none.jsonl:0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    expected = "error: none.jsonl:0: each comment can be read above 0 and up to 100 times, not 0\n"
    assert (done.returncode, done.stderr) == (2, expected)
