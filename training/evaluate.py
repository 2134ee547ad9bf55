"""Scores a model on labelled comments: python -m training.evaluate BUNDLE DATA [--baseline PATH]

Prints tables and saves the numbers as JSON. The definitions stand in `training.metrics`; every number of the
headline has a 95 % bootstrap interval, and stands beside the baseline's on the same comments.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Protocol

import typer
from rich.console import Console
from rich.progress import track
from rich.text import Text

from models.baseline import Baseline
from models.files import write_json_atomic
from models.tagger import RELEASED, Tagger
from models.tags import Tags, TagsComments
from models.taxonomy import Taxonomy
from training.bootstrap import RESAMPLES, SEED
from training.corpus import Axis, Comment, read_comments
from training.counts import count
from training.errors import CorpusError, TrainingError
from training.report import markdown, show
from training.scoring import Grouping, ModelReport, Report, Sample, compare, group_scores, model_report
from training.stage import errors_on_one_line, run_stage

AXES: Final[tuple[Axis, ...]] = ("touchpoints", "servqual")
DEFAULT_GROUPINGS: Final = (Grouping.DOMAIN, Grouping.LENGTH)

SHIPPED_BASELINE: Final = RELEASED.with_name("baseline")
"""The baseline beside the released model, if the installation has it."""

_BATCH: Final = 512
"""Comments handed over at a time: enough to batch by length, few enough to show progress."""
_MAX_SHOWN: Final = 8
_PIPE_COLUMNS: Final = 140
"""Width of the tables where no terminal limits it: no cell breaks."""


class Model(TagsComments, Protocol):
    """A model that knows which labels it can give."""

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels that its tags come from."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an evaluation is made: which groups of comments to list, and how many resamples to draw."""

    by: tuple[Grouping, ...] = DEFAULT_GROUPINGS
    resamples: int = RESAMPLES
    seed: int = SEED


def evaluate(
    comments: Sequence[Comment],
    model: Model,
    baseline: Model | None = None,
    *,
    data: str,
    options: Options | None = None,
    notes: Console | None = None,
) -> Report:
    """Tags the comments with both models and measures them against the labels.

    `data` names the comments in the report; progress is shown on `notes`. Raises CorpusError where there
    is no comment, no label, or a label that the model's taxonomy lacks, and TrainingError where the baseline
    gives other labels than the model.
    """
    options = options or Options()
    _check_comments(comments, model.taxonomy, data)
    if baseline is not None:
        _check_baseline(model, baseline)
    sample, measured = _measured(comments, model, options, notes)
    theirs, difference = None, None
    if baseline is not None:
        other, theirs = _measured(comments, baseline, options, notes)
        difference = compare(sample, other)
    return Report(
        data=data,
        comments=len(comments),
        taxonomy=model.taxonomy.version,
        resamples=options.resamples,
        seed=options.seed,
        model=measured,
        baseline=theirs,
        difference=difference,
    )


def tagged(comments: Sequence[Comment], model: TagsComments, notes: Console | None = None) -> list[Tags]:
    """The model's tags of each comment, in order, with a progress bar where `notes` is a terminal."""
    texts = [comment.text for comment in comments]
    batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    shown = track(
        batches,
        description=f"Tagging with {model.identity}",
        console=notes,
        disable=notes is None or not notes.is_terminal,
    )
    return [tags for batch in shown for tags in model.tag(batch)]


def save(report: Report, output: Path, tables: Path | None = None) -> None:
    """Writes the report as JSON and, where `tables` is given, as Markdown; each file whole or not at all.

    Raises TrainingError where a file cannot be written.
    """
    path = output
    try:
        write_json_atomic(output, report.to_dict())
        if tables is not None:
            path = tables
            _write_text_atomic(tables, markdown(report))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror}); name another file") from error


def main(
    bundle: Annotated[Path, typer.Argument(help="Folder of the model to score.")],
    data: Annotated[Path, typer.Argument(help="Labelled comments: .jsonl, .jsonl.xz or .csv.")],
    baseline: Annotated[
        Path | None, typer.Option(help="Baseline to compare with; the shipped one if there is one.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the numbers go, as JSON.")] = Path("evaluation.json"),
    tables: Annotated[Path | None, typer.Option(help="Where the tables go, as Markdown.")] = None,
    by: Annotated[
        list[Grouping] | None,
        typer.Option(help="Groups to list, repeatable; domain and length if not given."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples of the intervals.")] = RESAMPLES,
) -> None:
    """Scores a model on labelled comments, beside the baseline; prints tables and saves the numbers."""
    notes = Console(stderr=True, soft_wrap=True)
    with errors_on_one_line():
        for path in (output, *([] if tables is None else [tables])):
            _check_folder(path)
        model = Tagger.load(bundle)
        report = evaluate(
            list(read_comments(data, model.taxonomy)),
            model,
            _load_baseline(baseline, model, notes),
            data=data.name,
            options=Options(by=tuple(by or DEFAULT_GROUPINGS), resamples=resamples),
            notes=notes,
        )
        save(report, output, tables)
    show(report, Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS))
    notes.print(Text(f"Saved: {output}" + ("" if tables is None else f", {tables}")))


def _load_baseline(asked: Path | None, model: Model, notes: Console) -> Model | None:
    """The baseline to compare with: the one asked for, else the shipped one if its labels fit, else none."""
    if asked is not None:
        return Baseline.load(asked)
    if not SHIPPED_BASELINE.is_dir():
        notes.print("No baseline is shipped with this installation; name one with --baseline.")
        return None
    shipped = Baseline.load(SHIPPED_BASELINE)
    if _labels(shipped.taxonomy) == _labels(model.taxonomy):
        return shipped
    notes.print("The shipped baseline gives other labels than this model and is left out; see --baseline.")
    return None


def _measured(
    comments: Sequence[Comment], model: Model, options: Options, notes: Console | None
) -> tuple[Sample, ModelReport]:
    counts = count(
        comments,
        tagged(comments, model, notes),
        touchpoints=model.taxonomy.touchpoint_ids,
        dimensions=model.taxonomy.dimension_ids,
    )
    sample = Sample.draw(counts, resamples=options.resamples, seed=options.seed)
    groups = {by: group_scores(comments, counts, by) for by in options.by}
    return sample, model_report(model.identity, sample, groups)


def _check_comments(comments: Sequence[Comment], taxonomy: Taxonomy, data: str) -> None:
    if not comments:
        raise CorpusError(f"{data}: holds no comment; give a file with at least one labelled comment")
    if not any(_labelled(comment) for comment in comments):
        raise CorpusError(
            f"{data}: none of the {len(comments):,} comments has a label; "
            "at least one of units, emotions, satisfaction and loyalty is needed"
        )
    allowed = {*taxonomy.touchpoint_ids, taxonomy.overall.id, *taxonomy.dimension_ids}
    used = {label for comment in comments for axis in AXES for label in comment.labels(axis)}
    if unknown := sorted(used - allowed):
        raise CorpusError(
            f"{data}: has the labels {', '.join(unknown[:_MAX_SHOWN])}, which the model's taxonomy "
            f"({taxonomy.name} {taxonomy.version}) lacks; allowed: {', '.join(sorted(allowed))}"
        )


def _labelled(comment: Comment) -> bool:
    return bool(
        comment.touchpoints_known
        or comment.dimensions_known
        or comment.emotion
        or comment.satisfaction
        or comment.loyalty
    )


def _check_baseline(model: Model, baseline: Model) -> None:
    if _labels(baseline.taxonomy) != _labels(model.taxonomy):
        raise TrainingError(
            f"the baseline {baseline.identity} (taxonomy {baseline.taxonomy.version}) gives other labels "
            f"than {model.identity} (taxonomy {model.taxonomy.version}); train one on the model's"
        )


def _labels(taxonomy: Taxonomy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return taxonomy.touchpoint_ids, taxonomy.dimension_ids


def _check_folder(path: Path) -> None:
    """Early, so that no run of minutes ends in a report that cannot be saved."""
    if not path.absolute().parent.is_dir():
        raise TrainingError(f"{path}: there is no folder {path.parent}; make it or name another file")


def _write_text_atomic(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main)
