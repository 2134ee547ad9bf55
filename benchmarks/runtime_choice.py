"""The same weights on other runtimes: why the tagger runs on the one that it does."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.child import Child, with_bundle
from benchmarks.comments import thinned
from benchmarks.errors import BenchmarkError
from benchmarks.graphs import Form, write_graphs
from benchmarks.rates import Rates, interleaved
from benchmarks.runtimes import openvino_installed
from benchmarks.settings import Settings
from benchmarks.tables import Part, Table
from models.tagger import TOKENS_PER_BATCH

BUDGETS: Final = (TOKENS_PER_BATCH, 4 * TOKENS_PER_BATCH)
"""Padded tokens of a batch: the tagger's own and a larger one."""
CHECKED: Final = 128
"""Comments whose outputs are compared alone and in batches."""
MOVED: Final = 1e-3
"""What the contract allows a confidence to differ, alone or in any batch."""


Values = Sequence[Sequence[float]]


class Runtime(NamedTuple):
    """A runtime with a form of the weights."""

    name: str
    contender: str
    form: Form


REFERENCE: Final = Runtime("onnxruntime, float32", "onnxruntime", "float")
OURS: Final = (
    Runtime("onnxruntime, static int8 (the tagger's)", "onnxruntime", "static"),
    Runtime("onnxruntime, dynamic int8", "onnxruntime", "dynamic"),
    REFERENCE,
)
OPENVINO: Final = (
    Runtime("OpenVINO, static int8", "openvino", "standard_static"),
    Runtime("OpenVINO, float32", "openvino", "standard_float"),
)


def measure_runtimes(settings: Settings) -> Part:
    """The encoder alone on several runtimes: speed, and whether a comment's neighbours change its tags."""
    installed = openvino_installed()
    skipped = [] if installed else ["OpenVINO: not installed (pip install openvino); huiyin does not need it"]
    texts = thinned(settings.comments, settings.compared)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_ones:
        paths = write_graphs(settings.bundle, Path(folder), standard=installed)
        running: dict[str, Child] = {}
        for runtime in (*OURS, *(OPENVINO if installed else ())):
            graph = str(paths[runtime.form].resolve())
            try:
                child = open_ones.enter_context(with_bundle(runtime.contender, settings, graph=graph))
            except BenchmarkError as error:
                skipped.append(f"{runtime.name}: {error}")
                continue
            child.call("prepare", texts=texts, budgets=BUDGETS)
            running[runtime.name] = child
        rate = partial(Child.rate, method="run", items=len(texts), at_least_s=settings.round_s)
        jobs: dict[tuple[str, int], Callable[[], float]] = {
            (name, budget): partial(rate, child, budget=budget)
            for name, child in running.items()
            for budget in BUDGETS
        }
        rates = interleaved(jobs, runs=settings.runs)
        peaks = {name: child.peak_mib() for name, child in running.items()}
        differences = _differences(running, texts[:CHECKED])
    return _runtimes_part(rates, peaks, differences, skipped)


class Differences(NamedTuple):
    """How far probabilities are apart, before calibration.

    alone: largest between a comment alone and the same one in a batch, over both budgets. moved: share of the
    comments where it is above `MOVED`. to_float: largest between a comment alone here and in float32.
    """

    alone: float
    moved: float
    to_float: float


def differences_of(alone: Values, batched: Sequence[Values], reference: Values) -> Differences:
    """Compare. Shapes: alone and reference (comments, values), batched (budgets, comments, values)."""
    gaps = np.abs(np.array(batched) - np.array(alone)[None]).max(axis=(0, 2))
    to_float = np.abs(np.array(alone) - np.array(reference)).max()
    return Differences(float(gaps.max()), float((gaps > MOVED).mean()), float(to_float))


def _differences(running: Mapping[str, Child], texts: Sequence[str]) -> dict[str, Differences]:
    alone = {name: child.call("probabilities", texts=texts, budget=None) for name, child in running.items()}
    return {
        name: differences_of(
            alone[name],
            [child.call("probabilities", texts=texts, budget=budget) for budget in BUDGETS],
            alone[REFERENCE.name],
        )
        for name, child in running.items()
    }


def _runtimes_part(
    rates: Mapping[tuple[str, int], Rates],
    peaks: Mapping[str, float],
    differences: Mapping[str, Differences],
    skipped: Sequence[str],
) -> Part:
    rows = [
        (
            name,
            *(rates[name, budget].show() for budget in BUDGETS),
            f"{found.alone:.1e}",
            f"{found.moved:.1%}",
            f"{found.to_float:.3f}",
            f"{peaks[name]:.0f}",
        )
        for name, found in differences.items()
    ]
    note = (
        "Differences: the largest of any probability before calibration. Dynamic int8 takes the range of "
        "its activations over the whole batch. float32 has the int8 weights made float again; dynamic int8 "
        "is made of it by onnxruntime's quantize_dynamic (Attention and MatMul, per column, heads in float)."
    )
    table = Table(
        "Runtimes: the same weights, the encoder with its heads alone",
        (
            "runtime",
            *(f"comments/s, {budget} tokens a batch" for budget in BUDGETS),
            "alone against in a batch",
            f"comments moved by more than {MOVED}",
            "against float32",
            "peak memory, MiB",
        ),
        rows,
        [note],
    )
    values = {
        name: {
            "per_s": {str(budget): rates[name, budget].to_dict() for budget in BUDGETS},
            **found._asdict(),
            "peak_mib": peaks[name],
        }
        for name, found in differences.items()
    }
    return Part([table], {"runtimes": values}, skipped)
