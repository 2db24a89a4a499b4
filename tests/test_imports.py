"""Who may import whom: the contracts of pyproject.toml, and what really is loaded."""

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import ptychoscope

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "lightning", "onnx", "onnxscript", "skimage", "scipy"}
_MAY = ("cli.adopt", "cli.export", "cli.train", "ptychodus_client.training_process")
TRAINING = {"train", "export", "stitch_reference"}


def loaded_by(code: str) -> set[str]:
    """Names of the modules in a fresh interpreter after `code`."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def runtime_modules() -> list[str]:
    names = {module.name for module in pkgutil.iter_modules([str(ROOT / "python" / "ptychoscope")])}
    return sorted(f"ptychoscope.{name}" for name in names - TRAINING)


def test_the_contracts_are_kept():
    pytest.importorskip("importlinter", reason="import-linter belongs to the group dev")
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_chain_of_imports_leads_from_the_runtime_to_torch():
    """Also none inside functions. Commands that train, export or adopt, benches with peers, and the process
    that trains for ptychodus may.
    """
    grimp = pytest.importorskip("grimp", reason="import-linter belongs to the group dev")
    graph = grimp.build_graph("ptychoscope", include_external_packages=True)
    may = tuple(f"ptychoscope.{name}" for name in (*_MAY, "bench"))
    runtime = {
        module
        for name in runtime_modules()
        for module in (name, *graph.find_descendants(name))
        if not module.startswith(may)
    }
    assert len(runtime) > 20
    forbidden = ["torch", "lightning", "onnx", *(f"ptychoscope.{name}" for name in TRAINING)]
    chains = [graph.find_shortest_chain(module, other) for module in sorted(runtime) for other in forbidden]
    assert [chain for chain in chains if chain] == []


def test_a_reconstruction_knows_neither_files_nor_pictures():
    """They know it; the other way round would be a circle, also inside functions."""
    grimp = pytest.importorskip("grimp", reason="import-linter belongs to the group dev")
    graph = grimp.build_graph("ptychoscope")
    chains = [
        graph.find_shortest_chain("ptychoscope.reconstruction", other)
        for name in ("io", "viz")
        for other in (f"ptychoscope.{name}", *graph.find_descendants(f"ptychoscope.{name}"))
    ]
    assert len(chains) > 5
    assert not any(chains)


def test_reading_a_scan_needs_no_hdf5():
    loaded = loaded_by("from ptychoscope import load_scan")
    assert "ptychoscope.io.npz" in loaded
    assert "h5py" not in loaded
    assert "h5py" in loaded_by("from ptychoscope import load_reconstruction")


def test_importing_ptychoscope_loads_nothing():
    loaded = loaded_by("import ptychoscope")
    assert not loaded & (HEAVY | {"numpy", "h5py", "onnxruntime", "PIL", "click"})


def test_the_runtime_loads_nothing_of_training():
    loaded = loaded_by("\n".join(f"import {name}" for name in runtime_modules()))
    assert not loaded & HEAVY
    assert not loaded & {f"ptychoscope.{name}" for name in TRAINING}


def test_every_public_name_is_itself_whatever_was_imported_before():
    """A module of the same name as a function would take its place once it is imported."""
    for name in runtime_modules():
        import_module(name)
    for name in ptychoscope.__all__:
        assert not isinstance(getattr(ptychoscope, name), ModuleType), name
    assert not set(ptychoscope.__all__) & {name.split(".")[1] for name in runtime_modules()}


@pytest.mark.parametrize(("name", "first"), [
    ("ptychoscope", "Scan"), ("ptychoscope.io", "load_reconstruction"), ("ptychoscope.train", "TrainConfig"),
])  # fmt: skip
def test_tab_completion_shows_the_public_names(name, first):
    """Before anything is loaded, and when something is."""
    code = f"import {name} as m; print(*dir(m)); m.{first}; print(*dir(m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = (line.split() for line in done.stdout.splitlines())
    public = [entry for entry in before if not entry.startswith("__")]
    assert public == sorted(import_module(name).__all__)
    assert before == after
    assert {"__all__", "__doc__", "__path__"} <= set(before)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ptychoscope.no_such_name


@pytest.mark.parametrize("path", sorted((ROOT / "python" / "ptychoscope").glob("stitch_reference*")), ids=str)
def test_the_reference_imports_torch_alone(path):
    imported = {
        name.name.split(".")[0] if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert imported <= {"torch", "math", "typing", "ptychoscope.errors", "collections.abc", "dataclasses"}
