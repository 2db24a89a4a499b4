"""Layer shapes of other people's networks, in torch eager and in onnxruntime; needs torch and onnx.

The weights are random: speed is compared, not quality.

PtychoNN (Cherukara et al. 2020): three levels of 32, 64, 128 channels, two full decoders, 64 x 64.
PtychoPINN's CNN (Hoidn et al. 2023): three levels of 64, 128, 256 channels, two decoders of the central half.
Written anew from the shapes; parameters and operations agree with theirs within one per cent.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from ptychoscope.bench.timing import Entry
from ptychoscope.inference.session import open_session

_SIDE_PX = 64


def _two_convolutions(inputs: int, outputs: int) -> list[nn.Module]:
    first, second = (nn.Conv2d(width, outputs, 3, padding=1) for width in (inputs, outputs))
    return [first, nn.ReLU(), second, nn.ReLU()]


def _encoder(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *widths)):
        layers += [*_two_convolutions(inputs, outputs), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def _decoder(*widths: int, mode: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [*_two_convolutions(inputs, outputs), nn.Upsample(scale_factor=2, mode=mode)]
    return layers


def _full_decoder() -> nn.Sequential:
    layers = _decoder(128, 128, 64, 64, mode="bilinear")
    return nn.Sequential(*layers, nn.Conv2d(64, 1, 3, padding=1))


def _half_decoder() -> nn.Sequential:
    """Fills the central half of the patch."""
    layers = [*_decoder(256, 128, 64, mode="nearest"), *_two_convolutions(64, 32)]
    last = [nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1)]
    return nn.Sequential(*layers, *last, nn.ZeroPad2d(16))


class TwoDecoders(nn.Module):
    """Amplitude (B, 1, 64, 64) -> amplitude and phase (B, 2, 64, 64)."""

    def __init__(self, encoder: nn.Module, amplitude: nn.Module, phase: nn.Module) -> None:
        super().__init__()
        self.encoder, self.amplitude, self.phase = encoder, amplitude, phase
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter)

    def forward(self, amplitude: torch.Tensor) -> torch.Tensor:
        """Encode once, decode twice."""
        code = self.encoder(amplitude)
        return torch.cat([torch.sigmoid(self.amplitude(code)), torch.pi * torch.tanh(self.phase(code))], 1)


def peers() -> dict[str, nn.Module]:
    """The networks by name."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "ptychonn": TwoDecoders(_encoder(32, 64, 128), _full_decoder(), _full_decoder()),
            "ptychopinn": TwoDecoders(_encoder(64, 128, 256), _half_decoder(), _half_decoder()),
        }


def peer_entries(batches: list[int], threads: int) -> list[Entry]:
    """Each peer in both runtimes at each batch size."""
    from ptychoscope.export.torch_to_onnx import plain_graph

    torch.set_num_threads(threads)
    entries = []
    for name, network in peers().items():
        network.eval()
        frame = torch.rand(1, 1, _SIDE_PX, _SIDE_PX)
        gflop = flops(network, (frame,)) / 1e9
        graph = plain_graph(network, frame.repeat(2, 1, 1, 1), "amplitude").SerializeToString()
        session = open_session(graph, threads=threads)
        for size in batches:
            planes = torch.rand(size, 1, _SIDE_PX, _SIDE_PX)
            feeds = {"amplitude": planes.numpy()}
            entries += [
                Entry(name, "torch eager", size, _eager(network, planes), gflop),
                Entry(name, "onnxruntime", size, partial(session.run, "object", feeds), gflop),
            ]
    return entries


def peak_entry() -> tuple[Entry, int]:
    """A convolution that shows oneDNN at its best, and its floating point operations per call."""
    layer = nn.Conv2d(128, 128, 3, padding=1)
    planes = torch.rand(8, 128, _SIDE_PX, _SIDE_PX).contiguous(memory_format=torch.channels_last)
    call = _eager(layer, planes)
    return Entry("convolution", "oneDNN", len(planes), call, None), flops(layer, (planes,))


def _eager(network: nn.Module, planes: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call of `network` as its authors run it."""

    def call() -> torch.Tensor:
        with torch.inference_mode():
            output: torch.Tensor = network(planes)
        return output

    return call


def flops(network: nn.Module, example: tuple[torch.Tensor, ...]) -> int:
    """Floating point operations of one call, two per multiplication and addition."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        network(*example)
    return int(counter.get_total_flops())
