"""The house rules that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root|Users|farm|mnt)/\w")


def tracked(*patterns: str) -> list[Path]:
    try:
        done = subprocess.run(
            ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_no_source_file_is_longer_than_300_lines():
    sources = tracked("*.py", "csrc/*.cpp", "csrc/*.h", "csrc/*.cu", "csrc/*.inl")
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in sources}
    assert {name: n for name, n in lengths.items() if n > 300} == {}


def test_no_function_is_longer_than_60_lines():
    """Signature and docstring not counted: what is long must be the idea, not its description."""
    found = {}
    for path in tracked("python/*.py", "export/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                length = (node.end_lineno or 0) - body[0].lineno + 1
                if length > 60:
                    found[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert found == {}


def test_no_path_of_somebodys_machine_is_written_down():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix not in (".png", ".npz", ".npy", ".onnx") and path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_nothing_that_loads_may_execute():
    """No pickle, and numpy and torch are told so."""
    found = []
    for path in tracked("python/*.py", "export/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            unsafe = (
                (name in ("np.load", "numpy.load") and words.get("allow_pickle") != "False")
                or (
                    name.endswith(("torch.load", "load_from_checkpoint"))
                    and words.get("weights_only") != "True"
                )
                or name in ("pickle.load", "pickle.loads", "eval", "exec", "dill.load")
            )
            if unsafe:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert found == []
