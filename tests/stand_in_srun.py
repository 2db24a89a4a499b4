"""What `srun` does for a script, on this machine alone: N processes, with the variables that say which."""

import os
import signal
import subprocess
import sys

FLAGS = ("nodes", "ntasks", "ntasks-per-node", "cpus-per-task", "kill-on-bad-exit", "overlap")


def main(arguments: list[str]) -> int:
    told = {}
    while arguments and arguments[0].startswith("--"):
        name, _, value = arguments.pop(0)[2:].partition("=")
        if name not in FLAGS:
            raise SystemExit(f"srun: unrecognized option --{name}")
        told[name] = value
    per_node = int(told.get("ntasks-per-node", os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    nodes = int(told.get("nodes", os.environ.get("SLURM_NNODES", "1")))
    tasks = int(told.get("ntasks", nodes * per_node))
    children = []
    for rank in range(tasks):
        said = {
            "SLURM_JOB_ID": os.environ.get("SLURM_JOB_ID", "4711"),
            "SLURM_NTASKS": tasks,
            "SLURM_NNODES": nodes,
            "SLURM_NTASKS_PER_NODE": per_node,
            "SLURM_STEP_NUM_TASKS": tasks,
            "SLURM_STEP_NUM_NODES": nodes,
            "SLURM_NODELIST": "127.0.0.1",
            "SLURM_PROCID": rank,
            "SLURM_LOCALID": rank % per_node,
            "SLURM_NODEID": rank // per_node,
        }
        environment = {**os.environ, **{name: str(value) for name, value in said.items()}}
        children.append(subprocess.Popen(arguments, env=environment))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: [child.send_signal(number) for child in children])
    return max(abs(child.wait()) for child in children)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
