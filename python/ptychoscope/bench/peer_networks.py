"""Layer shapes of other people's networks, in torch, with random weights: speed is compared, not quality.

PtychoNN (Cherukara et al. 2020): three levels of 32, 64, 128 channels, two full decoders, 64 x 64.
PtychoPINN's CNN (Hoidn et al. 2023): three levels of 64, 128, 256 channels, two decoders of the central half.
Written anew from the shapes; parameters and operations agree with theirs within one per cent.
"""

from itertools import pairwise

import torch
from torch import nn


def _pair(inputs: int, outputs: int) -> list[nn.Module]:
    first, second = (nn.Conv2d(width, outputs, 3, padding=1) for width in (inputs, outputs))
    return [first, nn.ReLU(), second, nn.ReLU()]


def _encoder(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((1, *widths)):
        layers += [*_pair(inputs, outputs), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def _decoder(*widths: int, mode: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [*_pair(inputs, outputs), nn.Upsample(scale_factor=2, mode=mode)]
    return layers


def _whole() -> nn.Sequential:
    layers = _decoder(128, 128, 64, 64, mode="bilinear")
    return nn.Sequential(*layers, nn.Conv2d(64, 1, 3, padding=1))


def _central_half() -> nn.Sequential:
    layers = [*_decoder(256, 128, 64, mode="nearest"), *_pair(64, 32)]
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
            "ptychonn": TwoDecoders(_encoder(32, 64, 128), _whole(), _whole()),
            "ptychopinn": TwoDecoders(_encoder(64, 128, 256), _central_half(), _central_half()),
        }


def flops(network: nn.Module, example: tuple[torch.Tensor, ...]) -> int:
    """Floating point operations of one call, two per multiplication and addition."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        network(*example)
    return int(counter.get_total_flops())


def conv_peak(frames: int = 8) -> tuple[nn.Module, torch.Tensor, int]:
    """A convolution that lets oneDNN show its best, its input and its operations."""
    layer = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
    planes = torch.rand(frames, 128, 64, 64).contiguous(memory_format=torch.channels_last)
    return layer, planes, flops(layer, (planes,))
