"""python -m training.measure BUNDLE DATA [DATA ...]

Write the headline numbers of a bundle on held-out comments into its manifest, so that whoever receives the
model knows how good it is. The definitions are those of `training.evaluate`, which prints them in full.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from models.bundle import Bundle
from models.tagger import Tagger
from training.bootstrap import RESAMPLES
from training.corpus import read_comments
from training.evaluate import Options, evaluate
from training.stage import run_stage


def measured(tagger: Tagger, data: Sequence[Path], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """By the name of each file: its comments, and value, interval and items of each metric.

    Raises CorpusError for a file that cannot be scored with the model's labels.
    """
    found: dict[str, Any] = {}
    for path in data:
        report = evaluate(
            read_comments(path, tagger.taxonomy),
            tagger,
            data=path.name,
            options=Options(by=(), resamples=resamples),
            notes=Console(stderr=True),
        )
        scores = {metric: asdict(score) for metric, score in report.model.metrics.items()}
        found[path.name] = {"comments": report.comments, "resamples": resamples, "metrics": scores}
    return found


def main(
    bundle: Annotated[Path, typer.Argument(help="bundle folder; its manifest is written anew")],
    data: Annotated[
        list[Path], typer.Argument(help="held-out labelled comments, each file named differently")
    ],
    resamples: Annotated[int, typer.Option(min=1, help="bootstrap resamples of the intervals")] = RESAMPLES,
) -> None:
    """Write how good a bundle is into its manifest; its identity changes."""
    tagger = Tagger.load(bundle)
    metrics = measured(tagger, data, resamples=resamples)
    replace(tagger.bundle, metrics=metrics).write_manifest()
    typer.echo(f"{bundle}: {Bundle.load(bundle).identity}, measured on {', '.join(metrics)}")


if __name__ == "__main__":
    run_stage(main)
