"""A report as one HTML page that needs nothing else."""

from collections.abc import Iterable
from html import escape

from bncheck.report.screen import Line, Part, Screen, Table

NARROWEST = 110
"""Columns of a page; more where a table needs them. Sentences are folded there."""

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 2em; }}
pre {{ font: 14px/1.25 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.bold {{ font-weight: bold; }}
.dim {{ color: #767676; }}
.red {{ color: #cd3131; }}
.green {{ color: #22863a; }}
.yellow {{ color: #9a6700; }}
.magenta {{ color: #a348c4; }}
.cyan {{ color: #0e8a9c; }}
</style>
</head>
<body>
<pre>
{body}</pre>
</body>
</html>
"""
"""Each colour can be read on white and on nearly black."""


def page(title: str, parts: Iterable[Part]) -> str:
    """Return a page with parts that are laid out for a screen of unlimited width."""
    parts = list(parts)
    width = max(NARROWEST, *(part.width for part in parts if isinstance(part, Table)), 0)
    body = "".join(f"{_html(line)}\n" for line in Screen(width).lines(parts))
    return PAGE.format(title=escape(title), body=body)


def _html(line: Line) -> str:
    pieces = [
        f'<span class="{style}">{escape(text)}</span>' if style else escape(text)
        for text, style in line
    ]
    return "".join(pieces).rstrip()
