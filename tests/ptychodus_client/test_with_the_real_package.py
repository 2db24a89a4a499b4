"""The tests beside this file that need ptychodus, by the python of an environment that has it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEED_NONE = (Path(__file__).name, "test_model_file.py", "test_training_process.py")
"""Run where the others are."""


@pytest.mark.slow
def test_everything_holds_with_the_real_package(ptychodus_python):
    command = [
        ptychodus_python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/ptychodus_client",
        *(f"--deselect=tests/ptychodus_client/{name}" for name in NEED_NONE),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " skipped" not in done.stdout, done.stdout[-2000:]
