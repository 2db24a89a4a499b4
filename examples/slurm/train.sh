#!/bin/bash
# sbatch train.sh SCAN... -o RUN [options of `ptychoscope train`]
#SBATCH --job-name=ptychoscope-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
# Two minutes before the end: the epoch is kept, and the same command with --resume goes on.
#SBATCH --signal=INT@120
set -euo pipefail

exec srun --kill-on-bad-exit=0 ptychoscope train "$@" --threads "${SLURM_CPUS_PER_TASK:-1}"
