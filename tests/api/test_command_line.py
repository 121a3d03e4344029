"""``modelexport export`` with what needs Python: how a model is named, settings, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from modelexport.cli import main
from tests.api.models import Net
from tests.api.running import assert_same, checked, input_dims, run

WORDS = """
import torch
from torch import nn

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(100, 8)
        self.head = nn.Linear(8, 2)
    def forward(self, input_ids, scale=None):
        x = self.embedding(input_ids).mean(1)
        return self.head(x if scale is None else x * scale)
"""
INPUTS = "example_inputs = torch.zeros(2, 5, dtype=torch.int64)\n"

UNCAPTURABLE = """
import torch
class Shy(torch.nn.Module):
    def forward(self, x):
        if torch.compiler.is_exporting():
            raise RuntimeError("not to be exported")
        return x * 2
model = Shy()
example_inputs = torch.ones(2)
"""
ALTERNATING = """
import torch
class Alternating(torch.nn.Module):
    calls = 0
    def forward(self, x):
        self.calls += 1
        return x * self.calls
model = Alternating()
example_inputs = torch.ones(2)
"""
SLEEPING = """
import time, torch
class Sleeping(torch.nn.Module):
    def forward(self, x):
        print("asleep", flush=True)
        time.sleep(60)
        return x
model = Sleeping()
example_inputs = torch.ones(2)
"""

Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    """Runs a command in a folder of its own; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    yield call
    for name in set(sys.modules) - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def assert_exports(shell: Shell, *arguments: str) -> None:
    code, _, err = shell("export", *arguments)
    assert code == 0, err
    checked(Path(arguments[1]))


def assert_refused(shell: Shell, message: str, *arguments: str, code: int = 3) -> str:
    """The last line of standard error is the error; what stands before it is returned. No file appears."""
    before = sorted(Path().iterdir())
    actual, out, err = shell(*arguments)
    assert (actual, out) == (code, ""), err
    *earlier, last = err.rstrip("\n").split("\n")
    assert last == f"modelexport: error: {message}"
    assert [path for path in sorted(Path().iterdir()) if path.name != "__pycache__"] == before
    return "\n".join(earlier)


# ---- how a model is named ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "options"),
    [
        (f"{WORDS}model = Words()\n{INPUTS}", []),
        (f"{WORDS}def get_model(): return Words()\ndef get_inputs(): return (torch.zeros(2, 5).long(),)\n", []),
        (f"{WORDS}{INPUTS}", ["--model-class", "Words"]),
        (f"{WORDS}model = Words()\n", ["--inputs", "input_ids=int64[2,5]"]),
        (f"{WORDS}model = Words()\n", ["--inputs", "int64[2,5]"]),
        (f"from part import Words, torch\nmodel = Words()\n{INPUTS}", []),
    ],
    ids=["names", "functions", "class", "inputs", "unnamed-inputs", "neighbour"],
)
def test_python_file(code: str, options: list[str], shell: Shell) -> None:
    Path("part.py").write_text(WORDS)
    Path("model.py").write_text(code)
    assert_exports(shell, "model.py", "out.onnx", *options)
    scope: dict[str, type[nn.Module]] = {}
    exec(WORDS, scope)
    words = torch.randint(0, 100, (2, 5))
    assert_same(run(Path("out.onnx"), {"input_ids": words}), scope["Words"]()(words))


def test_package_attribute(shell: Shell) -> None:
    Path("shop").mkdir()
    Path("shop/nets.py").write_text(f"{WORDS}small = Words()\nclass store:\n    net = Words()\n{INPUTS}")
    assert_exports(shell, "shop.nets:small", "small.onnx")
    assert_exports(shell, "shop.nets:store.net", "net.onnx")
    assert_exports(shell, "shop.nets:Words", "made.onnx")
    assert_refused(shell, "shop.nets:large has no 'large'", "export", "shop.nets:large", "out.onnx")
    assert_refused(shell, "shop.none:x: there is no module 'shop.none'", "export", "shop.none:x", "out.onnx")


def test_exported_program(shell: Shell) -> None:
    model, x = Net().eval(), torch.randn(2, 4)
    torch.export.save(torch.export.export(model, (x,)), "net.pt2")
    assert_exports(shell, "net.pt2", "native.onnx")
    assert_exports(shell, "net.pt2", "projected.onnx", "--no-builtin-tracking")
    for path in ("native.onnx", "projected.onnx"):
        assert_same(run(Path(path), {"x": x}), model(x))


def test_saved_module_only_with_trust(shell: Shell) -> None:
    model, x = Net().eval(), torch.randn(2, 4)
    torch.save(model, "net.pt")
    assert_refused(
        shell,
        "net.pt: a saved module can run anything while it is loaded; say --trust if you know where the file comes from",
        *("export", "net.pt", "out.onnx", "--inputs", "x=[2,4]"),
    )
    assert_exports(shell, "net.pt", "out.onnx", "--inputs", "x=[2,4]", "--trust")
    assert_same(run(Path("out.onnx"), {"x": x}), model(x))
    torch.save(model.state_dict(), "weights.pt")
    assert_refused(
        shell,
        "weights.pt holds a OrderedDict and no torch.nn.Module: weights alone do not say what is computed",
        *("export", "weights.pt", "out.onnx", "--trust"),
    )


def test_transformers_folder(shell: Shell) -> None:
    from transformers import AutoModel, BertConfig, BertModel

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=50, max_position_embeddings=16, **sizes)
    config.save_pretrained("random")
    assert_exports(shell, "random", "folder.onnx")
    assert_exports(shell, "random/config.json", "config.onnx")
    assert Path("folder.onnx").read_bytes() == Path("config.onnx").read_bytes()
    BertModel(config).save_pretrained("trained")
    assert_exports(shell, "trained", "trained.onnx", "--inputs", "input_ids=int64[1,7]")
    words = torch.randint(0, 50, (1, 7))
    model = AutoModel.from_pretrained("trained").eval()
    assert_same(run(Path("trained.onnx"), {"input_ids": words}), tuple(model(words).values()))
    assert_exports(shell, "random", "masked.onnx", "--model-class", "BertForMaskedLM")
    Path("empty").mkdir()
    assert_refused(shell, "empty has no config.json, so it is no transformers folder", *("export", "empty", "out.onnx"))


def test_picture_model_gets_a_picture(shell: Shell) -> None:
    from transformers import ViTConfig

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    ViTConfig(image_size=16, patch_size=8, **sizes).save_pretrained("vit")
    assert_exports(shell, "vit", "out.onnx")
    assert input_dims(checked(Path("out.onnx"))) == {"pixel_values": [1, 3, 16, 16]}


def test_strategies(shell: Shell) -> None:
    Path("model.py").write_text(f"{WORDS}model = Words()\n{INPUTS}")
    for strategy, name in (("htp", "htp_builtin"), ("usage_based", "usage_based"), ("auto", "htp_builtin")):
        code, out, err = shell("export", "model.py", "out.onnx", "--strategy", strategy, "--json")
        assert code == 0, err
        result = json.loads(out)
        assert result["strategy"] == name
        assert result["tagged_operations"] == result["total_operations"] == len(checked(Path("out.onnx")).graph.node)


def test_auto_says_why_it_fell_back(shell: Shell) -> None:
    Path("model.py").write_text(UNCAPTURABLE)
    code, out, _ = shell("export", "model.py", "out.onnx", "--strategy", "auto")
    assert code == 0
    assert "exported with usage_based: CaptureError: torch.export cannot capture Shy" in out


# ---- settings ----------------------------------------------------------------------------------------------------


def test_config(shell: Shell) -> None:
    Path("model.py").write_text(f"{WORDS}model = Words()\n")
    config = {
        "opset_version": 17,
        "input_names": ["words", "factor"],
        "output_names": ["scores"],
        "dynamic_axes": {"words": {"0": "batch", "1": "length"}, "factor": [0]},
        "do_constant_folding": False,
        "metadata": "minimal",
        "input_specs": {
            "input_ids": {"dtype": "int32", "shape": [3, 7], "range": [0, 100]},
            "scale": {"shape": [3, 1], "range": [0.5, 2]},
        },
    }
    Path("c.json").write_text(json.dumps(config))
    assert_exports(shell, "model.py", "out.onnx", "--config", "c.json")
    model = checked(Path("out.onnx"))
    assert model.opset_import[0].version == 17
    dims = input_dims(model)
    assert dims["words"] == ["batch", "length"] and list(dims) == ["words", "factor"]
    assert [output.name for output in model.graph.output] == ["scores"]
    assert {p.key.split(".")[0] for node in model.graph.node for p in node.metadata_props} == {"modelexport"}
    # The command line wins.
    assert_exports(shell, "model.py", "out.onnx", "--config", "c.json", "--opset", "18")
    assert checked(Path("out.onnx")).opset_import[0].version == 18


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            '{\n "opset": 14}',
            "c.json: line 2: opset: unknown key; known are opset_version, input_names, output_names, ",
        ),
        ('{"opset_version": "14"}', "c.json: line 1: opset_version: expected a number, found a string"),
        ('{\n\n"opset_version": 99}', "c.json: line 3: opset_version 99 is out of range: 14 to "),
        ('{\n"metadata": "some"}', "c.json: line 2: metadata must be one of full, minimal, none, not 'some'"),
        ('{"dynamic_axes":\n {"q": [0]}}', "c.json: line 2: dynamic_axes names 'q', which is no input of the model"),
        ('{"dynamic_axes":\n {"input_ids":\n {"x": "b"}}}', "c.json: line 3: dynamic_axes: axis 'x' is no integer"),
        ('{"input_names": ["a", "b"]}', "c.json: line 1: input_names gives 2 names, but there are 1: input_ids"),
        (
            '{"input_specs": {\n"words": {"shape": [1, 2]}}}',
            "c.json: line 1: input_specs: 'words' is no argument of Words.forward(input_ids, scale)",
        ),
        ('{"input_specs": {\n"scale": {}}}', "c.json: line 1: input_specs: scale: give its shape, since"),
        (
            '{"input_specs": {"input_ids":\n{"dtype": "int8", "range": [0, 300]}}}',
            "c.json: line 1: input_specs: input_ids: the range [0, 300] is none of int8",
        ),
        ('{"input_specs": {"input_ids":\n{"dtype": "text"}}}', "c.json: line 2: input_specs: dtype 'text' is none of "),
        ('{"input_specs": {"input_ids":\n{"size": 3}}}', "c.json: line 2: input_specs: unknown key 'size'; an input "),
        (
            '{"input_specs": {"input_ids":\n{"range": [3, 1]}}}',
            "c.json: line 2: input_specs: range must be two numbers",
        ),
        ('{"metadata": "full",\n', "c.json: line 2: "),
        ("[]", "c.json: line 1: expected an object"),
        ('{"optimize": true,\n"optimize": false}', "c.json: line 2: optimize: given in line 1 already"),
    ],
)
def test_bad_config(config: str, message: str, shell: Shell) -> None:
    Path("model.py").write_text(f"{WORDS}model = Words()\n{INPUTS}")
    Path("c.json").write_text(config)
    code, _, err = shell("export", "model.py", "out.onnx", "--config", "c.json")
    assert code == 3
    assert err.count("\n") == 1
    assert err.startswith(f"modelexport: error: {message}")
    assert not Path("out.onnx").exists()


# ---- what goes wrong ---------------------------------------------------------------------------------------------


def test_a_model_file_that_raises(shell: Shell) -> None:
    Path("part.py").write_text("def broken():\n    raise ValueError('no weights\\nat all')\n")
    Path("model.py").write_text("import json\nfrom part import broken\n\nbroken()\n")
    traceback = assert_refused(shell, "model.py: line 2: ValueError: no weights", "export", "model.py", "out.onnx")
    assert traceback.count("  File ") == 2, traceback
    assert 'model.py", line 4, in <module>' in traceback and 'part.py", line 2, in broken' in traceback
    # What Python and torch do in between is left out.
    Path("model.py").write_text("import torch\nmodel = torch.nn.Linear(2, 3)(torch.zeros(4))\n")
    reason = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x4 and 2x3)"
    traceback = assert_refused(shell, f"model.py: line 2: {reason}", "export", "model.py", "out.onnx")
    assert traceback.count("  File ") == 1, traceback


def test_model_code_that_raises(shell: Shell) -> None:
    Path("model.py").write_text("def get_model():\n    import nowhere\n")
    reason = "ModuleNotFoundError: No module named 'nowhere'"
    traceback = assert_refused(shell, f"model.py: get_model: line 2: {reason}", "export", "model.py", "out.onnx")
    assert traceback.count("  File ") == 1, traceback
    Path("model.py").write_text("model = [\n")
    traceback = assert_refused(
        shell, "model.py: line 1: SyntaxError: '[' was never closed", "export", "model.py", "out.onnx"
    )
    Path("model.py").write_text("import sys\nsys.exit('enough')\n")
    assert_refused(shell, "model.py: line 2: SystemExit: enough", "export", "model.py", "out.onnx")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            WORDS,
            "model.py has no model: define `model` or get_model(), or name a class with --model-class "
            "(it defines Words)",
        ),
        ("x = 1\n", "model.py has no model: define `model` or get_model(), or name a class with --model-class"),
        (f"{WORDS}model = Words\n", "model.py: the model must be a torch.nn.Module, not a class (Words)"),
        (
            f"{WORDS}get_model = 3\n",
            "model.py: get_model is no model and cannot be called to make one: it is a int",
        ),
        (
            f"{WORDS}model = Words()\n",
            "model.py has no example inputs: define `example_inputs` or get_inputs() in a .py file, or give --inputs",
        ),
    ],
    ids=["class", "nothing", "not-made", "no-function", "no-inputs"],
)
def test_model_file_without_a_model(code: str, message: str, shell: Shell) -> None:
    Path("model.py").write_text(code)
    assert_refused(shell, message, "export", "model.py", "out.onnx")


def test_no_such_thing(shell: Shell) -> None:
    assert_refused(
        shell,
        "nothing.py: there is no such file, folder, or package.module:attribute",
        *("export", "nothing.py", "out.onnx"),
    )
    Path("model.py").write_text(f"{WORDS}{INPUTS}")
    assert_refused(
        shell, "model.py has no 'Sentences'", *("export", "model.py", "out.onnx", "--model-class", "Sentences")
    )
    Path("text.pt2").write_text("text")
    code, _, err = shell("export", "text.pt2", "out.onnx", "--strategy", "usage_based")
    assert code == 3 and "text.pt2: not a file of torch.export.save" in err


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("x=int64", "--inputs: column 1: the sizes in [] are missing"),
        ("input_ids=int64[2,5] mask=[2", "--inputs: column 22: the sizes in [] are missing"),
        ("input_ids=int64[2,x]", "--inputs: column 1: the size 'x' is no number"),
        ("input_ids=number[2]", "--inputs: column 1: dtype 'number' is none of "),
        ("a=[1] a=[2]", "--inputs: column 7: 'a' is given twice"),
        ("words=int64[2,5]", "input_specs: 'words' is no argument of Words.forward(input_ids, scale)"),
    ],
)
def test_bad_inputs(inputs: str, message: str, shell: Shell) -> None:
    Path("model.py").write_text(f"{WORDS}model = Words()\n")
    code, _, err = shell("export", "model.py", "out.onnx", "--inputs", inputs)
    assert code == 3
    assert err.startswith(f"modelexport: error: {message}")


def test_errors_have_the_exit_code_of_their_kind(shell: Shell) -> None:
    airy = "class A(torch.nn.Module):\n    def forward(self, x): return torch.special.airy_ai(x)\n"
    Path("model.py").write_text(f"import torch\n{airy}model = A()\nexample_inputs = torch.ones(2)\n")
    Path("c.json").write_text('{"fallback": false}')
    code, _, err = shell("export", "model.py", "out.onnx", "--config", "c.json")
    assert code == 5 and "aten.special_airy_ai.default" in err
    Path("model.py").write_text(UNCAPTURABLE)
    code, _, err = shell("export", "model.py", "out.onnx")
    assert code == 8 and "torch.export cannot capture Shy" in err
    Path("model.py").write_text(ALTERNATING)
    code, _, err = shell("export", "model.py", "out.onnx", "--verify")
    assert code == 9 and "gives another" in err
    Path("model.py").write_text(f"{WORDS}model = Words()\n{INPUTS}")
    code, _, err = shell("export", "model.py", "nowhere/out.onnx")
    assert code == 4 and "the folder nowhere does not exist" in err


def test_an_interrupt_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(SLEEPING)
    program = "import sys; from modelexport.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "export", "model.py", "out.onnx"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What shells start in the background ignores interrupts, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asleep\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "modelexport: error: interrupted\n")
    assert {path.name for path in tmp_path.iterdir()} <= {"model.py", "__pycache__"}
