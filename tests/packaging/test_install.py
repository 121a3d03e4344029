"""What `cmake --install` and the Debian package hold, used as somebody else would use it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.program import doors

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("MODELEXPORT_BUILD", ROOT / "build"))
COMMANDS = ("export", "inspect", "query", "stats", "validate", "diff", "tag", "carry", "completion", "version")


def output_of(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    program = torch.export.export(net, (torch.randn(3, 4),))
    return doors.save(program, tmp_path_factory.mktemp("saved") / "net.pt2")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prefix")
    output_of("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def test_the_executable(prefix: Path, saved: Path, tmp_path: Path) -> None:
    model = tmp_path / "net.onnx"
    output_of(prefix / "bin/modelexport", "export", saved, model)
    assert output_of(prefix / "bin/modelexport", "query", model, "class:Linear", "--format", "count") == "2\n"


def test_the_example_against_both_libraries(prefix: Path, saved: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    output_of("cmake", "-S", ROOT / "examples/cpp", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    output_of("cmake", "--build", build)
    shown = set()
    for library in ("modelexport", "static"):
        model = tmp_path / f"{library}.onnx"
        lines = output_of(build / f"export_and_query_{library}", saved, model, "class:Linear").splitlines()
        assert lines[0].startswith(f"{model}: ")
        shown.add("\n".join(lines[1:]))
        assert model.read_bytes() == (tmp_path / "modelexport.onnx").read_bytes()
    assert len(shown) == 1
    assert [line.split()[-1] for line in shown.pop().splitlines()] == ["/Sequential/Linear.0", "/Sequential/Linear.2"]


def test_errors_of_the_example(prefix: Path, tmp_path: Path) -> None:
    """Error crosses the border of the shared library as itself."""
    source = tmp_path / "catch.cpp"
    source.write_text("""
        #include <modelexport/error.h>
        #include <modelexport/model.h>
        int main() {
          try {
            (void)modelexport::read_model("missing.onnx");
          } catch (const modelexport::Error& error) {
            return error.kind() == modelexport::ErrorKind::Io ? 0 : 1;
          }
          return 2;
        }""")
    library = next(prefix.glob("lib*/**/libmodelexport.so")).parent
    program = tmp_path / "catch"
    output_of("c++", "-std=c++20", f"-I{prefix}/include", source, "-o", program, f"-L{library}", "-lmodelexport")
    output_of(program, LD_LIBRARY_PATH=str(library))


def test_the_shared_library_shows_its_interface_only(prefix: Path) -> None:
    library = next(prefix.glob("lib*/**/libmodelexport.so"))
    names = [line.split(maxsplit=2)[2] for line in output_of("nm", "-DC", "--defined-only", library).splitlines()]
    functions = {name.split("(")[0] for name in names if "(" in name}
    assert functions == {
        f"modelexport::{name}"
        for name in ("export_program", "version", "read_model", "query", "provenance_of", "role_of")
    }


def completions(script: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    call = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _modelexport; echo ${{COMPREPLY[@]}}"
    return set(output_of("bash", "-c", call).split())


def test_completion(prefix: Path) -> None:
    share = prefix / "share"
    bash = share / "bash-completion/completions/modelexport"
    assert completions(bash, "modelexport", "") >= {*COMMANDS, "--help"}
    assert completions(bash, "modelexport", "st") == {"stats"}
    assert completions(bash, "modelexport", "query", "x.onnx", "--fo") == {"--format"}
    assert completions(bash, "modelexport", "query", "--format", "") == {"table", "names", "json", "csv", "count"}
    assert completions(bash, "modelexport", "export", "--weights", "=", "l") == {"link"}
    assert completions(bash, "modelexport", "completion", "") == {"bash", "zsh", "fish"}
    assert completions(bash, "modelexport", "inspect", "") == set()  # file names
    for other in ("zsh/site-functions/_modelexport", "fish/vendor_completions.d/modelexport.fish"):
        text = (share / other).read_text()
        assert all(name in text for name in (*COMMANDS, "metadata", "full minimal none")), other


def test_the_manual(prefix: Path) -> None:
    text = (prefix / "share/man/man1/modelexport.1").read_text()
    assert text.startswith(".TH MODELEXPORT 1")
    for command in COMMANDS:
        assert f".SS modelexport {command}" in text
    assert ".SH EXIT STATUS" in text


def test_the_debian_package(saved: Path, tmp_path: Path) -> None:
    output_of("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", tmp_path / "package")
    package = next((tmp_path / "package").glob("*.deb"))
    assert "Depends: libc6" in output_of("dpkg-deb", "--info", package)
    root = tmp_path / "root"
    output_of("dpkg-deb", "-x", package, root)
    output_of(root / "usr/bin/modelexport", "export", saved, tmp_path / "net.onnx", "--json")
    assert (root / "usr/include/modelexport/export.h").exists()
    assert list((root / "usr/lib").rglob("libmodelexport.so.*"))
