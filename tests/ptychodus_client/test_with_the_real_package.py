"""The tests beside this file, by the python of an environment that has ptychodus."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_everything_holds_with_the_real_package(ptychodus_python):
    command = [
        ptychodus_python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/ptychodus_client",
        "--deselect", f"tests/ptychodus_client/{Path(__file__).name}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " skipped" not in done.stdout, done.stdout[-2000:]
