"""What a pipeline is to do: its settings, resolved, and the rule that one output belongs to one plan."""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from models.bundle import MANIFEST
from models.files import read_json, write_json_atomic
from training.checkpoint import is_model
from training.errors import CorpusError, TrainingError
from training.released import RELEASED

RECIPE: Final = (
    "annotated:4",
    "starter:4",
    "aspects_restaurant:0.7",
    "opinions_beauty:1",
    "asap:1",
    "polarity:0.1",
    "smp2020:0.15",
    "sentiment_bank:0.3",
)
"""The sources of the released model and how often each comment is read (training/LOG.md says why)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between the kinds of training; see `training.fit.FitConfig`."""

    epochs: float
    learning_rate: float
    head_learning_rate: float
    tokens_per_batch: int


RELEASE: Final = Settings(epochs=1, learning_rate=1.5e-4, head_learning_rate=1e-3, tokens_per_batch=1536)
CORRECT: Final = Settings(epochs=2, learning_rate=3e-5, head_learning_rate=1e-4, tokens_per_batch=768)
"""A model that knows the labels learns a little more."""
LEARN: Final = Settings(epochs=8, learning_rate=1e-4, head_learning_rate=1e-3, tokens_per_batch=768)
"""An encoder learns the labels from few comments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, resolved. Paths are absolute; `files` holds the SHA-256 of the files it reads."""

    output: Path
    start: str
    corpora: Path | None
    e5: Path | None
    pretrained_comments: int
    sources: tuple[str, ...]
    data: tuple[str, ...]
    dev: Path | None
    test: Path | None
    taxonomy: Path | None
    name: str
    resamples: int
    seed: int
    settings: Settings
    files: dict[str, str] = field(default_factory=dict)

    def at(self, name: str) -> Path:
        """A file or folder below the output."""
        return self.output / name

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()
        }


def claim(plan: Plan) -> None:
    """Writes the plan into the output, or compares it with the one that is there.

    Raises TrainingError where the output was begun with another one.
    """
    path, mine = plan.at("pipeline.json"), plan.to_dict()
    plan.output.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_json_atomic(path, mine)
        return
    # JSON has no tuples.
    theirs = read_json(path, "the plan of a pipeline")
    differing = [key for key, value in mine.items() if theirs.get(key) != _as_json(value)]
    if differing:
        key = differing[0]
        raise TrainingError(
            f"{plan.output} was begun with {key} {theirs.get(key)!r}, now it is {mine[key]!r}; "
            "give another --output, or remove the folder"
        )


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def chosen_settings(start: str, *, corpora: bool, knows_labels: bool, epochs: float | None) -> Settings:
    """The settings for what is to be learnt; `knows_labels`: heads that the start brings may be kept."""
    folder = Path(start or RELEASED)
    if corpora:
        chosen = RELEASE
    elif knows_labels and (is_model(folder) or (folder / MANIFEST).is_file()):
        chosen = CORRECT
    else:
        chosen = LEARN
    return chosen if epochs is None else replace(chosen, epochs=epochs)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file. Raises CorpusError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); give an existing file") from error
