"""The share of the machine's int8 matrix peak that tagging reaches, and where the rest goes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from benchmarks.child import started, with_bundle
from benchmarks.peak import int8_multiply_adds, operations
from benchmarks.rates import Rates, highest, interleaved
from benchmarks.settings import Settings
from benchmarks.tables import Part, Table
from models.bundle import GRAPH

SHOWN: Final = 12
"""Operators in the table; the others are summed up."""


def measure_peak(settings: Settings) -> Part:
    """Tagging, its stages and large products in turn; then the operators by onnxruntime's profiler."""
    texts = list(settings.comments)
    with (
        started("peak", threads=settings.threads) as peak,
        with_bundle("tagger", settings) as tagger,
        with_bundle("stages", settings) as stages,
    ):
        counts = stages.call("prepare", texts=texts)
        tagger.call("bulk", texts=texts)
        stages.call("encode")
        jobs: dict[str, Callable[..., float]] = {
            "tag": partial(tagger.rate, "bulk", items=len(texts), texts=texts),
            "encode": partial(stages.rate, "encode", items=len(texts)),
            "read": partial(stages.rate, "read", items=len(texts), texts=texts),
        }
        for size in settings.sizes:
            peak.call("multiply", size=size)
            jobs[_product(size)] = partial(peak.rate, "multiply", items=operations(size), size=size)
        rates = interleaved(
            {name: partial(job, at_least_s=settings.round_s) for name, job in jobs.items()},
            runs=settings.runs,
        )
        operators = stages.call("profile")
    peaks = {_product(size): rates[_product(size)] for size in settings.sizes}
    work = int8_multiply_adds(settings.bundle / GRAPH)
    shares = peak_shares(rates, peaks[highest(peaks)], work=work, counts=counts, comments=len(texts))
    tables = [
        _peak_table(peaks),
        _share_table(shares, work, counts),
        _where_table(rates),
        _operator_table(operators, work, counts["padded_tokens"]),
    ]
    values = {
        "rates": {name: rate.to_dict() for name, rate in rates.items()},
        "shares": {name: share.to_dict() for name, (_, share) in shares.items()},
        "operators": operators,
        "multiply_adds_per_token": work,
    }
    return Part(tables, {**values, **counts})


def peak_shares(
    rates: Mapping[str, Rates],
    peak: Rates,
    *,
    work: Mapping[str, int],
    counts: Mapping[str, int],
    comments: int,
) -> dict[str, tuple[Rates, Rates]]:
    """Row -> 1e9 int8 operations per second, and their share of the peak.

    rates: comments per second of `tag` and `encode`. work: multiply-adds for one token, two operations each.
    counts: `tokens` of all comments together, and `padded_tokens`.
    """
    found = {}
    for name, rate in (("tagging", rates["tag"]), ("the encoder alone", rates["encode"])):
        for kind, label in (("tokens", name), ("padded_tokens", f"{name}, padding counted as work")):
            per_comment = 2e-9 * sum(work.values()) * counts[kind] / comments
            reached = rate.times(per_comment)
            found[label] = reached, reached.per(peak).times(100)
    return found


def _product(size: int) -> str:
    return f"{size} x {size}"


def _peak_table(peaks: Mapping[str, Rates]) -> Table:
    rows = [(name, rate.show(0)) for name, rate in peaks.items()]
    note = "onnxruntime's MatMulInteger, uint8 with int8, all threads; the largest median is the peak."
    return Table("The machine's int8 matrix peak", ("size", "1e9 operations/s"), rows, [note])


def _share_table(
    shares: Mapping[str, tuple[Rates, Rates]], work: Mapping[str, int], counts: Mapping[str, int]
) -> Table:
    padding = 1 - counts["tokens"] / counts["padded_tokens"]
    note = (
        f"Work: {sum(work.values()) / 1e6:.1f} million multiply-adds for each token in the encoder's int8 "
        "matrices, two operations each; the float products of attention and heads are left out. Tokens "
        f"include the two that enclose a comment, and no padding ({padding:.1%} of all) unless a row says so."
    )
    return Table(
        "Share of the peak",
        ("", "1e9 int8 operations/s", "share of the peak, %"),
        [(name, reached.show(0), share.show()) for name, (reached, share) in shares.items()],
        [note],
    )


def _where_table(rates: Mapping[str, Rates]) -> Table:
    """Milliseconds a comment by stage; what is left of `tag` is the decoding."""
    each_ms = {name: 1000 / rates[name].median for name in ("tag", "read", "encode")}
    rest = each_ms["tag"] - each_ms["read"] - each_ms["encode"]
    stages = {
        "reading: normalise, tokenise, cut": each_ms["read"],
        "the graph: encoder and heads": each_ms["encode"],
        "the rest: admission, padding, decoding, evidence": rest,
        "tagging": each_ms["tag"],
    }
    rows = [(name, f"{ms:.2f}", f"{ms / each_ms['tag']:.1%}") for name, ms in stages.items()]
    note = "Each stage timed by itself, in turn with the others; the rest is the difference."
    return Table("Where the time of tagging goes", ("stage", "ms a comment", "share"), rows, [note])


def _operator_table(
    operators: Mapping[str, tuple[int, float]], work: Mapping[str, int], padded_tokens: int
) -> Table:
    total = sum(seconds for _, seconds in operators.values())
    rows = [
        (
            name,
            str(calls),
            f"{1000 * seconds:.0f}",
            f"{seconds / total:.1%}",
            _reached(name, seconds, work, padded_tokens),
        )
        for name, (calls, seconds) in list(operators.items())[:SHOWN]
    ]
    rest = list(operators.values())[SHOWN:]
    if rest:
        calls, seconds = sum(one[0] for one in rest), sum(one[1] for one in rest)
        rows.append(
            (f"{len(rest)} others", str(calls), f"{1000 * seconds:.0f}", f"{seconds / total:.1%}", "")
        )
    note = (
        "onnxruntime's profiler, all comments once. MatMulIntegerToFloat and QAttention hold the int8 "
        "products (their rates count padding, as the kernels do); QAttention holds the float attention too."
    )
    return Table(
        "Where the time of the graph goes",
        ("operator", "calls", "ms", "share", "1e9 int8 operations/s"),
        rows,
        [note],
    )


def _reached(name: str, seconds: float, work: Mapping[str, int], padded_tokens: int) -> str:
    return f"{2e-9 * work[name] * padded_tokens / seconds:,.0f}" if name in work else ""
