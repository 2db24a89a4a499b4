"""Positions from a PandA, published as JSON over ZeroMQ."""
