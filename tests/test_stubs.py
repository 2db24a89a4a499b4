"""_core.pyi is what pybind11-stubgen makes of the compiled module.

After a change to the bindings: `PTYCHOSCOPE_WRITE_STUBS=1 pytest tests/test_stubs.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import ptychoscope


def test_stubs_are_those_of_the_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pybind11_stubgen", "ptychoscope._core", "-o", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    made = tmp_path / "ptychoscope" / "_core.pyi"
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", made], check=True)
    kept = Path(ptychoscope.__file__ or "").with_name("_core.pyi")
    if os.environ.get("PTYCHOSCOPE_WRITE_STUBS"):
        kept.write_text(made.read_text())
    assert kept.read_text() == made.read_text()
