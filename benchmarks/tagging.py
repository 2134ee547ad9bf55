"""python -m benchmarks.tagging [--bundle PATH] [--comments FILE] [--output results.json] [--runs N] [--quick]

Speed and memory of tagging on this machine: the tagger on short, typical and long comments, beside a
`transformers` pipeline with a BERT-base and beside the linear baseline; the same weights on other runtimes;
the share of the machine's int8 matrix peak; the start. Prints tables, and writes every number as JSON and
the tables as Markdown beside it. `--only PART` (repeatable) leaves the other parts out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks.comments import STARTER, load_comments, of_kind, thinned
from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine, busy, load_average, this_machine, usable_cores
from benchmarks.peak_share import measure_peak
from benchmarks.runtime_choice import measure_runtimes
from benchmarks.settings import Settings
from benchmarks.tables import Part
from benchmarks.throughput import measure_baseline, measure_peer, measure_start, measure_tagger
from models.bundle import Bundle
from models.errors import HuiyinError
from models.files import write_json_atomic
from models.tagger import RELEASED

WIDTH: Final = 130
"""Columns of the tables where there is no terminal to fit."""
QUICK_COMMENTS: Final = 24
QUICK_LONG: Final = 2


class PartName(StrEnum):
    """What `--only` chooses from, in the order of the run."""

    TAGGER = "tagger"
    PEER = "peer"
    BASELINE = "baseline"
    RUNTIMES = "runtimes"
    PEAK = "peak"
    START = "start"


MEASURES: Final[Mapping[PartName, Callable[[Settings], Part]]] = {
    PartName.TAGGER: measure_tagger,
    PartName.PEER: measure_peer,
    PartName.BASELINE: measure_baseline,
    PartName.RUNTIMES: measure_runtimes,
    PartName.PEAK: measure_peak,
    PartName.START: measure_start,
}


def run(
    settings: Settings, parts: Sequence[PartName], *, facts: Mapping[str, Any], output: Path, console: Console
) -> dict[PartName, Part]:
    """Measure the parts one after the other, print each, and save what there is after each.

    A part that cannot be measured is skipped with its reason.
    """
    found: dict[PartName, Part] = {}
    for name in parts:
        console.rule(name, align="left")
        try:
            found[name] = MEASURES[name](settings)
        except BenchmarkError as error:
            found[name] = Part(skipped=[str(error)])
        found[name].show(console)
        save(found, facts=facts, output=output)
    return found


def save(parts: Mapping[PartName, Part], *, facts: Mapping[str, Any], output: Path) -> None:
    """Write every number as JSON, and the tables as Markdown beside it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_json_atomic(output, {**facts, "parts": {name: part.to_dict() for name, part in parts.items()}})
    lines = [f"- {line}" for line in facts["about"]]
    tables = [part.markdown() for part in parts.values()]
    markdown(output).write_text("\n".join([*lines, "", *tables]), encoding="utf-8")


def markdown(output: Path) -> Path:
    """Where the tables go."""
    return output.with_suffix(".md")


def describe(settings: Settings, machine: Machine, *, source: Path, load: float) -> dict[str, Any]:
    """What the numbers mean nothing without; `about` says it for people."""
    bundle = Bundle.load(settings.bundle)
    size_mb = sum(path.stat().st_size for path in settings.bundle.iterdir()) / 1e6
    layers, width = bundle.encoder["num_hidden_layers"], bundle.encoder["hidden_size"]
    about = [
        *machine.lines(),
        f"bundle {bundle.identity}: {layers} layers of width {width}, {size_mb:.1f} MB",
        f"comments: {len(settings.comments)} of {source.name}; threads: {settings.threads}",
        f"rounds: {settings.runs}; load average before the start: {load:.2f}",
    ]
    warning = busy(load, machine.cores)
    return {
        "about": [*about, f"**{warning}**"] if warning else about,
        "machine": asdict(machine),
        "bundle": bundle.identity,
        "comments": {"file": source.name, "number": len(settings.comments)},
        "runs": settings.runs,
        "threads": settings.threads,
        "load_average": load,
        "warning": warning,
    }


def settings_for(
    texts: Sequence[str], *, bundle: Path, baseline: Path | None, runs: int, quick: bool
) -> Settings:
    """The settings of a run; a quick one shows that everything works, its numbers mean little."""
    common: dict[str, Any] = {"bundle": bundle, "baseline": baseline, "threads": usable_cores()}
    if quick:
        few = dict.fromkeys([*thinned(texts, QUICK_COMMENTS), *of_kind(texts, "long")[:QUICK_LONG]])
        return Settings(comments=tuple(few), runs=min(runs, 2), round_s=0.0, sizes=(256, 512), **common)
    return Settings(comments=tuple(texts), runs=runs, **common)


def main(
    bundle: Annotated[Path, typer.Option(help="bundle of the tagger")] = RELEASED,
    baseline: Annotated[Path | None, typer.Option(help="linear baseline; the shipped one by default")] = None,
    comments: Annotated[Path, typer.Option(help="JSON lines with a `text`")] = STARTER,
    output: Annotated[Path, typer.Option(help="where the numbers go; the tables go beside it as .md")] = Path(
        "runs/benchmarks/tagging.json"
    ),
    runs: Annotated[int, typer.Option(min=1, help="rounds; the median counts")] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="a few comments and two rounds, to try it out")
    ] = False,
    only: Annotated[list[PartName] | None, typer.Option(help="measure this part alone (repeatable)")] = None,
) -> None:
    """Measure tagging on this machine, beside other ways to do it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    load = load_average()
    try:
        texts = load_comments(comments)
        settings = settings_for(texts, bundle=bundle, baseline=baseline, runs=runs, quick=quick)
        facts = describe(settings, this_machine(), source=comments, load=load)
    except HuiyinError as error:
        raise typer.BadParameter(str(error)) from error
    for line in facts["about"]:
        console.print(escape(line.strip("*")), style="bold red" if line.startswith("**") else "")
    parts = [name for name in PartName if only is None or name in only]
    run(settings, parts, facts=facts, output=output, console=console)
    console.print(f"{output} and {markdown(output)}")


if __name__ == "__main__":
    typer.run(main)
