"""The peer is what it says, and the ratios are those of the same rounds."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peer import VOCABULARY, Peer, character_tokenizer
from benchmarks.rates import Rates
from benchmarks.throughput import headlines, outputs_of, peer_name
from models.bundle import Bundle
from tests.small_model import starter_texts

TEXTS = starter_texts(3)
OUTPUTS = 102


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer(threads=1, characters="".join(TEXTS), outputs=OUTPUTS, max_length=24)


def test_the_peer_is_a_bert_base_with_our_number_of_outputs(peer: Peer, small_bundle: Path) -> None:
    config = peer.model.config
    assert outputs_of(Bundle.load(small_bundle)) == OUTPUTS == config.num_labels
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (12, 768, VOCABULARY)
    assert {str(parameter.dtype) for parameter in peer.model.parameters()} == {"torch.float32"}
    assert not peer.model.training


def test_the_peer_gives_every_output_a_probability_of_its_own(peer: Peer) -> None:
    scores = peer.bulk([*TEXTS, "长" * 500], batch_size=2)
    assert [len(each) for each in scores] == [OUTPUTS] * 4
    # sigmoids, not a softmax over all outputs
    assert all(sum(one["score"] for one in each) > 2 for each in scores)


def test_sorted_by_length_the_scores_stay_those_of_the_comments(peer: Peer) -> None:
    def by_label(each: list[dict[str, Any]]) -> list[float]:
        return [one["score"] for one in sorted(each, key=lambda one: one["label"])]

    plain = [by_label(each) for each in peer.bulk(TEXTS, batch_size=1)]
    by_length = [by_label(each) for each in peer.bulk(TEXTS, batch_size=1, by_length=True)]
    order = sorted(range(len(TEXTS)), key=lambda place: len(TEXTS[place]))
    assert [pytest.approx(plain[place], abs=1e-4) for place in order] == by_length


def test_the_tokenizer_knows_the_characters_and_no_others() -> None:
    tokenizer = character_tokenizer("前台 态度\nA")
    assert tokenizer.tokenize("前台态度 a") == ["前", "台", "态", "度", "a"]
    assert tokenizer.tokenize("好") == ["[UNK]"]


def _rates(**others: tuple[float, ...]) -> dict[str, Rates]:
    rates = {"Tagger one by one": Rates((100.0, 50.0)), "Tagger in bulk": Rates((300.0, 150.0))}
    rates |= {
        peer_name(1): Rates((10.0, 5.0)),
        peer_name(8): Rates((5.0, 2.5)),
        peer_name(32): Rates((4.0, 2.0)),
    }
    rates |= {peer_name(size, by_length=True): Rates((6.0, 3.0)) for size in (8, 32)}
    return rates | {name: Rates(values) for name, values in others.items()}


def test_the_headline_is_taken_at_the_best_batch_size() -> None:
    assert headlines(_rates()) == {
        "Tagger in bulk / BERT-base, batches of 1 (its best)": Rates((30.0, 30.0)),
        "Tagger one by one / BERT-base, batches of 1": Rates((10.0, 10.0)),
        "Tagger in bulk / BERT-base, batches of 1 (its best, sorted or not)": Rates((30.0, 30.0)),
    }


def test_sorting_counts_in_the_third_ratio_only() -> None:
    rates = _rates(**{peer_name(32, by_length=True): (20.0, 10.0), peer_name(8): (12.0, 6.0)})
    assert list(headlines(rates).items()) == [
        ("Tagger in bulk / BERT-base, batches of 8 (its best)", Rates((25.0, 25.0))),
        ("Tagger one by one / BERT-base, batches of 1", Rates((10.0, 10.0))),
        (
            "Tagger in bulk / BERT-base, batches of 32, sorted by length (its best, sorted or not)",
            Rates((15.0, 15.0)),
        ),
    ]
