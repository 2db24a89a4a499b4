"""What a training minimises: forward model, losses, the merge of overlapping patches."""
