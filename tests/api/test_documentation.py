"""What the documentation says of the repository is so."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.document import DOCUMENT

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TABLE = (ROOT / "docs" / "compatibility.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[^`]+\.py)::(\w+)`", TABLE)))


@pytest.mark.parametrize(("path", "name"), TESTS, ids=lambda part: str(part))
def test_the_tests_of_the_compatibility_table_exist(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_a_test_and_a_section() -> None:
    headings = {
        re.sub(r"^[\d. ]+|[*]+", "", line).strip() for line in re.findall(r"^#+ (.*)$", DOCUMENT.read_text(), re.M)
    }
    headings = {re.sub(r"^\d+\. ", "", heading) for heading in headings}
    rows = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for _, sections, tests in rows:
        assert sections == "all" or {section.strip() for section in sections.split(",")} <= headings, sections
        assert re.fullmatch(r"(`tests/[^`]+\.py::\w+`(, )?)+", tests), tests


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_included_files_exist(page: Path) -> None:
    for included in re.findall(r'^--8<-- "(.*)"$', page.read_text(), re.M):
        assert (ROOT / included).is_file()


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    assert (tmp_path / "site" / "tutorial" / "index.html").is_file()


def test_every_example_is_shown() -> None:
    shown = {path for page in PAGES for path in re.findall(r'--8<-- "examples/(.*)"', page.read_text())}
    assert {path.name for path in (ROOT / "examples").glob("*.py")} - shown == {"batch.py"}
    assert "examples/batch.py" in (ROOT / "docs" / "batch.md").read_text()
