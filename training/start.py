"""What a training starts from: an earlier training, a released bundle, or an encoder under fresh heads."""

from pathlib import Path

from models.bundle import MANIFEST
from models.network import Network
from models.taxonomy import Taxonomy
from training.checkpoint import TrainedModel, head_config, is_model, load_model
from training.encoder import load_encoder
from training.errors import TrainingError
from training.released import RELEASED
from training.stage import read_history
from training.warm_start import load_bundle


def start_from(start: str, taxonomy: Taxonomy | None, *, dropout: float) -> TrainedModel:
    """A model to train on.

    `start` is the folder of an earlier training, of a bundle or of an encoder, a Hugging Face id, or empty
    for the released model. With another `taxonomy` than the model's, the heads start anew.

    Raises:
        TrainingError: nothing is released with this installation.
        CheckpointError: nothing can be loaded from there.
        BundleError: the bundle is broken.
    """
    folder = Path(start) if start else RELEASED
    if not start and not folder.is_dir():
        raise TrainingError(
            f"no model is released with this installation ({folder} is missing); give --start with an "
            "encoder, an earlier training or a bundle"
        )
    if is_model(folder):
        model = load_model(folder, dropout=dropout)
    elif (folder / MANIFEST).is_file():
        model = load_bundle(folder, dropout=dropout)
    else:
        wanted = taxonomy or Taxonomy.load()
        encoder, tokenizer = load_encoder(str(folder), dropout=dropout)
        network = Network(encoder=encoder, heads=head_config(wanted, dropout=dropout))
        record = read_history(folder)
        return TrainedModel(network=network, tokenizer=tokenizer, taxonomy=wanted, record=record)
    if taxonomy is not None and taxonomy.fingerprint != model.taxonomy.fingerprint:
        # Other labels: what the encoder learnt is kept.
        model.network = Network(encoder=model.network.encoder, heads=head_config(taxonomy, dropout=dropout))
        model.taxonomy, model.record = taxonomy, {}
    return model
