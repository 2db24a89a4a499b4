"""What a training is judged by: forward model, losses, the merge of overlapping patches."""
