"""How a training runs: limits, optimizer, device, run folder, checkpoints."""
