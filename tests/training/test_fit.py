import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from tests.training.fit_case import CONFIG, EXAMPLES, STEPS, Small, Words, loss_that, small, trained
from training.errors import CheckpointError, TrainingError
from training.fit import CHECKPOINT, FitConfig, batches, by_tokens, fit, padded, read_metrics

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sized:
    ids: list[int]


def sized(*lengths: int) -> list[Sized]:
    return [Sized([0] * length) for length in lengths]


def lengths(cut: list[list[Sized]]) -> list[list[int]]:
    return [[len(one.ids) for one in batch] for batch in cut]


@pytest.mark.parametrize(
    ("given", "tokens", "expected"),
    [
        # so many that the padded tokens stay within the limit
        ([2, 2, 2, 2, 2], 4, [[2, 2], [2, 2], [2]]),
        # the longest sets the padding of all: 2 x 3 fits 6, 3 x 3 does not
        ([1, 3, 3], 6, [[1, 3], [3]]),
        # in falling order too
        ([3, 3, 1], 6, [[3, 3], [1]]),
        # longer than the limit: alone, never dropped
        ([1, 9, 9], 4, [[1], [9], [9]]),
        ([], 4, []),
    ],
)
def test_batches_by_tokens(given: list[int], tokens: int, expected: list[list[int]]) -> None:
    assert lengths(list(by_tokens(sized(*given), tokens=tokens))) == expected


def test_batches_hold_every_example_once_with_little_padding() -> None:
    examples = [Words([number] * (1 + number % 97)) for number in range(3000)]
    cut = batches(examples, tokens=512, seed=1)
    assert Counter(one.ids[0] for batch in cut for one in batch) == Counter(range(3000))
    padded_tokens = [len(batch) * max(len(one.ids) for one in batch) for batch in cut]
    assert max(padded_tokens) <= 512
    assert sum(padded_tokens) < 1.1 * sum(len(one.ids) for one in examples)


def test_batches_are_shuffled_by_the_seed() -> None:
    examples = [Words([number] * (1 + number % 97)) for number in range(3000)]
    first, again, other = (batches(examples, tokens=512, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    # Short and long batches in turn, not from short to long.
    means = [len(batch[0].ids) for batch in first]
    rises = sum(before < after for before, after in pairwise(means))
    assert 0.3 < rises / len(means) < 0.7


def test_padding() -> None:
    ids, mask = padded([[5, 6, 7], [8]], pad=1)
    assert ids.tolist() == [[5, 6, 7], [8, 1, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, r"epochs is 0; it must be a number above 0"),
        ({"learning_rate": -1e-4}, r"learning_rate is -0\.0001; it must be a number above 0"),
        ({"head_learning_rate": math.inf}, r"head_learning_rate is inf"),
        ({"tokens_per_batch": 0}, r"tokens_per_batch is 0"),
        ({"checkpoint_s": math.nan}, r"checkpoint_s is nan"),
        # a share: 1 would mean never to decay, never to learn
        ({"average": 1.0}, r"average is 1\.0; it must be from 0 to below 1"),
        ({"warmup": 1.5}, r"warmup is 1\.5"),
        ({"weight_decay": -0.1}, r"weight_decay is -0\.1"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        FitConfig(**changes)


class Slope(nn.Module):
    """Two numbers whose gradient is always 1: Adam moves each by exactly the rate of the step."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ParameterDict({"slope": nn.Parameter(torch.zeros(1))})
        self.head = nn.Parameter(torch.zeros(1))


def moved(config: FitConfig, folder: Path, steps: int) -> tuple[list[float], list[float], nn.Module]:
    """How far the encoder's and the head's number moved in each step, and the network that came of it."""
    seen: list[tuple[float, float]] = []

    def loss(network: nn.Module, batch: list[Sized]) -> Tensor:
        assert isinstance(network, Slope)
        seen.append((network.encoder["slope"].item(), network.head.item()))
        total: Tensor = network.encoder["slope"].sum() + network.head.sum()
        return total

    network = Slope()
    result = fit(network, sized(*[config.tokens_per_batch] * steps), loss, config=config, folder=folder)
    seen.append((network.encoder["slope"].item(), network.head.item()))
    assert len(seen) == steps + 1
    pairs = list(pairwise(seen))
    return [a[0] - b[0] for a, b in pairs], [a[1] - b[1] for a, b in pairs], result


def test_schedule_rises_over_the_warm_up_and_falls_to_nearly_nothing(tmp_path: Path) -> None:
    config = FitConfig(epochs=1, tokens_per_batch=4, learning_rate=0.1, head_learning_rate=0.4, warmup=0.2)
    encoder, head, _ = moved(config, tmp_path, steps=19)
    # 20ths of the way: a fifth of it to the peak, then a straight fall that ends before 0.
    expected = [
        done / 0.2 if done < 0.2 else (1 - done) / 0.8 for done in (step / 20 for step in range(1, 20))
    ]
    assert encoder == pytest.approx([0.1 * factor for factor in expected], abs=1e-4)
    assert head == pytest.approx([0.4 * factor for factor in expected], abs=1e-4)
    assert encoder[3] == pytest.approx(0.1, abs=1e-4)


def test_a_single_step_learns(tmp_path: Path) -> None:
    encoder, _, _ = moved(FitConfig(epochs=1, tokens_per_batch=4), tmp_path, steps=1)
    assert encoder[0] > 1e-5


def test_average_forgets_the_first_weights(tmp_path: Path) -> None:
    config = FitConfig(epochs=1, tokens_per_batch=4, learning_rate=0.1, head_learning_rate=0.1, average=0.7)
    steps, _, result = moved(config, tmp_path, steps=40)
    value, expected = 0.0, 0.0
    for updates, step in enumerate(steps):
        value -= step
        decay = min(0.7, (1 + updates) / (10 + updates)) if updates else 0.0
        expected = decay * expected + (1 - decay) * value
    assert isinstance(result, Slope)
    assert result.encoder["slope"].item() == pytest.approx(expected, abs=1e-5)


def test_an_average_with_a_long_memory_does_not_undo_a_short_training(tmp_path: Path) -> None:
    config = FitConfig(epochs=1, tokens_per_batch=4, learning_rate=0.1, head_learning_rate=0.1, average=0.999)
    steps, _, result = moved(config, tmp_path, steps=40)
    assert isinstance(result, Slope)
    assert result.encoder["slope"].item() < 0.8 * -sum(steps)


def test_only_matrices_decay(tmp_path: Path) -> None:
    network = nn.Linear(3, 3)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}

    def loss(model: nn.Module, batch: list[Sized]) -> Tensor:
        return sum((value.sum() * 0 for value in model.parameters()), torch.zeros(()))

    config = FitConfig(epochs=1, tokens_per_batch=4, weight_decay=0.5, head_learning_rate=0.1)
    fit(network, sized(4, 4, 4), loss, config=config, folder=tmp_path)
    assert torch.equal(network.bias, before["bias"])
    assert network.weight.abs().sum() < 0.95 * before["weight"].abs().sum()


def test_learns_and_tells(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=40.0, checkpoint_s=60.0)
    network = fit(small(), EXAMPLES, loss_that(lambda: None, at=-1), config=config, folder=tmp_path)
    assert isinstance(network, Small)
    assert not network.training
    guessed = network(torch.arange(11)).argmax(-1)
    assert guessed.tolist() == list(range(11))
    record = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert record["config"]["epochs"] == 40.0
    assert read_metrics(tmp_path)["examples"] == len(EXAMPLES)
    assert read_metrics(tmp_path)["loss"] < 1.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The weights of a training that nothing interrupted."""
    return trained(tmp_path_factory.mktemp("whole")).state_dict()


def position(folder: Path) -> dict[str, Any]:
    with safe_open(folder / CHECKPOINT, "pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()["run"])
    return header


def test_resumes_after_a_kill(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    command = [sys.executable, "-m", "tests.training.fit_case", str(tmp_path), "17"]
    killed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=1200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (position(tmp_path)["step"], position(tmp_path)["steps"]) == (17, STEPS)
    resumed = trained(tmp_path).state_dict()
    assert position(tmp_path)["step"] == STEPS
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_step_end_and_saves(
    tmp_path: Path, whole: dict[str, Tensor], number: signal.Signals
) -> None:
    # A test run in the background ignores Ctrl-C.
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, act=lambda: os.kill(os.getpid(), number), at=8)
    finally:
        signal.signal(number, before)
    # The step in which the signal came is done: 9 of them.
    assert position(tmp_path)["step"] == 9
    resumed = trained(tmp_path).state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_a_finished_training_is_not_done_again(tmp_path: Path, whole: dict[str, Tensor]) -> None:
    trained(tmp_path)

    def never() -> None:
        raise AssertionError("a step was made")

    again = trained(tmp_path, act=never, at=0).state_dict()
    assert all(torch.equal(again[name], whole[name]) for name in whole)


def run(
    folder: Path, *, network: nn.Module | None = None, examples: list[Words] | None = None, **changes: Any
) -> None:
    fit(
        network or small(),
        EXAMPLES if examples is None else examples,
        loss_that(lambda: None, at=-1),
        config=replace(CONFIG, **changes),
        folder=folder,
    )


def other_network() -> nn.Module:
    network = small()
    network.encoder = nn.Embedding(11, 5)
    network.head = nn.Linear(5, 11)
    return network


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # another setting
        ({"seed": 2}, "was made with another configuration or other data; give another --output"),
        # other comments, and the same ones with other labels
        ({"examples": EXAMPLES[:-1]}, "was made with another configuration or other data"),
        (
            {"examples": [replace(EXAMPLES[0], admitted=frozenset({1})), *EXAMPLES[1:]]},
            "was made with another configuration or other data",
        ),
        # a network of another size
        ({"network": other_network()}, "is of another network"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    run(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        run(tmp_path, **arguments)


def test_a_broken_checkpoint_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors is broken .*remove it to start over"):
        run(tmp_path)


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    def loss(network: nn.Module, batch: list[Words]) -> Tensor:
        return next(network.parameters()).sum() * math.nan

    with pytest.raises(
        TrainingError, match=r"the loss is nan at step 0 of 23; lower the learning rate \(now 0\.01"
    ):
        fit(small(), EXAMPLES, loss, config=CONFIG, folder=tmp_path)
    # It would come again: nothing is kept.
    assert not (tmp_path / CHECKPOINT).exists()


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no example to train on; check the data files"):
        run(tmp_path, examples=[])
