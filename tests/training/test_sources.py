"""Every source turns its file into comments that label what it knows and nothing more."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from models.taxonomy import Taxonomy
from training.corpus import Comment
from training.errors import CorpusError
from training.sources import SOURCES, load_source
from training.sources.benchmarks import Benchmark, BenchmarkSplit, read_benchmark

TAXONOMY = Taxonomy.load()


def put(corpora: Path, file: str, *rows: dict[str, Any]) -> None:
    """Writes a corpus file; `.xz` at the end of the name compresses it."""
    path = corpora / file
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)


def load(corpora: Path, name: str, *rows: dict[str, Any]) -> list[Comment]:
    put(corpora, f"{SOURCES[name].files['train'][0]}.xz", *rows)
    return load_source(name, corpora, TAXONOMY)


def spans(comment: Comment) -> list[tuple[str | None, str, str]]:
    """Touchpoint, sentiment and quoted words of each unit."""
    return [(unit.touchpoint, unit.sentiment, comment.text[unit.start : unit.end]) for unit in comment.units]


ASPECTS: list[tuple[dict[str, int], dict[str, str], set[str]]] = [
    # nothing mentioned: every touchpoint of the set is known to be absent
    ({}, {}, {"location", "booking_waiting", "staff", "price", "environment", "product"}),
    # one aspect each
    (
        {"service_waiters_attitude": -1, "service_parking_convenience": 1, "service_serving_speed": -1},
        {"staff": "negative", "location": "positive", "booking_waiting": "negative"},
        {"location", "booking_waiting", "staff", "price", "environment", "product"},
    ),
    # several aspects of one touchpoint: agreeing, and not
    (
        {"price_level": 1, "price_discount": 1, "environment_noise": -1, "environment_space": 1},
        {"price": "positive", "environment": "neutral"},
        {"location", "booking_waiting", "staff", "price", "environment", "product"},
    ),
    # 0 alone is our neutral for dishes, and unclear elsewhere
    (
        {"dish_taste": 0, "price_level": 0},
        {"product": "neutral"},
        {"location", "booking_waiting", "staff", "environment", "product"},
    ),
    # 0 beside another label counts for dishes only
    (
        {"dish_taste": 0, "dish_look": 1, "price_level": 0, "price_discount": -1},
        {"product": "neutral", "price": "negative"},
        {"location", "booking_waiting", "staff", "price", "environment", "product"},
    ),
    # what is said of the whole visit is no touchpoint
    (
        {"others_willing_to_consume_again": 1},
        {},
        {"location", "booking_waiting", "staff", "price", "environment", "product"},
    ),
]


@pytest.mark.parametrize("name", ["aspects_restaurant", "asap"])
@pytest.mark.parametrize(("aspects", "labels", "known"), ASPECTS)
def test_restaurant_aspects_become_touchpoints(
    tmp_path: Path, name: str, aspects: dict[str, int], labels: dict[str, str], known: set[str]
) -> None:
    row = {"text": "一家店", "star": 5.0, "aspects": {"others_overall_experience": -2, **aspects}}
    (comment,) = load(tmp_path, name, row)
    assert comment.labels("touchpoints") == labels
    assert comment.touchpoints_known == known
    assert comment.dimensions_known == frozenset()
    assert all(unit.start == unit.end for unit in comment.units)
    assert (comment.emotion, comment.loyalty) == (None, None)


def test_aspects_of_another_taxonomy_are_left_out(tmp_path: Path) -> None:
    data = TAXONOMY.to_dict()
    data["touchpoints"] = [touchpoint for touchpoint in data["touchpoints"] if touchpoint["id"] != "staff"]
    row = {"text": "服务差", "aspects": {"service_waiters_attitude": -1, "others_overall_experience": -1}}
    put(tmp_path, "public/aspects_restaurant.jsonl", row)
    (comment,) = load_source("aspects_restaurant", tmp_path, Taxonomy.from_dict(data))
    assert comment.units == ()
    assert "staff" not in comment.touchpoints_known


SATISFACTION: list[tuple[str, dict[str, Any], set[int] | None]] = [
    # the whole visit
    ("aspects_restaurant", {"aspects": {"others_overall_experience": 1}}, {4, 5}),
    ("aspects_restaurant", {"aspects": {"others_overall_experience": 0}}, {2, 3, 4}),
    ("aspects_restaurant", {"aspects": {"others_overall_experience": -1}}, {1, 2}),
    ("aspects_restaurant", {"aspects": {"others_overall_experience": -2}}, None),
    ("asap", {"star": 1.0, "aspects": {}}, {1, 2}),
    ("asap", {"star": 4.0, "aspects": {}}, {3, 4, 5}),
    # opinions on the whole
    ("opinions_beauty", {"opinions": [{"opinion": "好", "category": "整体", "sentiment": 1}]}, {4, 5}),
    ("opinions_beauty", {"opinions": [{"opinion": "好", "category": "整体", "sentiment": -1}]}, {1, 2}),
    (
        "opinions_beauty",
        {"opinions": [{"category": "整体", "sentiment": 1}, {"category": "整体", "sentiment": -1}]},
        None,
    ),
    # three values
    ("sentiment_bank", {"sentiment": -1}, {1, 2, 3}),
    ("sentiment_bank", {"sentiment": 0}, {2, 3}),
    ("sentiment_bank", {"sentiment": 1}, {3, 4, 5}),
    # two values; wider where a category is noisy
    ("polarity", {"label": 1, "category": "衣服"}, {4, 5}),
    ("polarity", {"label": 0, "category": "衣服"}, {1, 2}),
    ("polarity", {"label": 1, "category": "酒店"}, {3, 4, 5}),
    ("polarity", {"label": 0, "category": "外卖"}, {1, 2, 3}),
    ("chnsenticorp", {"label": 1}, {3, 4, 5}),
    ("chnsenticorp", {"label": 0}, {1, 2, 3}),
    # stars by kind of page
    ("stars", {"stars": 5, "category": "app"}, {3, 4, 5}),
    ("stars", {"stars": 5, "category": "hotel"}, {4, 5}),
    ("stars", {"stars": 1, "category": "local_life"}, {1, 2}),
    # triplets that agree, and that do not
    ("triplets_local_life", {"raw": "[((-1, -1), (0, 1), 'POS')]"}, {3, 4, 5}),
    ("triplets_local_life", {"raw": "[((-1, -1), (0, 1), 'Negative')]"}, {1, 2, 3}),
    ("triplets_local_life", {"raw": "[((0, 0), (0, 1), 'NEG'), ((0, 0), (0, 1), 'POS')]"}, {2, 3, 4}),
    ("triplets_local_life", {"raw": "[((0, 0), (0, 1), 'NEG'), ((0, 0), (0, 1), 'NEU')]"}, {2, 3}),
    ("triplets_local_life", {"raw": "[]"}, None),
]


@pytest.mark.parametrize(("name", "row", "satisfaction"), SATISFACTION)
def test_satisfaction_is_the_set_that_the_label_admits(
    tmp_path: Path, name: str, row: dict[str, Any], satisfaction: set[int] | None
) -> None:
    (comment,) = load(tmp_path, name, {"text": "很好很好", **row})
    assert comment.satisfaction == satisfaction


@pytest.mark.parametrize(
    ("name", "row"),
    [
        # two in five of these praise
        ("polarity", {"label": 0, "category": "热水器"}),
        # stars that tell nothing of the text
        ("stars", {"stars": 4, "category": "app"}),
        ("stars", {"stars": 3, "category": "local_life"}),
        # posts that only ask or state
        ("subjects_car", {"subjects": {"动力": 0, "价格": 0}}),
    ],
)
def test_rows_that_tell_nothing_are_left_out(tmp_path: Path, name: str, row: dict[str, Any]) -> None:
    telling = {"label": 1, "category": "hotel", "stars": 5, "subjects": {"动力": 1}}
    comments = load(tmp_path, name, {"text": "留下", **telling}, {"text": "不留", **row})
    assert [comment.text for comment in comments] == ["留下"]


EMOTIONS: list[tuple[str, set[str]]] = [
    ("happy", {"joy", "satisfaction", "gratitude"}),
    ("angry", {"anger", "disgust"}),
    ("sad", {"disappointment", "frustration"}),
    ("fear", {"anxiety"}),
    ("surprise", {"surprise"}),
    ("neutral", {"neutral"}),
]


@pytest.mark.parametrize(("label", "admitted"), EMOTIONS)
def test_six_emotions_admit_ours(tmp_path: Path, label: str, admitted: set[str]) -> None:
    put(tmp_path, "public/smp2020_virus_train.jsonl", {"text": "加油", "emotion": "happy"})
    usual, virus = load(tmp_path, "smp2020", {"text": "今天", "emotion": label})
    assert set(usual.emotion or ()) == admitted
    assert usual.touchpoints_known == frozenset()
    assert (usual.id, virus.id) == ("smp2020_usual_train:1", "smp2020_virus_train:1")


BEAUTY: list[tuple[str, list[dict[str, Any]], list[tuple[str, str, str]], set[str]]] = [
    # aspect and opinion side by side are one quote
    (
        "清洁能力强，物流真的很快",
        [
            {"aspect": "清洁能力", "opinion": "强", "category": "功效", "sentiment": 1},
            {"aspect": "物流", "opinion": "很快", "category": "物流", "sentiment": 1},
        ],
        [("product", "positive", "清洁能力强"), ("delivery", "positive", "物流真的很快")],
        {"product", "delivery", "price", "packaging", "support"},
    ),
    # an aspect in another clause is not, nor one behind the opinion
    (
        "味道，说不上来，一般；便宜的价格",
        [
            {"aspect": "味道", "opinion": "一般", "category": "气味", "sentiment": 0},
            {"aspect": "价格", "opinion": "便宜", "category": "价格", "sentiment": 1},
        ],
        [("product", "neutral", "一般"), ("price", "positive", "便宜")],
        {"product", "delivery", "price", "packaging", "support"},
    ),
    # an aspect without an opinion; the same words twice
    (
        "赠品，包装很好，服务很好",
        [
            {"aspect": "赠品", "opinion": None, "category": "价格", "sentiment": 1},
            {"aspect": None, "opinion": "很好", "category": "包装", "sentiment": 1},
            {"aspect": None, "opinion": "很好", "category": "服务", "sentiment": 1},
        ],
        [
            ("membership", "positive", "赠品"),
            ("packaging", "positive", "很好"),
            ("support", "positive", "很好"),
        ],
        {"membership", "delivery", "price", "packaging", "support"},
    ),
    # a campaign says nothing of the price
    (
        "活动买的",
        [{"aspect": "活动", "opinion": None, "category": "价格", "sentiment": 1}],
        [],
        {"delivery", "packaging", "support"},
    ),
    # after an opinion of the category of others, nothing is known to be absent
    (
        "很便宜，朋友喜欢",
        [
            {"aspect": None, "opinion": "很便宜", "category": "价格", "sentiment": 1},
            {"aspect": None, "opinion": "喜欢", "category": "其他", "sentiment": 1},
        ],
        [("price", "positive", "很便宜")],
        {"price"},
    ),
]


@pytest.mark.parametrize(("text", "opinions", "units", "known"), BEAUTY)
def test_beauty_opinions_become_quoted_units(
    tmp_path: Path,
    text: str,
    opinions: list[dict[str, Any]],
    units: list[tuple[str, str, str]],
    known: set[str],
) -> None:
    (comment,) = load(tmp_path, "opinions_beauty", {"text": text, "opinions": opinions})
    assert spans(comment) == units
    assert comment.touchpoints_known == known


def test_words_that_come_twice_get_places_of_their_own(tmp_path: Path) -> None:
    opinion = {"aspect": None, "opinion": "很好", "sentiment": 1}
    row = {
        "text": "包装很好，服务很好",
        "opinions": [{**opinion, "category": name} for name in ("包装", "服务")],
    }
    (comment,) = load(tmp_path, "opinions_beauty", row)
    assert [(unit.start, unit.end) for unit in comment.units] == [(2, 4), (7, 9)]


TRIPLETS: list[tuple[str, str, list[tuple[str, str, str]]]] = [
    # both ends count; aspect and opinion are joined
    ("华夫味道一般，真清爽。", "[((2, 3), (4, 5), 'NEU')]", [("product", "neutral", "味道一般")]),
    # the longest ending decides
    ("上菜速度很快", "[((0, 3), (4, 5), 'POS')]", [("booking_waiting", "positive", "上菜速度很快")]),
    ("店内环境很好", "[((0, 3), (4, 5), 'Positive')]", [("environment", "positive", "店内环境很好")]),
    # an aspect in another clause stays out of the quote
    ("服务，我觉得很差", "[((0, 1), (6, 7), 'NEG')]", [("staff", "negative", "很差")]),
    # an aspect that could be several touchpoints, and one that is not named
    ("位置很小，不错", "[((0, 1), (2, 3), 'NEG'), ((-1, -1), (5, 6), 'POS')]", []),
    # numbers and Latin words move the positions behind them: read before, not behind
    (
        "价格贵，38元的味道差",
        "[((0, 1), (2, 2), 'NEG'), ((7, 8), (9, 9), 'NEG')]",
        [("price", "negative", "价格贵")],
    ),
]


@pytest.mark.parametrize(("text", "raw", "units"), TRIPLETS)
def test_triplets_with_a_sure_aspect_become_units(
    tmp_path: Path, text: str, raw: str, units: list[tuple[str, str, str]]
) -> None:
    (comment,) = load(tmp_path, "triplets_local_life", {"text": text, "raw": raw})
    assert spans(comment) == units
    assert comment.touchpoints_known == {touchpoint for touchpoint, _, _ in units}


def test_car_subjects(tmp_path: Path) -> None:
    both, price, unclear = load(
        tmp_path,
        "subjects_car",
        {"text": "动力足，内饰丑", "subjects": {"动力": 1, "内饰": -1}},
        {"text": "价格高", "subjects": {"价格": -1}},
        {"text": "省油，多少钱", "subjects": {"油耗": 1, "价格": 0}},
    )
    assert both.labels("touchpoints") == {"product": "neutral"}
    assert both.touchpoints_known == {"product", "price"}
    assert price.labels("touchpoints") == {"price": "negative"}
    assert price.touchpoints_known == {"price"}
    assert unclear.labels("touchpoints") == {"product": "positive"}
    assert unclear.touchpoints_known == {"product"}


MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    # a label outside its set
    ("polarity", {"label": 2, "category": "衣服"}, "'label' is 2; allowed: 0, 1"),
    ("polarity", {"label": True, "category": "衣服"}, "'label' is True; allowed: 0, 1"),
    ("stars", {"stars": 5, "category": "car"}, "'category' is 'car'; allowed: app, local_life, hotel"),
    ("smp2020", {"emotion": "bored"}, "'emotion' is 'bored'; allowed: happy, angry"),
    (
        "aspects_restaurant",
        {"aspects": {"dish_taste": 3, "others_overall_experience": 1}},
        "'dish_taste' is 3",
    ),
    # something of another shape
    ("aspects_restaurant", {"aspects": [1]}, "'aspects' is [1]; it must be an object"),
    ("opinions_beauty", {"opinions": {}}, "'opinions' is {}; it must be a list"),
    ("opinions_beauty", {"opinions": ["好"]}, "'opinions' holds '好'; each must be an object"),
    ("subjects_car", {"subjects": {"音响": 1}}, "'subjects' is '音响'; allowed: 价格, 动力"),
    # triplets are read as data: nothing in them runs
    ("triplets_local_life", {"raw": "[((0, 1), (2,"}, "it must be a list such as"),
    ("triplets_local_life", {"raw": "__import__('os').getcwd()"}, "it must be a list such as"),
    ("triplets_local_life", {"raw": "[((0, 1), (2, 3))]"}, "it must be a list such as"),
    ("triplets_local_life", {"raw": "[((0, 1), (2, 3), 'BAD')]"}, "'raw' is 'BAD'; allowed: POS"),
]


@pytest.mark.parametrize(("name", "row", "message"), MALFORMED)
def test_refuses_a_malformed_row(tmp_path: Path, name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError) as caught:
        load(tmp_path, name, {"text": "很好", **row})
    assert message in str(caught.value)
    assert "line 1: " in str(caught.value)


def test_annotated_gives_train_and_dev_under_its_own_name(tmp_path: Path) -> None:
    put(
        tmp_path, "comments/train.jsonl", {"id": 1, "text": "好吃", "source": "waimai_10k", "licence": "none"}
    )
    put(tmp_path, "comments/dev.jsonl", {"id": 2, "text": "难吃"})
    assert [(one.id, one.source) for one in load_source("annotated", tmp_path, TAXONOMY)] == [
        ("1", "annotated")
    ]
    assert [one.id for one in load_source("annotated", tmp_path, TAXONOMY, split="dev")] == ["2"]


def test_reads_plain_and_compressed_files(tmp_path: Path) -> None:
    put(tmp_path / "plain", "public/chnsenticorp_train.jsonl", {"text": "好", "label": 1})
    put(tmp_path / "packed", "public/chnsenticorp_train.jsonl.xz", {"text": "好", "label": 1})
    plain, packed = (load_source("chnsenticorp", tmp_path / name, TAXONOMY) for name in ("plain", "packed"))
    assert plain == packed


def test_every_source_says_what_it_is_and_names_its_missing_file(tmp_path: Path) -> None:
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.origin
        assert source.licence
        assert source.labels
        if source.carried:
            continue
        with pytest.raises(CorpusError) as caught:
            load_source(name, tmp_path, TAXONOMY)
        assert str(tmp_path / source.files["train"][0]) in str(caught.value)
        assert "--corpora" in str(caught.value)
        with pytest.raises(CorpusError, match="--corpora"):
            load_source(name, None, TAXONOMY)


def test_no_source_reaches_a_test_file() -> None:
    for source in SOURCES.values():
        for split, files in source.files.items():
            assert split in {"train", "dev"}
            assert not any("test" in file for file in files)
            assert split == "train" or source.name == "annotated"


def test_refuses_an_unknown_source_or_split(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no source 'weibo'; there are annotated, starter"):
        load_source("weibo", tmp_path, TAXONOMY)
    with pytest.raises(CorpusError, match="the source 'stars' has no split 'dev'; it has train"):
        load_source("stars", tmp_path, TAXONOMY, split="dev")


BENCHMARKS: list[tuple[Benchmark, BenchmarkSplit, dict[str, Any], str]] = [
    ("smp2020_usual", "test", {"emotion": "angry"}, "angry"),
    ("smp2020_virus", "dev", {"emotion": "fear"}, "fear"),
    ("chnsenticorp", "train", {"label": 0}, "0"),
]


@pytest.mark.parametrize(("name", "split", "row", "label"), BENCHMARKS)
def test_benchmarks_keep_their_own_labels(
    tmp_path: Path, name: Benchmark, split: BenchmarkSplit, row: dict[str, Any], label: str
) -> None:
    put(tmp_path, f"public/{name}_{split}.jsonl.xz", {"text": "房间小", **row})
    assert read_benchmark(name, split, tmp_path) == [("房间小", label)]


def test_benchmarks_refuse_what_they_do_not_know(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"smp2020_usual_test\.jsonl: no such file.*--corpora"):
        read_benchmark("smp2020_usual", "test", tmp_path)
    put(tmp_path, "public/chnsenticorp_test.jsonl", {"text": "好", "label": 2})
    with pytest.raises(CorpusError, match="line 1: 'label' is '2'; allowed: 0, 1"):
        read_benchmark("chnsenticorp", "test", tmp_path)
    put(tmp_path, "public/chnsenticorp_dev.jsonl")
    with pytest.raises(CorpusError, match="holds no comments"):
        read_benchmark("chnsenticorp", "dev", tmp_path)
