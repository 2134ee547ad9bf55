"""python -m training.export MODEL --texts comments.jsonl --name NAME --output BUNDLE

Turn a trained model into a bundle: the graph with int8 matrix products, the tokenizer, the manifest.
`--texts` are real comments on which the ranges of the activations are measured; they need no labels.
"""

import random
from pathlib import Path
from typing import Annotated, Final

import onnx
import typer

from models.bundle import ENCODER_KEYS, GRAPH, TOKENIZER, Bundle, Reading
from models.calibration import Calibration
from models.windows import WindowReader
from training.checkpoint import TrainedModel, load_model
from training.errors import TrainingError
from training.files import read_texts
from training.graph import build_graph
from training.quantise import activation_ranges
from training.stage import run_stage

WINDOW: Final = 320
OVERLAP: Final = 64


def export(
    model: TrainedModel, texts: list[str], *, name: str, folder: Path, quantised: bool = True
) -> Bundle:
    """Write the bundle, uncalibrated.

    Raises:
        TrainingError: the encoder is of an architecture that the graph builder does not know.
    """
    config = model.network.encoder.config
    if config.model_type != "bert" or config.hidden_act != "gelu":
        raise TrainingError(
            f"the encoder is of type {config.model_type!r} with {config.hidden_act!r}; the graph builder "
            "knows BERT with gelu (bert-base-chinese, MacBERT, RoBERTa-wwm, multilingual-e5); choose such an "
            "encoder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    window = min(WINDOW, config.max_position_embeddings)
    overlap = min(OVERLAP, window // 4)
    reader = WindowReader(model.tokenizer, window=window, overlap=overlap)
    ranges = None
    if quantised:
        sequences = [one.ids for one in reader.read(texts)]
        ranges = activation_ranges(model.network, sequences, pad=reader.pad)
    onnx.save(build_graph(model.network, ranges), folder / GRAPH)
    model.tokenizer.save(str(folder / TOKENIZER))
    heads = model.network.heads.config
    bundle = Bundle(
        folder=folder,
        name=name,
        taxonomy=model.taxonomy,
        touchpoints=heads.touchpoints,
        dimensions=heads.dimensions,
        encoder={key: getattr(config, key) for key in ENCODER_KEYS},
        reading=Reading(window=window, overlap=overlap),
        calibration=Calibration(),
        metrics={},
        training=dict(model.record),
        sources=model.record.get("train", {}).get("sources", {}),
    )
    bundle.write_manifest()
    return Bundle.load(folder)


def main(
    model: Annotated[Path, typer.Argument(help="folder that training.train wrote")],
    output: Annotated[Path, typer.Option(help="bundle folder to write")],
    texts: Annotated[list[Path], typer.Option(help="files of comments to measure ranges on (repeatable)")],
    name: Annotated[str, typer.Option(help="name of the model")] = "huiyin-zh",
    comments: Annotated[int, typer.Option(help="how many of the comments")] = 400,
    float32: Annotated[bool, typer.Option("--float32", help="leave the graph in float, to compare")] = False,
    seed: int = 1,
) -> None:
    """Write a bundle; calibrate it next."""
    found = [text for path in texts for text in read_texts(path)]
    random.Random(seed).shuffle(found)
    bundle = export(load_model(model), found[:comments], name=name, folder=output, quantised=not float32)
    size_mb = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    typer.echo(f"{output}: {bundle.identity}, {size_mb:.1f} MB")


if __name__ == "__main__":
    run_stage(main)
