"""The runtime imports nothing that only training needs, and is quick to show the first image."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.io import save_scan

FORBIDDEN = ("torch", "lightning", "onnx", "onnxscript", "skimage", "ptychoscope.train", "ptychoscope.export")

PROGRAM = """
import json, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {forbidden!r} or name in {forbidden!r}:
            raise ModuleNotFoundError(name + " is walled off", name=name)
sys.meta_path.insert(0, Wall())
from ptychoscope.cli import main
code = 0
try:
    main({arguments!r})
except SystemExit as end:
    code = end.code
print(json.dumps(sorted(sys.modules)))
sys.exit(code)
"""


def walled_off(
    arguments: list[str], forbidden: tuple[str, ...] = FORBIDDEN
) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(forbidden=forbidden, arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_run_works_where_torch_is_walled_off(tiny: Path, tmp_path: Path) -> None:
    save_scan(make_scan(np.random.default_rng(3)), tmp_path / "scan.npz")
    arguments = ["run", str(tmp_path / "scan.npz"), "-m", str(tiny), "-o", str(tmp_path / "object.h5")]
    done = walled_off([*arguments, "--picture", str(tmp_path / "object.png")])
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert "ptychoscope.pipeline.reconstruct" in modules
    assert not modules & set(FORBIDDEN)
    assert (tmp_path / "object.h5").exists()
    assert (tmp_path / "object.png").exists()


@pytest.mark.parametrize("command", ["export", "train"])
def test_commands_that_need_torch_say_what_to_install(command: str, tmp_path: Path) -> None:
    save_scan(make_scan(np.random.default_rng(3)), tmp_path / "scan.npz")
    source = tmp_path if command == "export" else tmp_path / "scan.npz"
    done = walled_off([command, str(source), "-o", str(tmp_path / "out")], ("torch", "lightning", "onnx"))
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert 'pip install "ptychoscope[train' in done.stderr
    assert "Traceback" not in done.stderr


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, ptychoscope; print(sorted({'numpy', 'onnxruntime', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
