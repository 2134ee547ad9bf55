"""What a user waits for: comments per second, memory and start of the tagger, the peer and the baseline."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from statistics import median
from typing import Any, Final

from benchmarks.child import Child, started, with_bundle
from benchmarks.comments import KINDS, LONG_FROM, SHORT_TO, of_kind, thinned
from benchmarks.rates import Rates, highest, interleaved
from benchmarks.settings import Settings
from benchmarks.tables import Part, Table
from models.bundle import Bundle
from models.network import SATISFACTIONS, STATES
from models.tags import EMOTIONS, LOYALTIES

BATCH_SIZES: Final = (1, 8, 32)
STARTS: Final = 5
MANNERS: Final = {"one by one": "one_by_one", "in bulk": "bulk"}
WARM_UP: Final = 8
"""Comments that every contender sees before its first round."""


def measure_tagger(settings: Settings) -> Part:
    """The tagger on short, typical and long comments, each way in a fresh process."""
    rows, values, skipped = [], [], []
    for kind, (manner, method) in product(KINDS, MANNERS.items()):
        texts = of_kind(settings.comments, kind)
        if not texts:
            skipped.append(f"{kind} comments {manner}: the file holds none")
            continue
        with with_bundle("tagger", settings) as child:
            rates, peak = _rounds(child, method, texts, settings), child.peak_mib()
        length = sum(map(len, texts)) / len(texts)
        rows.append((f"{kind}, {manner}", str(len(texts)), f"{length:.0f}", rates.show(), f"{peak:.0f}"))
        found = {"comments": len(texts), "per_s": rates.to_dict(), "peak_mib": peak}
        values.append({"kind": kind, "manner": manner, **found})
    note = (
        f"Short: at most {SHORT_TO} characters; long: {LONG_FROM} and more; typical: all, as they "
        "come. Memory: the most that a fresh process held (resident), Python and libraries included."
    )
    table = Table(
        "Tagger: comments per second and memory",
        ("comments", "number", "mean characters", "comments/s (lowest to highest round)", "peak memory, MiB"),
        rows,
        [note],
    )
    return Part([table], {"cells": values}, skipped)


def measure_peer(settings: Settings) -> Part:
    """The tagger beside a `transformers` pipeline with a BERT-base, round by round in turn."""
    texts = thinned(settings.comments, settings.compared)
    bundle = Bundle.load(settings.bundle)
    options: dict[str, Any] = {
        "threads": settings.threads,
        "characters": "".join(sorted(set("".join(texts)))),
        "outputs": outputs_of(bundle),
        "max_length": bundle.reading.window,
    }
    with with_bundle("tagger", settings) as tagger, started("peer", **options) as peer:
        measure = partial(_rate, texts=texts, settings=settings)
        jobs: dict[str, Callable[[], float]] = {
            f"Tagger {manner}": measure(tagger, method) for manner, method in MANNERS.items()
        }
        for size in BATCH_SIZES:
            jobs[peer_name(size)] = measure(peer, "bulk", batch_size=size)
        for size in BATCH_SIZES[1:]:
            jobs[peer_name(size, by_length=True)] = measure(peer, "bulk", batch_size=size, by_length=True)
        for method in MANNERS.values():
            tagger.call(method, texts=texts[:WARM_UP])
        peer.rate("bulk", items=WARM_UP, at_least_s=0, texts=texts[:WARM_UP], batch_size=WARM_UP)
        rates = interleaved(jobs, runs=settings.runs)
        peaks = {"tagger": tagger.peak_mib(), "peer": peer.peak_mib()}
    return _peer_part(
        rates, peaks, comments=len(texts), outputs=outputs_of(bundle), length=bundle.reading.window
    )


def peer_name(size: int, *, by_length: bool = False) -> str:
    """The peer with a batch size."""
    return f"BERT-base, batches of {size}" + (", sorted by length" if by_length else "")


def headlines(rates: dict[str, Rates]) -> dict[str, Rates]:
    """Ratios round by round: at the peer's best batch size, at batch size 1, at its best sorted or not."""
    bulk, alone = rates["Tagger in bulk"], rates["Tagger one by one"]
    given = {size: rates[peer_name(size)] for size in BATCH_SIZES}
    best = highest(given)
    everything = {name: rate for name, rate in rates.items() if name.startswith("BERT")}
    return {
        f"Tagger in bulk / {peer_name(best)} (its best)": bulk.per(given[best]),
        f"Tagger one by one / {peer_name(1)}": alone.per(given[1]),
        f"Tagger in bulk / {highest(everything)} (its best, sorted or not)": bulk.per(
            everything[highest(everything)]
        ),
    }


def outputs_of(bundle: Bundle) -> int:
    """Logits of one comment in our network: the peer answers with as many."""
    labels = len(bundle.touchpoints) + len(bundle.dimensions)
    return labels * len(STATES) + len(EMOTIONS) + len(SATISFACTIONS) + len(LOYALTIES)


def measure_baseline(settings: Settings) -> Part:
    """The linear baseline beside the tagger.

    Raises:
        BenchmarkError: no baseline is there.
    """
    texts = list(settings.comments)
    folder = None if settings.baseline is None else str(settings.baseline.resolve())
    with (
        started("baseline", threads=settings.threads, folder=folder) as baseline,
        with_bundle("tagger", settings) as tagger,
    ):
        jobs = {}
        for name, child in (("Tagger", tagger), ("baseline", baseline)):
            for manner, method in MANNERS.items():
                child.call(method, texts=texts[:WARM_UP])
                jobs[f"{name} {manner}"] = _rate(child, method, texts=texts, settings=settings)
        rates = interleaved(jobs, runs=settings.runs)
        peaks = {"tagger": tagger.peak_mib(), "baseline": baseline.peak_mib()}
    table = Table(
        "The baseline: jieba, TF-IDF and linear models",
        ("contender", "comments/s (lowest to highest round)", "peak memory, MiB"),
        [(name, rate.show(), f"{peaks[name.split()[0].lower()]:.0f}") for name, rate in rates.items()],
    )
    return Part([table], {"per_s": _dicts(rates), "peak_mib": peaks})


def measure_start(settings: Settings) -> Part:
    """From the start of Python to the first tags, in fresh processes."""
    text = list(settings.comments[:1])
    started, tagged, peaks = [], [], []
    for _ in range(STARTS):
        begin = time.perf_counter()
        with with_bundle("tagger", settings) as child:
            started.append(time.perf_counter() - begin)
            child.call("one_by_one", texts=text)
            tagged.append(time.perf_counter() - begin)
            peaks.append(child.peak_mib())
    rows = [
        ("Python, imports and bundle (every byte checked), s", *_three(started)),
        ("start to first tags, s", *_three(tagged)),
        ("memory after the first tags, MiB", *_three(peaks, digits=0)),
    ]
    note = f"{STARTS} fresh processes, the files in the page cache."
    table = Table("Start", ("", "median", "lowest", "highest"), rows, [note])
    values = {"ready_s": started, "first_tags_s": tagged, "peak_mib": peaks, "median_s": median(tagged)}
    return Part([table], values)


def _three(values: Sequence[float], *, digits: int = 2) -> tuple[str, str, str]:
    median_, low, high = (f"{value:.{digits}f}" for value in (median(values), min(values), max(values)))
    return median_, low, high


def _rounds(child: Child, method: str, texts: Sequence[str], settings: Settings) -> Rates:
    child.call(method, texts=texts[:WARM_UP])
    job = _rate(child, method, texts=texts, settings=settings)
    return interleaved({method: job}, runs=settings.runs)[method]


def _rate(
    child: Child, method: str, *, texts: Sequence[str], settings: Settings, **arguments: Any
) -> Callable[[], float]:
    """A job of `interleaved`: comments per second."""
    return partial(
        child.rate, method, items=len(texts), at_least_s=settings.round_s, texts=list(texts), **arguments
    )


def _peer_part(
    rates: dict[str, Rates], peaks: dict[str, float], *, comments: int, outputs: int, length: int
) -> Part:
    ratios = headlines(rates)
    rows = [
        (name, rate.show(), f"{peaks['peer' if name.startswith('BERT') else 'tagger']:.0f}")
        for name, rate in rates.items()
    ]
    note = (
        f"The same {comments} comments, in turn round by round. Peer: 12 layers, width 768, float32, random "
        f"weights, {outputs} sigmoid outputs, comments cut at {length} tokens (a token for each character; "
        "the tagger reads long comments whole, in windows of as many tokens). The memory of a process is "
        "that of all its rows."
    )
    speeds = Table(
        "The peer: a transformers pipeline with a BERT-base",
        ("contender", "comments/s (lowest to highest round)", "peak memory, MiB"),
        rows,
        [note],
    )
    headline = Table(
        "How many times faster",
        ("ratio", "median (lowest to highest round)"),
        [(name, f"{ratio.show()}") for name, ratio in ratios.items()],
    )
    values = {"per_s": _dicts(rates), "ratios": _dicts(ratios), "peak_mib": peaks, "comments": comments}
    return Part([speeds, headline], values)


def _dicts(rates: dict[str, Rates]) -> dict[str, object]:
    return {name: rate.to_dict() for name, rate in rates.items()}
