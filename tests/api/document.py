"""Takes the API reference apart: its code blocks, by heading."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from pathlib import Path

DOCUMENT = Path(__file__).with_name("enhanced-htp-api.md")

_FENCE = re.compile(r"^ *```(?P<language>\w+)?\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (?P<title>.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block; ``line`` is that of its first line in the document, ``title`` the heading above it."""

    language: str
    text: str
    line: int
    title: str

    def __str__(self) -> str:
        return f"line{self.line}-{re.sub(r'[^a-z]+', '-', self.title.lower()).strip('-')}"


def blocks(language: str) -> list[Block]:
    """All blocks of a language, in order."""
    document = DOCUMENT.read_text()
    found = []
    for match in _FENCE.finditer(document):
        headings = _HEADING.findall(re.sub(_FENCE, "", document[: match.start()]))
        line = document.count("\n", 0, match.start()) + 2
        found.append(Block(match["language"], textwrap.dedent(match["text"]), line, headings[-1]))
    return [block for block in found if block.language == language]
