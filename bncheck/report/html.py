"""A report as one HTML page that needs nothing else."""

import io
from collections.abc import Iterable
from html import escape
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from bncheck.report.screen import Screen

NARROWEST = 110
"""Columns of a page; more where a table needs them."""

THEME = TerminalTheme(
    (255, 255, 255),
    (0, 0, 0),
    [
        (118, 118, 118),
        (205, 49, 49),
        (34, 134, 58),
        (154, 103, 0),
        (42, 110, 210),
        (163, 72, 196),
        (14, 138, 156),
        (118, 118, 118),
    ],
)
"""The colours of a terminal, each so that it can be read on white and on nearly black."""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>@title</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2em; }}
pre {{ font: 14px/1.25 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
{stylesheet}
</style>
</head>
<body>
<pre>{code}</pre>
</body>
</html>
"""


def page(title: str, parts: Iterable[Any]) -> str:
    """A page with rich's objects one below the other.

    Parameters
    ----------
    title
        Of the page.
    parts
        Laid out for a screen of unlimited width. Tables and pictures keep their lines; sentences
        are folded.
    """
    parts = list(parts)
    console = Console(
        file=io.StringIO(),
        record=True,
        width=max(NARROWEST, *(_width(part) for part in parts)),
        force_terminal=True,
        color_system="standard",
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part, soft_wrap=False)
    body = console.export_html(theme=THEME, code_format=PAGE)
    lines = (line.rstrip() for line in body.splitlines())
    return "\n".join([*lines, ""]).replace("@title", escape(title), 1)


def _width(part: Any) -> int:
    """How many columns a part must have; a sentence has no such number."""
    if isinstance(part, Text):
        return 0
    return max(map(len, Screen().text(part).splitlines()), default=0)
