"""A picture of a terminal with the README's failing check. `python -m tests.readme` renews it."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

SCREENSHOT = Path(__file__).parent / "golden" / "failing_check.svg"
COMMAND = "bncheck gradcheck sample_data/wine.csv --layer my_batchnorm.py"

WIDTH = 96
"""In columns: more would be hard to read on a page."""

LINE, COLUMN = 24.4, 12.2
"""Height of a line and width of a column in rich's SVG."""

THEME = TerminalTheme(
    (253, 253, 253),
    (36, 41, 46),
    [
        (36, 41, 46),
        (205, 49, 49),
        (34, 134, 58),
        (154, 103, 0),
        (42, 110, 210),
        (163, 72, 196),
        (14, 138, 156),
        (118, 118, 118),
    ],
)

SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#fdfdfd" stroke="#d0d7de"/>
<g transform="translate(14, 10)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def on_a_terminal(command: str, folder: str | Path, environment: dict[str, str]) -> str:
    """What a command shows on a terminal of this width, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    process = subprocess.Popen(
        command.split(),
        cwd=folder,
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    process.wait(timeout=60)
    return shown.decode().replace("\r\n", "\n")


def svg(command: str, shown: str) -> str:
    """The picture."""
    text = Text.assemble((f"$ {command}\n", "bold"), Text.from_ansi(shown.rstrip("\n")))
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True)
    console.print(text)
    height = round(LINE * (len(text.plain.splitlines()) + 1))
    width = round(COLUMN * WIDTH + 28)
    code = SVG.replace("{height}", str(height)).replace("{width}", str(width))
    picture = console.export_svg(theme=THEME, code_format=code, unique_id="t")
    without_blanks = re.sub(r"<text [^>]*>(&#160;|\n)*</text>", "", picture)
    return re.sub(r' clip-path="[^"]*"', "", without_blanks)


def lines_of(picture: str) -> str:
    """The text in a picture, line by line."""
    lines: dict[float, str] = {}
    for x, y, text in re.findall(r'<text [^>]* x="([^"]*)" y="([^"]*)"[^>]*>([^<]*)<', picture):
        line = lines.get(float(y), "").ljust(round(float(x) / COLUMN))
        lines[float(y)] = line + unescape(text).replace("\xa0", " ")
    return "".join(f"{lines[y].rstrip()}\n" for y in sorted(lines))
