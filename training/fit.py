"""The one training loop: length buckets, warm-up and decay, weight averaging, checkpoints that resume.

Every stage that trains (further pre-training, the tagger, the public benchmarks) calls `fit` with a network,
examples and a loss. Nothing here knows what a comment is.
"""

import hashlib
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from training.errors import CheckpointError, TrainingError
from training.progress import Shown
from training.stage import held_signals, write_record

BUCKET_BATCHES: Final = 64
"""Batches are cut from stretches of so many batches sorted by length: little padding, much shuffling."""
CLIP_NORM: Final = 1.0
CHECKPOINT: Final = "checkpoint.safetensors"
RECORD: Final = "fit.json"


class Tokenised(Protocol):
    """What the loop must know of an example: a dataclass of JSON values, tuples and sets with `ids`."""

    @property
    def ids(self) -> Sequence[int]:
        """Token ids with the special ones."""
        ...


Example = TypeVar("Example", bound=Tokenised)
Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How to train.

    epochs: passes over the examples. tokens_per_batch: padded tokens of one step. learning_rate: peak for the
    encoder; head_learning_rate: peak for everything else. weight_decay: of matrices, not of biases and norms.
    warmup: share of the steps. average: decay of the moving average of the weights (0 for none), lower in the
    first steps so that a short training is averaged over its last tenth. checkpoint_s: seconds between
    checkpoints. Raises TrainingError for a value that makes no sense.
    """

    epochs: float = 4.0
    tokens_per_batch: int = 2048
    learning_rate: float = 1e-4
    head_learning_rate: float = 5e-4
    weight_decay: float = 0.01
    warmup: float = 0.06
    average: float = 0.0
    seed: int = 1
    checkpoint_s: float = 300.0

    def __post_init__(self) -> None:
        for name in ("epochs", "tokens_per_batch", "learning_rate", "head_learning_rate", "checkpoint_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be a number above 0")
        for name in ("weight_decay", "warmup", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be from 0 to below 1")


def batches(examples: Sequence[Example], *, tokens: int, seed: int) -> list[list[Example]]:
    """Shuffle, sort stretches by length, cut at `tokens` padded tokens a batch, shuffle the batches."""
    order = random.Random(seed)
    shuffled = list(examples)
    order.shuffle(shuffled)
    mean = sum(len(example.ids) for example in shuffled) / max(1, len(shuffled))
    stretch = max(1, int(BUCKET_BATCHES * tokens / max(1.0, mean)))
    cut: list[list[Example]] = []
    for start in range(0, len(shuffled), stretch):
        cut += by_tokens(
            sorted(shuffled[start : start + stretch], key=lambda one: len(one.ids)), tokens=tokens
        )
    order.shuffle(cut)
    return cut


def by_tokens(ordered: Sequence[Example], *, tokens: int) -> Iterator[list[Example]]:
    """Cut a sequence ordered by length into batches of at most `tokens` padded tokens, or one example."""
    batch: list[Example] = []
    for example in ordered:
        if batch and (len(batch) + 1) * max(len(example.ids), len(batch[-1].ids)) > tokens:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def padded(sequences: Sequence[Sequence[int]], *, pad: int) -> tuple[Tensor, Tensor]:
    """Token ids and their mask (1 for real tokens). Shape of both: (batch, tokens)."""
    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.as_tensor(sequence)
        mask[row, : len(sequence)] = 1
    return ids, mask


def fit(
    network: nn.Module,
    examples: Sequence[Example],
    loss: Callable[[nn.Module, list[Example]], Tensor],
    *,
    config: FitConfig,
    folder: Path,
) -> nn.Module:
    """Train in place and return the network to use (the averaged one if the configuration asks for it).

    `loss` gets the network and a batch and returns the **sum** over its examples; what it makes must lie on
    the network's device, which is a CUDA device while there is one (`device_of`), and the CPU afterwards.
    A checkpoint in `folder` is resumed, and then gives the weights of a training that was never interrupted.
    A signal to end lets the step in hand end and saves one. `fit.json` in `folder` says what was done.

    Raises:
        TrainingError: there is no example, or the loss is not a number.
        CheckpointError: the checkpoint is broken, or of another configuration or other examples.
    """
    if not examples:
        raise TrainingError("there is no example to train on; check the data files and which axes they label")
    torch.manual_seed(config.seed)
    network.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    run = _Run(network, config, examples)
    run.resume(folder)
    network.train()
    try:
        with Shown(total=run.steps, done=run.step) as shown:
            _steps(run, examples, loss, folder, shown)
    except BaseException as stopped:
        # Between two steps the state is whole. Of an error nothing is kept: it would come again.
        if not isinstance(stopped, Exception):
            run.save(folder)
        raise
    run.save(folder)
    metrics = {"examples": len(examples), "steps": run.steps, "loss": run.recent}
    write_record(folder, "fit", config=asdict(config), metrics=metrics, name=RECORD)
    return run.result()


def read_metrics(folder: Path) -> dict[str, Any]:
    """What `fit` measured in `folder`: examples, steps, and the recent loss per example."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    metrics: dict[str, Any] = record["metrics"]
    return metrics


def device_of(network: nn.Module) -> torch.device:
    """Where the weights of a network lie, and its inputs must."""
    return next(network.parameters()).device


def _steps(
    run: "_Run",
    examples: Sequence[Example],
    loss: Callable[[nn.Module, list[Example]], Tensor],
    folder: Path,
    shown: Shown,
) -> None:
    # The sum over a batch is divided by the usual batch size, so that a comment weighs the same in any batch.
    usual = len(examples) * run.config.epochs / run.steps
    device = device_of(run.network)
    saved = time.monotonic()
    for batch in run.remaining(examples):
        with held_signals():
            with torch.autocast(device.type, torch.bfloat16):
                total = loss(run.network, batch)
            run.advance(total / usual)
        shown.update(run.step, f"loss {run.recent:.3f}")
        if time.monotonic() - saved > run.config.checkpoint_s:
            run.save(folder)
            saved = time.monotonic()


def _epoch_steps(examples: Sequence[Example], config: FitConfig) -> int:
    return len(batches(examples, tokens=config.tokens_per_batch, seed=config.seed))


class _Run:
    """Weights, optimiser and position of one training: what a checkpoint must hold to go on."""

    def __init__(self, network: nn.Module, config: FitConfig, examples: Sequence[Example]) -> None:
        self.network, self.config = network, config
        self.examples, self.digest = len(examples), _digest(examples)
        self.steps = max(1, math.ceil(_epoch_steps(examples, config) * config.epochs))
        self.step = 0
        self.recent = math.nan
        self.optimiser = torch.optim.AdamW(_groups(network, config), betas=(0.9, 0.98), fused=True)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.average = (
            AveragedModel(network, multi_avg_fn=_moving_average(config.average), use_buffers=True)
            if config.average
            else None
        )

    def remaining(self, examples: Sequence[Example]) -> Iterator[list[Example]]:
        position, epoch = 0, 0
        while position < self.steps:
            for batch in batches(
                examples, tokens=self.config.tokens_per_batch, seed=self.config.seed + epoch
            ):
                if self.step <= position < self.steps:
                    yield batch
                position += 1
            epoch += 1

    def advance(self, loss: Tensor) -> None:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {self.step} of {self.steps}; lower the learning rate "
                f"(now {self.config.learning_rate:g} and {self.config.head_learning_rate:g} for the heads)"
            )
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        factor = self._schedule()
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        self.recent = value if math.isnan(self.recent) else 0.98 * self.recent + 0.02 * value
        if self.average is not None:
            self.average.update_parameters(self.network)

    def _schedule(self) -> float:
        """The share of the peak rate: a rise over the warm-up, then a straight fall; never 0."""
        done = (self.step + 1) / (self.steps + 1)
        return (
            done / self.config.warmup if done < self.config.warmup else (1 - done) / (1 - self.config.warmup)
        )

    def result(self) -> nn.Module:
        chosen = self.network if self.average is None else self.average.module
        assert isinstance(chosen, nn.Module)
        self.network.cpu()
        return chosen.cpu().eval()

    def _header(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on with."""
        return {
            "config": asdict(self.config),
            "examples": self.examples,
            "steps": self.steps,
            "digest": self.digest,
        }

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{name}": value for name, value in self.average.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{name}": value for name, value in state.items()}
        tensors["random"] = torch.get_rng_state()
        if device_of(self.network).type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        partial = folder / "checkpoint.partial"
        header = json.dumps({**self._header(), "step": self.step, "recent": self.recent})
        # safetensors keeps no two names for one storage, so tied weights are written twice.
        save_file(
            {k: v.detach().cpu().clone() for k, v in tensors.items()}, partial, metadata={"run": header}
        )
        partial.replace(folder / CHECKPOINT)

    def resume(self, folder: Path) -> None:
        path = folder / CHECKPOINT
        if not path.exists():
            return
        try:
            header, tensors = _read_header(path), load_file(path)
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} is broken ({error}); remove it to start over") from error
        if any(header.get(key) != value for key, value in self._header().items()):
            raise CheckpointError(
                f"{path} was made with another configuration or other data; give another --output, or remove "
                "it to start over"
            )
        try:
            self._take(header, tensors)
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is of another network ({error}); give another --output, or remove it to start over"
            ) from error

    def _take(self, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.step, self.recent = header["step"], header["recent"]
        self.network.load_state_dict(_under(tensors, "network/"))
        if self.average is not None:
            self.average.load_state_dict(_under(tensors, "average/"))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimiser/").items():
            number, key = name.split("/")
            state.setdefault(int(number), {})[key] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": state})
        torch.set_rng_state(tensors["random"])
        if device_of(self.network).type == "cuda" and "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"])


def _read_header(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        header: dict[str, Any] = json.loads(file.metadata()["run"])
    return header


def _digest(examples: Sequence[Any]) -> str:
    """Equal for equal examples in any process: sets are sorted."""
    digest = hashlib.sha256()
    for example in examples:
        values = [getattr(example, field.name) for field in fields(example)]
        digest.update(json.dumps(values, default=sorted).encode())
    return digest.hexdigest()


def _moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """An exponential moving average that forgets the first weights: decay min(`decay`, (1 + n) / (10 + n)).

    A fixed decay of 0.998 would leave a training of 100 steps little more than the weights it began with.
    """

    @torch.no_grad()
    def update(averages: Tensors, currents: Tensors, updates: Tensor | int) -> None:
        seen = int(updates)
        share = 1.0 - min(decay, (1 + seen) / (10 + seen))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, currents, share)
        else:
            for average, current in zip(averages, currents, strict=True):
                average.copy_(current)

    return update


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _groups(network: nn.Module, config: FitConfig) -> list[dict[str, Any]]:
    """Encoder and heads with their own rates; no decay on biases and norms."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": config.learning_rate if in_encoder else config.head_learning_rate,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (in_encoder, decays), parameters in groups.items()
    ]
