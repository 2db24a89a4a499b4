#!/bin/bash
# sbatch dask.sh COMMAND...   e.g. sbatch dask.sh ptychoscope series scans/*.h5 -o results --model bundle
# Starts a scheduler and workers of Dask, and COMMAND with the scheduler's address as its last option.
#SBATCH --job-name=ptychoscope
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
set -euo pipefail

# Where the scheduler says its address: a folder that all machines see, and nobody else reads.
folder=$(mktemp -d "$PWD/dask-XXXXXX")
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

srun --nodes=1 --ntasks=1 --ntasks-per-node=1 --cpus-per-task=1 --overlap \
  dask scheduler --port 0 --no-dashboard --scheduler-file "$folder/scheduler.json" &
scheduler=$!
until [ -s "$folder/scheduler.json" ]; do
  kill -0 "$scheduler" || exit 1
  sleep 0.2
done
srun --overlap \
  dask worker --nthreads 1 --no-dashboard --scheduler-file "$folder/scheduler.json" \
  --local-directory "${TMPDIR:-/tmp}" &

address=$(sed -n 's/.*"address": "\([^"]*\)".*/\1/p' "$folder/scheduler.json")
"$@" --scheduler "$address"
