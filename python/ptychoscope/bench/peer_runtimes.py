"""Peers' shapes in torch eager and in onnxruntime; needs torch and onnx."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from ptychoscope.bench.model import Entry
from ptychoscope.bench.peer_networks import conv_peak, flops, peers
from ptychoscope.inference.session import open_session

SIDE = 64


def peer_entries(batches: list[int], threads: int) -> list[Entry]:
    """Each peer in both runtimes at each batch size."""
    from ptychoscope.export.onnx_graph import plain_graph

    torch.set_num_threads(threads)
    entries = []
    for name, network in peers().items():
        network.eval()
        frame = torch.rand(1, 1, SIDE, SIDE)
        gflop = flops(network, (frame,)) / 1e9
        graph = plain_graph(network, frame.repeat(2, 1, 1, 1), "amplitude").SerializeToString()
        session = open_session(graph, threads=threads)
        for size in batches:
            planes = torch.rand(size, 1, SIDE, SIDE)
            feeds = {"amplitude": planes.numpy()}
            entries += [
                Entry(name, "torch eager", size, eager(network, planes), gflop),
                Entry(name, "onnxruntime", size, partial(session.run, "object", feeds), gflop),
            ]
    return entries


def peak_entry() -> tuple[Entry, int]:
    """oneDNN's best convolution and its floating point operations per call."""
    layer, planes, operations = conv_peak()
    return Entry("convolution", "oneDNN", len(planes), eager(layer, planes), None), operations


def eager(network: nn.Module, planes: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call of `network` as its authors run it."""

    def call() -> torch.Tensor:
        with torch.inference_mode():
            output: torch.Tensor = network(planes)
        return output

    return call
