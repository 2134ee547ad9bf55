"""The taxonomy: the shipped one, another organisation's, the round trips, and every refusal with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import TaxonomyError
from models.tags import EMOTIONS
from models.taxonomy import Taxonomy

JOURNEY = {
    "awareness": ["marketing"],
    "access": ["digital", "location"],
    "purchase": ["booking_waiting", "ordering_payment", "price"],
    "fulfilment": ["packaging", "delivery"],
    "use": ["environment", "staff", "product", "self_service"],
    "after_sales": ["support", "after_sales"],
    "loyalty": ["membership"],
}
NAMES = {
    "marketing": "宣传与口碑",
    "digital": "网站与App",
    "location": "位置与交通",
    "booking_waiting": "预订与等候",
    "ordering_payment": "下单与支付",
    "price": "价格与优惠",
    "environment": "环境与设施",
    "staff": "现场人员服务",
    "product": "产品与核心体验",
    "packaging": "包装",
    "delivery": "配送与物流",
    "support": "客服",
    "after_sales": "售后与投诉处理",
    "membership": "会员与权益",
    "self_service": "自助设备",
    "overall": "总体评价",
    "tangibles": "有形性",
    "reliability": "可靠性",
    "responsiveness": "响应性",
    "assurance": "保证性",
    "empathy": "移情性",
    "joy": "愉悦",
    "satisfaction": "满意",
    "gratitude": "感动感谢",
    "surprise": "惊喜",
    "disappointment": "失望",
    "frustration": "沮丧无奈",
    "anger": "愤怒",
    "anxiety": "担忧",
    "disgust": "厌恶",
    "neutral": "平静",
}

# A museum: its own stages, touchpoints and three dimensions, English names mostly left out, emotions renamed.
MUSEUM = """version: museum-1
name: 城市博物馆
stages:
  - {id: before, zh: 参观前}
  - {id: visit, zh: 参观中, en: Visit}
touchpoints:
  - id: tickets
    stage: before
    zh: 购票预约
    definition: {zh: 预约与购票。}
    examples: [约不上号]
  - id: exhibition
    stage: visit
    zh: 展览
    en: Exhibition
    definition:
      zh: 展品与陈列。
      en: Exhibits and display.
    not: {zh: 讲解不算。}
  - id: guide
    stage: visit
    zh: 讲解
    definition: {zh: 讲解员与导览器。}
overall: {id: overall, zh: 总评, definition: {zh: 笼统的评价。}}
dimensions:
  - {id: learning, zh: 收获, definition: {zh: 学到东西。}}
  - {id: comfort, zh: 舒适, definition: {zh: 舒服。}}
  - {id: care, zh: 关怀, definition: {zh: 关心人。}, source: 馆内标准}
emotions:
""" + "".join(
    f"  - {{id: {emotion}, zh: 情绪{emotion}, definition: {{zh: 说明}}}}\n" for emotion in reversed(EMOTIONS)
)


def refusal(text: str) -> str:
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.parse(text, "museum.yaml")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert MUSEUM.count(old) == 1, old
    return MUSEUM.replace(old, new)


def test_the_shipped_taxonomy_is_the_guideline() -> None:
    taxonomy = Taxonomy.load()
    stages = [stage.id for stage in taxonomy.stages]
    by_stage = {stage: [t.id for t in taxonomy.touchpoints if t.stage == stage] for stage in stages}
    assert taxonomy.version == "2026.1"
    assert list(by_stage.items()) == list(JOURNEY.items())
    assert list(taxonomy.touchpoint_ids) == [label for labels in JOURNEY.values() for label in labels]
    assert list(taxonomy.dimension_ids) == [
        "tangibles",
        "reliability",
        "responsiveness",
        "assurance",
        "empathy",
    ]
    assert tuple(emotion.id for emotion in taxonomy.emotions) == EMOTIONS
    assert {label: taxonomy.name_of(label) for label in NAMES} == NAMES
    assert [stage.name.zh for stage in taxonomy.stages] == [
        "认知",
        "到达",
        "购买",
        "交付",
        "使用",
        "售后",
        "忠诚",
    ]


def test_every_shipped_label_is_described_in_both_languages() -> None:
    taxonomy = Taxonomy.load()
    for label in (*taxonomy.touchpoints, taxonomy.overall, *taxonomy.dimensions, *taxonomy.emotions):
        assert label.name.zh != label.name.en, label.id
        assert label.definition.zh != label.definition.en, label.id
        assert label.examples, label.id
    for touchpoint in taxonomy.touchpoints:
        assert 3 <= len(touchpoint.examples) <= 6, touchpoint.id
        assert touchpoint.boundary is not None, touchpoint.id
    assert {dimension.source for dimension in taxonomy.dimensions} == {"Parasuraman, Zeithaml & Berry (1988)"}


def test_another_organisation_brings_its_own() -> None:
    museum = Taxonomy.parse(MUSEUM)
    assert museum.touchpoint_ids == ("tickets", "exhibition", "guide")
    assert museum.dimension_ids == ("learning", "comfort", "care")
    assert museum.touchpoint("exhibition").stage == "visit"
    assert museum.stage("visit").name.en == "Visit"
    assert museum.dimension("care").source == "馆内标准"
    # A missing English text is the Chinese one.
    assert museum.name_of("exhibition", "en") == "Exhibition"
    assert museum.name_of("tickets", "en") == "购票预约"
    assert museum.touchpoint("guide").definition.in_language("en") == "讲解员与导览器。"
    # Emotions are renamed, and stand in the product's order whatever the file's.
    assert tuple(emotion.id for emotion in museum.emotions) == EMOTIONS
    assert museum.name_of("joy") == "情绪joy"


@pytest.mark.parametrize("taxonomy", [Taxonomy.load(), Taxonomy.parse(MUSEUM)], ids=["shipped", "museum"])
def test_round_trips_keep_everything(taxonomy: Taxonomy, tmp_path: Path) -> None:
    path = tmp_path / "written.yaml"
    path.write_text(taxonomy.to_yaml(), encoding="utf-8-sig")
    assert Taxonomy.load(path) == taxonomy
    copy = Taxonomy.from_dict(json.loads(json.dumps(taxonomy.to_dict())))
    assert copy == taxonomy
    assert copy.fingerprint == taxonomy.fingerprint
    assert hash(copy) == hash(taxonomy)


def test_the_fingerprint_follows_the_content() -> None:
    museum = Taxonomy.parse(MUSEUM)
    reordered = Taxonomy.parse(changed("id: tickets\n    stage: before", "stage: before\n    id: tickets"))
    assert len(museum.fingerprint) == 64
    assert reordered.fingerprint == museum.fingerprint
    assert Taxonomy.parse(changed("约不上号", "约不到号")).fingerprint != museum.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        # Keys.
        ("name: 城市博物馆", "title: 城市博物馆", 2, "unknown key 'title'; allowed: version, name, stages,"),
        (
            "    zh: 讲解\n",
            "    zh: 讲解\n    exmples: [好]\n",
            23,
            "unknown key 'exmples'; did you mean 'examples'?",
        ),
        ("name: 城市博物馆\n", "", 1, "the key 'name' is missing; required: version, name, stages,"),
        ("    zh: 展览\n", "", 12, "touchpoints[1]: the key 'zh' is missing"),
        (
            "    zh: 展览\n",
            "    zh: 展览\n    zh: 陈列\n",
            15,
            "the key 'zh' is given twice (first in line 14)",
        ),
        ("    zh: 展览\n", "    zh: 展览\n    <<: {en: x}\n", 15, "unknown key '<<'"),
        ("name: 城市博物馆", "name: 城市博物馆\n? [a]\n: b", 3, "unknown key 'a list'"),
        # Wrong types.
        ("museum-1", "2026.1", 1, 'version: needs text; got the number 2026.1; write it in quotes: "2026.1"'),
        ("museum-1", "2026-01-31", 1, 'got the date 2026-01-31; write it in quotes: "2026-01-31"'),
        (
            "zh: 展览",
            "zh: yes",
            14,
            'touchpoints[1].zh: needs text; got the truth value yes; write it in quotes: "yes"',
        ),
        ("zh: 展览", "zh:", 14, "needs text; got nothing"),
        ("zh: 展览", "zh: [展览]", 14, "needs text; got a list"),
        ("zh: 展览", "zh: !!binary aGk=", 14, "needs text; got a value tagged tag:yaml.org,2002:binary"),
        (
            "zh: 展览",
            "zh: !!python/object:os.system ls",
            14,
            "got a value tagged tag:yaml.org,2002:python/object",
        ),
        (
            "examples: [约不上号]",
            "examples: 约不上号",
            11,
            "touchpoints[0].examples: needs a list; got the text 约不上号",
        ),
        (
            "definition: {zh: 预约与购票。}",
            "definition: 预约",
            10,
            "needs a mapping with the keys zh, en; got the text",
        ),
        # Texts.
        ("zh: 展览", 'zh: " "', 14, "the text is empty"),
        ("zh: 展览", 'zh: "展\\0览"', 14, "the text holds the control character U+0000"),
        ("zh: 展览", 'zh: "展\\uD800览"', 14, "the text holds the control character U+D800"),
        ("zh: 展览", f"zh: {'展' * 61}", 14, "the text has 61 characters; at most 60 are allowed"),
        ("museum-1", '"第一版"', 1, "the version '第一版' is not allowed; use 1 to 32 letters"),
        # Ids.
        ("id: guide", "id: Guide", 20, "the id 'Guide' is not allowed; use 1 to 40 lower-case letters"),
        ("id: guide", "id: 讲解", 20, "the id '讲解' is not allowed"),
        ("id: guide", f"id: {'g' * 41}", 20, "is not allowed"),
        ("id: guide", "id: tickets", 20, "the id 'tickets' is already used in line 7; ids are unique"),
        ("id: visit", "id: before", 5, "the id 'before' is already used in line 4"),
        ("id: care", "id: guide", 28, "the id 'guide' is already used in line 20"),
        ("id: guide", "id: joy", 20, "the id 'joy' is already used in line 39"),
        ("id: guide", "id: overall", 20, "the id 'overall' is reserved; choose another than overall, none"),
        ("id: care", "id: none", 28, "the id 'none' is reserved"),
        ("id: overall", "id: verdict", 24, "the id of the general verdict is 'overall'; got 'verdict'"),
        # Closed sets.
        (
            "stage: before",
            "stage: befor",
            8,
            "unknown stage 'befor'; did you mean 'before'? allowed: before, visit",
        ),
        ("stage: before", "stage: shop", 8, "unknown stage 'shop'; allowed: before, visit"),
        ("id: anger", "id: angry", 33, "unknown emotion 'angry'; did you mean 'anger'? allowed: joy,"),
        (
            "  - {id: joy, zh: 情绪joy, definition: {zh: 说明}}\n",
            "",
            30,
            "emotions: the emotions joy are missing; all 10",
        ),
        # Lists.
        ("examples: [约不上号]", "examples: []", 11, "the list is empty; give at least one entry"),
        (
            "examples: [约不上号]",
            f"examples: [{'好,' * 201}]",
            11,
            "the list has 201 entries; at most 200 are read",
        ),
        # YAML itself.
        ("zh: 展览", "zh: &name 展览", 14, "anchors (&) and aliases (*) are not allowed"),
        ("zh: 展览", "zh: *name", 14, "not valid YAML: found undefined alias"),
        ("zh: 展览", f"zh: {'[' * 5000}", 14, "nested deeper than 10 levels"),
        ("zh: 展览", f"zh: [{'x,' * 50_001}]", 14, "more than 50,000 values"),
        ("zh: 展览", "zh: 展览: 陈列", 14, "not valid YAML: mapping values are not allowed here"),
        ("zh: 展览", "\tzh: 展览", 14, "not valid YAML: found character '\\t' that cannot start any token"),
        ("zh: 展览", 'zh: "\\U00110000"', 14, "not valid YAML: chr() arg not in range"),
        ("zh: 展览", "zh: 展\x00览", 14, "holds the control character U+0000; remove it"),
        ("name: 城市博物馆", "---\nname: 城市博物馆", 2, "not valid YAML: but found another document"),
    ],
)
def test_a_refusal_names_the_line_and_what_is_allowed(old: str, new: str, line: int, says: str) -> None:
    message = refusal(changed(old, new))
    assert message.startswith(f"museum.yaml, line {line}: ")
    assert says in message


def test_an_unclosed_quote_names_where_it_opened() -> None:
    message = refusal(changed("name: 城市博物馆", 'name: "城市博物馆'))
    assert "not valid YAML" in message
    assert "from line 2)" in message


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]"
        for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert refusal("\n".join(levels)).startswith("museum.yaml, line 1: not valid YAML: anchors (&)")


@pytest.mark.parametrize("section", ["stages", "touchpoints", "dimensions"])
def test_a_section_has_at_most_200_entries(section: str) -> None:
    data = Taxonomy.parse(MUSEUM).to_dict()
    first = data[section][0]
    data[section] += [{**first, "id": f"more_{i}"} for i in range(200 - len(data[section]))]
    assert len(Taxonomy.from_dict(data).to_dict()[section]) == 200
    data[section].append({**first, "id": "one_too_many"})
    with pytest.raises(TaxonomyError, match=f"{section}: the list has 201 entries; at most 200 are read"):
        Taxonomy.from_dict(data)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (MUSEUM.encode("gb18030"), ", line 2: is not UTF-8; save the file as UTF-8"),
        (MUSEUM.encode() + b"\n" * 1_000_000, ": is larger than 1,000,000 bytes"),
        (b"", ": is empty; a taxonomy is a YAML mapping"),
        (b"# only a comment\n", ": is empty; a taxonomy is a YAML mapping"),
        (b"- a\n", ", line 1: needs a mapping with the keys version, name,"),
    ],
    ids=["GB18030", "too large", "empty", "comment only", "a list"],
)
def test_a_bad_file_is_refused_by_its_name(raw: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(raw)
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.load(path)
    assert str(caught.value).startswith(f"{path}{says}")


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"own\.yaml: cannot be read: No such file"):
        Taxonomy.load(tmp_path / "own.yaml")
    with pytest.raises(TaxonomyError, match="cannot be read: Is a directory"):
        Taxonomy.load(tmp_path)


def test_a_text_over_the_limit_is_refused() -> None:
    assert "at most 1,000,000 are read" in refusal("#" * 1_000_001)


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        # Data has no lines: the path says where.
        (
            {"version": 2026.1},
            'bundle: version: needs text; got the number 2026.1; write it in quotes: "2026.1"',
        ),
        ({"stages": [{"id": "before", "zh": "前"}]}, "bundle: touchpoints[1].stage: unknown stage 'visit'"),
        (
            {"stages": [{"id": "a", "zh": "前"}] * 2},
            "stages[1].id: the id 'a' is already used in stages[0].id",
        ),
        ({"extra": 1}, "bundle: unknown key 'extra'"),
        ({"name": b"x"}, "bundle: name: needs text; got a value tagged"),
        ({"name": object()}, "bundle: is not plain JSON data"),
        ({"name": nested(5000)}, "bundle: is not plain JSON data"),
    ],
)
def test_plain_data_is_checked_alike(change: dict[str, object], says: str) -> None:
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.from_dict({**Taxonomy.parse(MUSEUM).to_dict(), **change}, "bundle")
    assert says in str(caught.value)


def test_a_lookup_of_an_unknown_id_suggests_the_closest() -> None:
    taxonomy = Taxonomy.load()
    with pytest.raises(TaxonomyError, match="unknown touchpoint 'staf'; did you mean 'staff'"):
        taxonomy.touchpoint("staf")
    # The general verdict is no touchpoint.
    with pytest.raises(TaxonomyError, match="unknown touchpoint 'overall'"):
        taxonomy.touchpoint("overall")
    with pytest.raises(TaxonomyError, match="unknown label 'none'"):
        taxonomy.name_of("none")
    # A stage and a touchpoint may share an id: each lookup has its own.
    assert taxonomy.stage("after_sales").name.zh == "售后"
    assert taxonomy.name_of("after_sales") == "售后与投诉处理"


@settings(deadline=None)
@given(position=st.integers(0, len(MUSEUM)), junk=st.text(max_size=6), cut=st.integers(0, 6))
def test_a_damaged_file_is_read_or_refused_but_never_crashes(position: int, junk: str, cut: int) -> None:
    try:
        taxonomy = Taxonomy.parse(MUSEUM[:position] + junk + MUSEUM[position + cut :])
    except TaxonomyError:
        return
    assert Taxonomy.parse(taxonomy.to_yaml()) == taxonomy
