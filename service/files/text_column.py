"""Which column holds the comments, guessed from the names that people give it."""

from collections.abc import Sequence
from typing import Final

from service.errors import TextColumnError
from service.files.rows import Say

# fmt: off
USUAL_NAMES: Final = frozenset(
    {
        "text", "comment", "comments", "content", "review", "reviews", "feedback", "opinion", "verbatim",
        "comment_text", "review_text", "feedback_text", "comment_content", "review_content", "review_body",
        "评论", "评论内容", "评论文本", "评论正文", "评价", "评价内容", "评价文本", "点评", "点评内容",
        "内容", "正文", "文本", "反馈", "反馈内容", "留言", "留言内容", "意见", "意见内容", "意见建议",
        "投诉内容", "顾客评论", "顾客评价", "顾客反馈", "顾客意见", "客户评论", "客户评价", "客户反馈",
        "客户意见", "用户评论", "用户评价", "用户反馈", "买家评论", "买家评价", "評論", "評論內容", "評價",
        "評價內容", "內容", "留言內容", "意見",
    }
)
# fmt: on
"""Names taken for the comments without asking; compared without case, and with `-` and spaces as `_`."""

_LISTED: Final = 30


def is_usual(name: str) -> bool:
    """Whether a column of this name is taken for the comments."""
    return "_".join(name.strip().casefold().replace("-", " ").split()) in USUAL_NAMES


def choose_text_column(names: Sequence[str], wanted: str | None, *, source: str, say: Say) -> str:
    """The column of the comments: `wanted` if given, else the only one with a usual name.

    Says what it guessed. Raises TextColumnError, with the columns, if `wanted` is not there, or if none or
    several have a usual name.
    """
    if wanted is not None:
        if wanted not in names:
            raise TextColumnError(f"{source} has no column {wanted!r}; its columns are: {_listed(names)}")
        return wanted
    usual = [name for name in names if is_usual(name)]
    if len(usual) == 1:
        say(f"comments are in the column {usual[0]!r} (another one: --text-column NAME)")
        return usual[0]
    if usual:
        raise TextColumnError(
            f"{source} has {len(usual)} columns that may hold the comments: {_listed(usual)}; "
            "name the right one: --text-column NAME"
        )
    raise TextColumnError(
        f"{source} has no column with a usual name for comments (text, comment, review, 评论, 内容 ...); "
        f"its columns are: {_listed(names)}; name the right one: --text-column NAME; "
        "if the file has no header and holds one comment a line: --format txt"
    )


def unique_names(names: Sequence[str]) -> list[str]:
    """Column names made fit to be keys: an empty one becomes `column_3`, a second `a` becomes `a_2`."""
    out: list[str] = []
    for position, name in enumerate(names, 1):
        base = name.strip() or f"column_{position}"
        candidate, count = base, 1
        while candidate in out:
            count += 1
            candidate = f"{base}_{count}"
        out.append(candidate)
    return out


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_LISTED])
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown or "(none)"
