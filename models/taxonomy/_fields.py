"""Strict reading of YAML text, or of plain JSON data, as fields that know where they stand.

YAML is composed to nodes only: no object is ever constructed from a tag. Anchors, aliases and deep
nesting are refused while the text is read, so that a small file cannot grow in memory.
"""

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import yaml

from models.errors import TaxonomyError

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 10
MAX_NODES: Final = 50_000
MAX_ENTRIES: Final = 200
MAX_CHARS: Final = 1_000

_KINDS: Final = {
    "tag:yaml.org,2002:bool": "the truth value",
    "tag:yaml.org,2002:float": "the number",
    "tag:yaml.org,2002:int": "the number",
    "tag:yaml.org,2002:timestamp": "the date",
}
_NULL: Final = "tag:yaml.org,2002:null"
_TEXT: Final = "tag:yaml.org,2002:str"
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAX_SHOWN: Final = 60


class _Loader(yaml.SafeLoader):
    """Composes at most `MAX_NODES` nodes, `MAX_DEPTH` deep; refuses anchors and aliases."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth == MAX_DEPTH:
            raise _refusal(f"nested deeper than {MAX_DEPTH} levels", parent)
        if self.nodes == MAX_NODES:
            raise _refusal(f"more than {MAX_NODES:,} values", parent)
        self.nodes += 1
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if self.anchors:
            anchored = next(iter(self.anchors.values()))
            raise _refusal("anchors (&) and aliases (*) are not allowed; write the value out", anchored)
        return node


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the file: its node, the file's name, and its path such as `touchpoints[2].stage`."""

    node: yaml.Node
    source: str
    path: str = ""

    @property
    def line(self) -> int | None:
        """Line of the value, from 1; None for plain data, which has no lines."""
        return _line(self.node)

    @property
    def place(self) -> str:
        """How another message points here."""
        return self.path if self.line is None else f"line {self.line}"

    def error(self, message: str, *, at: yaml.Node | None = None) -> TaxonomyError:
        """The error to raise for this field, or for the key `at` inside it."""
        line = _line(at or self.node)
        where = "" if line is None else f", line {line}"
        path = f"{self.path}: " if self.path else ""
        return TaxonomyError(f"{self.source}{where}: {path}{message}")

    def members(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, "Field"]:
        """The fields of a mapping by key. Raises on an unknown, repeated or missing key."""
        allowed = required + optional
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"needs a mapping with the keys {', '.join(allowed)}; got {_shown(self.node)}")
        found: dict[str, Field] = {}
        lines: dict[str, int | None] = {}
        for key, value in self.node.value:
            name = key.value
            if key.tag != _TEXT or not isinstance(name, str) or name not in allowed:
                came = name if isinstance(name, str) else _shown(key)
                raise self.error(unknown("key", came, allowed), at=key)
            if name in found:
                first = f" (first in line {lines[name]})" if lines[name] else ""
                raise self.error(f"the key '{name}' is given twice{first}; keep one", at=key)
            found[name] = Field(value, self.source, f"{self.path}.{name}" if self.path else name)
            lines[name] = _line(key)
        missing = [name for name in required if name not in found]
        if missing:
            raise self.error(f"the key '{missing[0]}' is missing; required: {', '.join(required)}")
        return found

    def elements(self) -> list["Field"]:
        """The fields of a list of 1 to `MAX_ENTRIES` entries."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"needs a list; got {_shown(self.node)}")
        nodes = self.node.value
        if not nodes:
            raise self.error("the list is empty; give at least one entry")
        if len(nodes) > MAX_ENTRIES:
            raise self.error(f"the list has {len(nodes)} entries; at most {MAX_ENTRIES} are read")
        return [Field(node, self.source, f"{self.path}[{index}]") for index, node in enumerate(nodes)]

    def text(self, max_chars: int = MAX_CHARS) -> str:
        """The text of 1 to `max_chars` characters on one line: white space inside becomes one blank."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag not in (_TEXT, *_KINDS):
            raise self.error(f"needs text; got {_shown(self.node)}")
        raw: str = self.node.value
        if self.node.tag in _KINDS:
            raise self.error(f'needs text; got {_shown(self.node)}; write it in quotes: "{raw[:_MAX_SHOWN]}"')
        value = " ".join(raw.split())
        if not value:
            raise self.error("the text is empty")
        if unsafe := _UNSAFE.search(value):
            raise self.error(f"the text holds the control character U+{ord(unsafe[0]):04X}; remove it")
        if len(value) > max_chars:
            raise self.error(f"the text has {len(value)} characters; at most {max_chars} are allowed")
        return value


def compose(text: str, source: str) -> Field:
    """The root of a YAML text. Raises TaxonomyError, with the line, on anything but one plain document."""
    if len(text) > MAX_BYTES:
        raise TaxonomyError(f"{source}: has {len(text):,} characters; at most {MAX_BYTES:,} are read")
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"holds the control character U+{ord(text[error.position]):04X}; remove it"
        raise TaxonomyError(f"{source}, line {line}: {problem}") from error
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, source) from error
    except (ValueError, OverflowError) as error:  # an escape or a %YAML directive with an impossible number
        line = loader.get_mark().line + 1
        raise TaxonomyError(f"{source}, line {line}: not valid YAML: {error}") from error
    if node is None:
        raise TaxonomyError(f"{source}: is empty; a taxonomy is a YAML mapping")
    return Field(node, source)


def represent(data: object, source: str) -> Field:
    """The root of plain JSON data, for the same checks; such fields have a path and no line."""
    representer = yaml.representer.SafeRepresenter(sort_keys=False)
    try:
        return Field(representer.represent_data(data), source)
    except (yaml.YAMLError, RecursionError) as error:
        raise TaxonomyError(f"{source}: is not plain JSON data of a taxonomy: {error}") from error


def decode(raw: bytes, source: str) -> str:
    """The text of a UTF-8 file of at most `MAX_BYTES`, with or without a byte order mark."""
    if len(raw) > MAX_BYTES:
        raise TaxonomyError(f"{source}: is larger than {MAX_BYTES:,} bytes; a taxonomy is a small file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TaxonomyError(f"{source}, line {line}: is not UTF-8; save the file as UTF-8") from error


def unknown(what: str, came: str, allowed: Collection[str]) -> str:
    """The message for a value outside a closed set, with the closest allowed one."""
    close = difflib.get_close_matches(came[:_MAX_SHOWN], allowed, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"unknown {what} '{came[:_MAX_SHOWN]}'{hint} allowed: {', '.join(allowed)}"


def _line(node: yaml.Node) -> int | None:
    mark = node.start_mark
    return None if mark is None else int(mark.line) + 1


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == _NULL:
        return "nothing"
    kind = _KINDS.get(node.tag, "the text" if node.tag == _TEXT else f"a value tagged {node.tag}")
    return f"{kind} {node.value[:_MAX_SHOWN]}".rstrip()


def _refusal(problem: str, node: yaml.Node | None) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=None if node is None else node.start_mark)


def _syntax_error(error: yaml.MarkedYAMLError, source: str) -> TaxonomyError:
    mark = error.problem_mark or error.context_mark
    where = "" if mark is None else f", line {mark.line + 1}"
    context = f" ({error.context}" if error.context else ""
    if context and error.context_mark is not None:
        context += f" from line {error.context_mark.line + 1}"
    return TaxonomyError(f"{source}{where}: not valid YAML: {error.problem}{context and context + ')'}")
