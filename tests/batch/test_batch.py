"""Many exports at once: what fails stops nobody, what is done is not done again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import modelexport
from modelexport import batch_export
from modelexport.batch.jobs import jobs_of
from modelexport.cli import main as command
from tests.api.running import assert_same, checked, run
from tests.batch.models import Crashing, Endless, Good, Greedy, Killed, Raising

X = torch.randn(2, 4)


def config(folder: Path, name: str, model: nn.Module, **keys: Any) -> dict[str, Any]:
    return {"model": model, "inputs": X, "output_path": folder / f"{name}.onnx", **keys}


def errors(report: dict[str, Any]) -> dict[str, str | None]:
    return {entry["name"]: entry["error"] for entry in report["jobs"]}


def statuses(report: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["status"] for entry in report["jobs"]}


class Cells(HTMLParser):
    """The texts of a page's table cells, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, _: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        self._in_cell = self._in_cell or tag == "td"

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def test_what_fails_stops_nobody(tmp_path: Path) -> None:
    good = Good()
    report = batch_export(
        [
            config(tmp_path, "raising", Raising()),
            config(tmp_path, "crashing", Crashing()),
            config(tmp_path, "killed", Killed()),
            config(tmp_path, "endless", Endless(), timeout_s=15),
            config(tmp_path / "made", "good", good, config={"opset_version": 17}),
            config(tmp_path, "unknown", good, config={"opset": 17}),
            config(tmp_path, "local", type("Local", (nn.Module,), {})()),
        ],
        folder=tmp_path / "batch",
    )
    said = errors(report)
    assert said.pop("good") is None
    assert "ArithmeticError: no such luck" in said.pop("raising")  # type: ignore[operator]
    assert said.pop("crashing") == "its process was ended by SIGSEGV"
    assert said.pop("killed") == "its process was killed (SIGKILL), as the kernel does when memory runs out"
    assert said.pop("endless") == "took longer than 15 s"
    assert "unexpected keyword 'opset'" in said.pop("unknown")  # type: ignore[operator]
    assert "cannot be sent to a process of its own" in said.pop("local")  # type: ignore[operator]
    assert not said
    assert report["summary"] == {"jobs": 7, "done": 1, "kept": 0, "failed": 6}

    made = tmp_path / "made" / "good.onnx"
    assert checked(made).opset_import[0].version == 17
    assert_same(run(made, {"x": X}), good(X))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch", "made"]
    entry = next(entry for entry in report["jobs"] if entry["name"] == "good")
    assert entry["total_operations"] == entry["tagged_operations"] == len(checked(made).graph.node)
    assert entry["file_bytes"] == made.stat().st_size
    assert entry["memory_peak_mb"] > 50

    assert json.loads((tmp_path / "batch" / "report.json").read_text()) == report
    rows = Cells((tmp_path / "batch" / "report.html").read_text()).rows[1:]
    assert {row[0]: row[1] for row in rows} == statuses(report)
    assert all(entry["error"] in row for entry in report["jobs"] for row in rows if row[0] == entry["name"] != "good")
    assert "ArithmeticError" in Path(report["jobs"][0]["log"]).read_text()


def test_named_models_and_what_is_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A jobs file; finished jobs run again only when their model, description or output has changed."""
    module = Good()
    torch.export.save(torch.export.export(module, (X,)), tmp_path / "net.pt2")
    (tmp_path / "model.py").write_text(
        "import torch\nmodel = torch.nn.Linear(4, 4)\nexample_inputs = torch.ones(2, 4)\n"
    )
    entry = {"model": "model.py", "output_path": "a/net.onnx", "config": {"output_names": ["y"]}}
    other = {"model": "net.pt2", "output_path": "b/net.onnx"}
    missing = {"model": "missing.pt2", "output_path": "missing.onnx"}
    jobs = tmp_path / "jobs.json"
    jobs.write_text(json.dumps({"defaults": {"timeout_s": 200}, "jobs": [entry, other, missing]}))
    assert command(["batch", str(jobs)]) == 1
    report = json.loads((tmp_path / "jobs_batch" / "report.json").read_text())
    assert statuses(report) == {"a/net": "done", "b/net": "done", "missing": "failed"}
    error = str(errors(report)["missing"])
    assert "missing.pt2" in error
    page = tmp_path / "jobs_batch" / "report.html"
    assert capfd.readouterr().out == f"failed: missing: {error}\n3 jobs: 2 done, 0 kept, 1 failed; {page}\n"
    assert list(run(tmp_path / "a" / "net.onnx", {"input": X})) == ["y"]
    assert_same(run(tmp_path / "b" / "net.onnx", {"x": X}), module(X))

    before = (tmp_path / "b" / "net.onnx").stat().st_mtime_ns
    (tmp_path / "a" / "net.onnx").write_bytes(b"changed")
    report = batch_export(jobs)
    assert statuses(report) == {"a/net": "done", "b/net": "kept", "missing": "failed"}
    assert report["jobs"][1]["total_operations"] > 0
    assert (tmp_path / "b" / "net.onnx").stat().st_mtime_ns == before
    jobs.write_text(json.dumps({"jobs": [other | {"name": "b/net"}]}))
    assert statuses(batch_export(jobs, resume=False)) == {"b/net": "done"}


def test_what_makes_a_job_another(tmp_path: Path) -> None:
    module, source, settings = Good(), tmp_path / "net.pt2", tmp_path / "config.json"
    source.touch()
    settings.touch()

    def digest(**keys: Any) -> str:
        return jobs_of([{"model": source, "output_path": "net.onnx"} | keys])[0].digest()

    first = {"model": module, "inputs": X}
    seen = [digest(), digest(config=settings), digest(strategy="auto"), digest(inputs="x=2"), digest(**first)]
    settings.write_text("{}")
    source.write_text("changed")
    seen += [digest(), digest(config=settings)]
    assert digest(**first) == seen[4]
    with torch.no_grad():
        module.linear.weight[0, 0] += 1
    seen.append(digest(**first))
    assert len(set(seen)) == len(seen)


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    """The batch is killed when one of two jobs is done; the next run does the other."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from modelexport import batch_export\n"
        "from tests.batch.models import Good\n"
        "folder = Path(sys.argv[1])\n"
        "if __name__ == '__main__':\n"
        "    torch.manual_seed(0)\n"
        "    names = {'first': 0, 'second': float(sys.argv[2])}\n"
        "    configs = [{'model': Good(folder / f'{name}.seen', seconds), 'inputs': torch.ones(2, 4),\n"
        "        'output_path': folder / f'{name}.onnx', 'name': name} for name, seconds in names.items()]\n"
        "    report = batch_export(configs, folder=folder / 'batch', processes=1)\n"
        "    print([entry['status'] for entry in report['jobs']])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    def start(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), str(tmp_path), str(seconds)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    with start(3600) as process:
        seen = tmp_path / "second.seen"
        wait_for(seen.exists)
        worker = int(seen.read_text().split()[0])
        process.send_signal(signal.SIGKILL)
    # What the batch had started ends with it.
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert (tmp_path / "first.onnx").exists()
    with (tmp_path / "batch" / "journal.jsonl").open("a") as journal:
        journal.write('{"name": "second", "dig')  # as a line that was being written
    with start(0) as process:
        assert process.communicate()[0] == "['kept', 'done']\n"
    assert (tmp_path / "second.onnx").exists()


def wait_for(holds: Any) -> None:
    deadline = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_models_of_the_script_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of the main script is found by importing it, as multiprocessing does."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, torch\n"
        "from modelexport import batch_export\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x + 1\n"
        "if __name__ == '__main__':\n"
        "    report = batch_export([{'model': Net(), 'inputs': torch.ones(2), 'output_path': sys.argv[1]}])\n"
        "    print(report['jobs'][0]['error'])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    command = [sys.executable, str(script), str(tmp_path / "net.onnx")]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "None\n"
    assert_same(run(tmp_path / "net.onnx", {"x": torch.ones(2)}), torch.full((2,), 2.0))
    monkeypatch.setenv("MODELEXPORT_BATCH_WORKER", "1")
    with pytest.raises(modelexport.InvalidInputError, match="call it below `if __name__ == '__main__':`"):
        batch_export([GOOD_ENTRY])


def test_memory_budget(tmp_path: Path) -> None:
    """Two that do not fit beside each other take turns; one that does not fit at all fails."""
    configs = [config(tmp_path, name, Greedy()) for name in ("one", "two")]
    report = batch_export(configs, processes=2, memory_mb=1800)
    assert statuses(report) == {"one": "done", "two": "done"}
    assert all(1024 < entry["memory_peak_mb"] < 1800 for entry in report["jobs"])
    report = batch_export(configs[:1], memory_mb=900)
    assert errors(report) == {"one": "needs more than the 900 MB of the memory budget"}


GOOD_ENTRY = {"model": "net.pt2", "output_path": "net.onnx"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[\n {"model": "a.pt2", "output_path": "net.onnx"},\n {"model": "b.pt2",\n  "output_path": "./net.onnx"}]',
            r"jobs.json: job 2, line 3: would write .*net.onnx, which job 1, line 2 writes too",
        ),
        (
            '[{"model": "a.pt2", "output_path": "net.onnx"},\n {"model": "b.pt2", "output_path": "net.onnx.data"}]',
            r"job 2, line 2: would write .*net.onnx.data, which job 1, line 1 writes too",
        ),
        (
            '[\n {"model": "a.pt2", "output": "x"}]',
            r"job 1, line 2: there is no key 'output'; did you mean output_path",
        ),
        ('{"job": []}', r"jobs.json: there is no key 'job'; did you mean jobs\?"),
        ('{"jobs": []}', r"jobs.json: there are no jobs"),
        ('{"jobs": {}}', r"jobs.json: jobs must be a list"),
        ("[1]", r"job 1: must be an object with the keys model and output_path, not 1"),
        ('[{"output_path": "x"}]', r"job 1, line 1: has no model"),
        ('[{"model": 1, "output_path": "x"}]', r"job 1, line 1: model must be a string, not 1"),
        ('[{"model": "a", "output_path": "x", "inputs": {}}]', r"the inputs of a model that is named are text"),
        ('[{"model": "a", "output_path": "x", "memory_mb": true}]', r"line 1: memory_mb cannot be True"),
        ('[{"model": "a", "output_path": "x", "timeout_s": 0}]', r"line 1: timeout_s cannot be 0"),
        ('[{"model": "a", "output_path": "x", "strategy": "best"}]', r"strategy must be one of htp, usage_based, auto"),
        (
            '[{"model": "a", "output_path": "x", "name": "n"}, {"model": "a", "output_path": "y", "name": "n"}]',
            r"job 2, line 1: has the name 'n', which job 1, line 1 has too",
        ),
        ('[{"model": "a", "model": "b", "output_path": "x"}]', r"an object has the key 'model' twice"),
        ("[{]", r"jobs.json: not JSON that can be read: .*line 1 column 3"),
        ("[" * 100_000, r"jobs.json: not JSON that can be read"),
    ],
)
def test_jobs_that_make_no_sense(text: str, message: str, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs.json"
    jobs.write_text(text)
    with pytest.raises(modelexport.InvalidInputError, match=message):
        batch_export(jobs)
    assert list(tmp_path.iterdir()) == [jobs]


def test_arguments_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(modelexport.OutputError, match=r"missing\.json: the jobs cannot be read: No such file"):
        batch_export(tmp_path / "missing.json")
    with pytest.raises(modelexport.InvalidInputError, match="processes must be a positive number, not 0"):
        batch_export([GOOD_ENTRY], processes=0)
    with pytest.raises(modelexport.InvalidInputError, match=r"job 2: would write .*net.onnx, which job 1 writes too"):
        batch_export([GOOD_ENTRY, GOOD_ENTRY])
    (tmp_path / "file").touch()
    with pytest.raises(modelexport.OutputError, match=r"cannot write .*file"):
        batch_export([GOOD_ENTRY], folder=tmp_path / "file")
