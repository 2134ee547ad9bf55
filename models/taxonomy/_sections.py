"""The sections of a taxonomy file, read field by field into entries."""

import re
from collections.abc import Sequence
from typing import Final, TypedDict

from models.tags import EMOTIONS
from models.taxonomy._fields import MAX_CHARS, Field, unknown
from models.taxonomy.entries import Dimension, Label, Stage, Touchpoint, Words

OVERALL: Final = "overall"
RESERVED: Final = (OVERALL, "none")
MAX_NAME_CHARS: Final = 60

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_ID_RULE: Final = "1 to 40 lower-case letters, digits or '_', a letter first"

_WORDS: Final = (("zh",), ("en",))
_REQUIRED: Final = ("id", "zh", "definition")
_OPTIONAL: Final = ("en", "not", "examples")


def stages(section: Field) -> tuple[Stage, ...]:
    """The stages; their ids are a namespace of their own."""
    used: dict[str, Field] = {}
    found = []
    for entry in section.elements():
        fields = entry.members(("id", "zh"), ("en",))
        found.append(Stage(id=_new_id(fields["id"], used), name=_words(fields, MAX_NAME_CHARS)))
    return tuple(found)


def touchpoints(section: Field, used: dict[str, Field], stage_ids: Sequence[str]) -> tuple[Touchpoint, ...]:
    """The touchpoints. `used` holds the label ids read so far and gains these."""
    found = []
    for entry in section.elements():
        fields = entry.members((*_REQUIRED, "stage"), _OPTIONAL)
        stage = fields["stage"].text()
        if stage not in stage_ids:
            raise fields["stage"].error(unknown("stage", stage, stage_ids))
        found.append(Touchpoint(stage=stage, **_label(fields, _new_id(fields["id"], used))))
    return tuple(found)


def dimensions(section: Field, used: dict[str, Field]) -> tuple[Dimension, ...]:
    """The dimensions of service quality. `used` holds the label ids read so far and gains these."""
    found = []
    for entry in section.elements():
        fields = entry.members(_REQUIRED, (*_OPTIONAL, "source"))
        source = fields["source"].text() if "source" in fields else None
        found.append(Dimension(source=source, **_label(fields, _new_id(fields["id"], used))))
    return tuple(found)


def emotions(section: Field, used: dict[str, Field]) -> tuple[Label, ...]:
    """The fixed emotions under the file's names, in the product's order. `used` gains their ids."""
    found: dict[str, Label] = {}
    for entry in section.elements():
        fields = entry.members(_REQUIRED, _OPTIONAL)
        label_id = _new_id(fields["id"], used)
        if label_id not in EMOTIONS:
            problem = unknown("emotion", label_id, EMOTIONS)
            raise fields["id"].error(f"{problem}; emotions can be renamed, not added")
        found[label_id] = Label(**_label(fields, label_id))
    missing = [emotion for emotion in EMOTIONS if emotion not in found]
    if missing:
        problem = f"the emotions {', '.join(missing)} are missing"
        raise section.error(f"{problem}; all {len(EMOTIONS)} are required, under any name")
    return tuple(found[emotion] for emotion in EMOTIONS)


def overall(section: Field) -> Label:
    """The label of a general verdict."""
    fields = section.members(_REQUIRED, _OPTIONAL)
    label_id = fields["id"].text()
    if label_id != OVERALL:
        raise fields["id"].error(f"the id of the general verdict is '{OVERALL}'; got '{label_id[:60]}'")
    return Label(**_label(fields, label_id))


class _Common(TypedDict):
    id: str
    name: Words
    definition: Words
    boundary: Words | None
    examples: tuple[str, ...]


def _label(fields: dict[str, Field], label_id: str) -> _Common:
    boundary = fields.get("not")
    examples = fields["examples"].elements() if "examples" in fields else []
    return {
        "id": label_id,
        "name": _words(fields, MAX_NAME_CHARS),
        "definition": _words(fields["definition"].members(*_WORDS)),
        "boundary": None if boundary is None else _words(boundary.members(*_WORDS)),
        "examples": tuple(example.text() for example in examples),
    }


def _words(fields: dict[str, Field], max_chars: int = MAX_CHARS) -> Words:
    zh = fields["zh"].text(max_chars)
    return Words(zh=zh, en=fields["en"].text(max_chars) if "en" in fields else zh)


def _new_id(field: Field, used: dict[str, Field]) -> str:
    value = field.text()
    if not _ID.fullmatch(value):
        raise field.error(f"the id '{value[:60]}' is not allowed; use {_ID_RULE}")
    if value in RESERVED:
        raise field.error(f"the id '{value}' is reserved; choose another than {', '.join(RESERVED)}")
    if value in used:
        raise field.error(f"the id '{value}' is already used in {used[value].place}; ids are unique")
    used[value] = field
    return value
