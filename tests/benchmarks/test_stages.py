"""The tagger taken apart: batches as the tagger forms them, operators, work and the machine's peak."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.batches import Reader
from benchmarks.peak import Peak, int8_multiply_adds, operations
from benchmarks.peak_share import peak_shares
from benchmarks.rates import Rates
from benchmarks.stages import Stages, by_operator
from models.bundle import GRAPH
from models.tagger import TOKENS_PER_BATCH
from tests.small_model import LAYERS, WIDTH, starter_texts


def test_batches_hold_every_window_once_within_the_budget(small_bundle: Path) -> None:
    reader = Reader(small_bundle)
    windows = reader.windows([*starter_texts(50), "店员热情，" * 200])
    assert len(windows) > 51, "the long comment must need several windows"
    batches = reader.batches(windows, budget=256)
    assert sorted(place for batch in batches for place in batch.places) == list(range(len(windows)))
    for batch in batches:
        assert len(batch.places) == 1 or batch.ids.size <= 256
        for row, place in enumerate(batch.places):
            ids = windows[place].ids
            assert batch.ids[row][batch.mask[row] == 1].tolist() == ids
            assert batch.mask[row].tolist() == [1] * len(ids) + [0] * (batch.ids.shape[1] - len(ids))
    assert sum(batch.tokens for batch in batches) == sum(len(window.ids) for window in windows)


def test_alone_there_is_no_padding(small_bundle: Path) -> None:
    reader = Reader(small_bundle)
    windows = reader.windows(starter_texts(5))
    assert [batch.ids.tolist() for batch in reader.alone(windows)] == [[window.ids] for window in windows]


def test_tokens_are_counted_without_and_with_padding(small_bundle: Path) -> None:
    stages = Stages(threads=1, bundle=str(small_bundle))
    # equal texts need no padding
    assert len(set(stages.prepare(["前台态度很差"] * 3).values())) == 1
    counts = stages.prepare(["好", "前台态度很差，等了半小时"])
    reader = Reader(small_bundle)
    lengths = [len(window.ids) for window in reader.windows(["好", "前台态度很差，等了半小时"])]
    assert counts == {"tokens": sum(lengths), "padded_tokens": 2 * max(lengths)}
    assert 2 * max(lengths) <= TOKENS_PER_BATCH


def test_the_profile_names_the_operators(small_bundle: Path) -> None:
    stages = Stages(threads=1, bundle=str(small_bundle))
    stages.prepare(starter_texts(8))
    found = stages.profile()
    assert {"QAttention", "MatMulIntegerToFloat"} <= set(found)
    assert found["MatMulIntegerToFloat"][0] == 3 * found["QAttention"][0]
    assert all(calls >= 1 and seconds >= 0 for calls, seconds in found.values())


def test_operators_are_summed_from_the_kernels_only() -> None:
    def event(category: str, name: str, microseconds: int, operator: str) -> dict[str, object]:
        return {"cat": category, "name": name, "dur": microseconds, "args": {"op_name": operator}}

    profile = [
        {"cat": "Session", "name": "model_run", "dur": 9_000_000, "args": {}},
        event("Node", "Gelu_1_kernel_time", 1_000_000, "Gelu"),
        event("Node", "MatMul_1_kernel_time", 1_500_000, "MatMul"),
        event("Node", "MatMul_2_kernel_time", 500_000, "MatMul"),
        # waiting is no work of the operator
        event("Node", "MatMul_2_fence_before", 7_000_000, "MatMul"),
    ]
    found = by_operator(json.dumps(profile))
    assert found == {"MatMul": [2, 2.0], "Gelu": [1, 1.0]}
    assert list(found) == ["MatMul", "Gelu"]


def test_the_work_is_that_of_the_int8_matrices(small_bundle: Path) -> None:
    # output of attention, and the two of the feed-forward block, twice as wide
    others = WIDTH * WIDTH + 2 * (WIDTH * 2 * WIDTH)
    assert int8_multiply_adds(small_bundle / GRAPH) == {
        "QAttention": LAYERS * 3 * WIDTH * WIDTH,
        "MatMulIntegerToFloat": LAYERS * others,
    }


def test_the_product_is_one() -> None:
    random = np.random.default_rng(0)
    left = random.integers(0, 256, (32, 32))
    right = random.integers(-127, 128, (32, 32))
    assert Peak(threads=1).multiply(32) == (left @ right)[0].tolist()


def test_a_multiply_add_is_two_operations() -> None:
    assert operations(1000) == 2.0


def test_the_share_of_the_peak() -> None:
    # 50 tokens a comment, 1e9 multiply-adds a token: 10 comments a second are 1,000e9 operations a second
    rates = {"tag": Rates((10.0, 5.0)), "encode": Rates((20.0, 20.0))}
    shares = peak_shares(
        rates,
        Rates((4000.0, 4000.0)),
        work={"QAttention": 400_000_000, "MatMulIntegerToFloat": 600_000_000},
        counts={"tokens": 100, "padded_tokens": 150},
        comments=2,
    )
    assert {name: share.rounds for name, (_, share) in shares.items()} == {
        "tagging": pytest.approx((25.0, 12.5)),
        "tagging, padding counted as work": pytest.approx((37.5, 18.75)),
        "the encoder alone": pytest.approx((50.0, 50.0)),
        "the encoder alone, padding counted as work": pytest.approx((75.0, 75.0)),
    }
    assert shares["tagging"][0].rounds == pytest.approx((1000.0, 500.0))
