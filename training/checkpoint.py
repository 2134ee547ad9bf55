"""A trained model on disk, in full precision: what calibration, export and the next training start from.

A folder: `encoder/` as `transformers` loads it, `heads.safetensors`, and `model.json` with the taxonomy, the
resolved configuration and the metrics. Nothing in it executes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from models.files import read_json, write_json_atomic
from models.network import HeadConfig, Network
from models.taxonomy import Taxonomy
from training.encoder import load_encoder, save_encoder
from training.errors import CheckpointError

FORMAT: Final = 1
_HEADER: Final = "model.json"
_KEYS: Final = ("format", "taxonomy", "record")


@dataclass(slots=True, kw_only=True)
class TrainedModel:
    """A network with everything needed to read comments with it."""

    network: Network
    tokenizer: Tokenizer
    taxonomy: Taxonomy
    record: dict[str, Any] = field(default_factory=dict)
    """Configuration, sources and metrics of the stages so far, by stage."""


def head_config(taxonomy: Taxonomy, *, dropout: float = 0.1) -> HeadConfig:
    """The labels of a taxonomy in the order of the logits: touchpoints, the general verdict, dimensions."""
    return HeadConfig(
        touchpoints=(*taxonomy.touchpoint_ids, taxonomy.overall.id),
        dimensions=taxonomy.dimension_ids,
        dropout=dropout,
    )


def save_model(folder: Path, model: TrainedModel) -> None:
    """Write the folder; `model.json` last, so that a half-written one is not taken for a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _HEADER).unlink(missing_ok=True)
    save_encoder(folder / "encoder", model.network.encoder, model.tokenizer)
    save_file(model.network.heads.state_dict(), folder / "heads.safetensors")
    write_json_atomic(
        folder / _HEADER,
        {"format": FORMAT, "taxonomy": model.taxonomy.to_dict(), "record": model.record},
    )


def is_model(folder: Path) -> bool:
    """Whether `save_model` wrote this folder to its end."""
    return (folder / _HEADER).is_file()


def load_model(folder: Path, *, dropout: float = 0.1) -> TrainedModel:
    """Read what `save_model` wrote.

    `dropout` is for the training that follows.

    Raises:
        CheckpointError: it is no such folder, of a newer format, or its weights do not fit its taxonomy.
        BundleCorrupt: model.json is no JSON.
        TaxonomyError: the taxonomy in it breaks a rule.
    """
    if not is_model(folder):
        raise CheckpointError(f"{folder} holds no {_HEADER}; give the --output of training.train")
    header = read_json(folder / _HEADER, "a trained model")
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder}: format {header.get('format')!r}; this program reads format {FORMAT}"
        )
    if sorted(header) != sorted(_KEYS):
        raise CheckpointError(
            f"{folder}: {_HEADER} has the keys {sorted(header)}; needed are {sorted(_KEYS)}; train again"
        )
    taxonomy = Taxonomy.from_dict(header["taxonomy"], source=str(folder / _HEADER))
    encoder, tokenizer = load_encoder(folder / "encoder", dropout=dropout)
    network = Network(encoder=encoder, heads=head_config(taxonomy, dropout=dropout))
    try:
        network.heads.load_state_dict(load_file(folder / "heads.safetensors"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: heads.safetensors cannot be read: {error}; train again") from error
    except RuntimeError as error:
        raise CheckpointError(f"{folder}: heads.safetensors does not fit the taxonomy: {error}") from error
    return TrainedModel(network=network, tokenizer=tokenizer, taxonomy=taxonomy, record=header["record"])
