"""A small network with the signature of the trained ones: (amplitude, probe) -> real and imaginary object."""

import numpy as np
import torch
from torch import nn


def centred_dft(side: int) -> np.ndarray:
    """The orthonormal DFT matrix with zero at index side // 2 in both planes, (side, side) complex128."""
    k = np.arange(side) - side // 2
    return np.exp(-2j * np.pi * np.outer(k, k) / side) / np.sqrt(side)


class TinyNetwork(nn.Module):
    """One back-projection (matrix products, real planes) and two convolutions."""

    def __init__(self, side: int, width: int = 4, seed: int = 5) -> None:
        super().__init__()
        dft = centred_dft(side)
        self.register_buffer("dft_re", torch.tensor(dft.real, dtype=torch.float32))
        self.register_buffer("dft_im", torch.tensor(dft.imag, dtype=torch.float32))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.convs = nn.Sequential(
                nn.Conv2d(2, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 2, 3, padding=1)
            )

    def transform(self, re: torch.Tensor, im: torch.Tensor, sign: int) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = self.dft_re, sign * self.dft_im
        row_re, row_im = a @ re - b @ im, a @ im + b @ re
        return row_re @ a - row_im @ b, row_re @ b + row_im @ a

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        p_re, p_im = probe[:1, :1], probe[:1, 1:]
        f_re, f_im = self.transform(p_re, p_im, 1)
        modulus = torch.sqrt(f_re * f_re + f_im * f_im + 1e-6)
        w_re, w_im = self.transform(amplitude * f_re / modulus, amplitude * f_im / modulus, -1)
        power = p_re * p_re + p_im * p_im
        power = power + 0.05 * power.amax(dim=(0, 1, 2, 3), keepdim=True)
        back = torch.cat([(w_re * p_re + w_im * p_im) / power, (w_im * p_re - w_re * p_im) / power], dim=1)
        return back + self.convs(back)


def gaussian_probe(side: int, photons: float = 1e4, modes: int = 1) -> np.ndarray:
    """A defocused Gaussian beam, (modes, side, side) complex64, summed intensity = photons."""
    y, x = np.mgrid[:side, :side] - side // 2
    r2 = (y**2 + x**2) / (side / 5) ** 2
    probe = np.stack([np.exp(-r2 / (1 + m) + 1j * (2 + m) * r2) * (0.3**m) for m in range(modes)])
    return (probe * np.sqrt(photons / np.square(np.abs(probe)).sum())).astype(np.complex64)
