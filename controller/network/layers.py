"""Layers of a small network with their gradients, in numpy: enough to train it in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = NDArray[np.float32]
Weights = dict[str, Array]


class Tape:
    """A forward pass that remembers how to go back.

    Parameters
    ----------
    weights
        Arrays by name. A convolution `name` has `name.weights` (outputs, inputs / groups, kernel, kernel) and
        `name.bias`.

    Members
    -------
    gradients
        What `back` found, by the same names.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.gradients: Weights = {}

    def convolve(self, name: str, source: Array) -> Array:
        """An odd kernel at stride 1 that keeps height and width."""
        weights = self.weights[f"{name}.weights"]
        outputs, inputs, kernel, _ = weights.shape
        if inputs == 1 and source.shape[1] == outputs > 1:
            spread: Array = np.einsum("nchwij,cij->nchw", _taps(source, kernel), weights[:, 0], optimize=True)
            return spread + self._bias(name)
        taps = _taps(source, kernel).transpose(0, 2, 3, 1, 4, 5).reshape(-1, inputs * kernel * kernel)
        sums = (taps @ weights.reshape(outputs, -1).T).reshape(*source.shape[:1], *source.shape[2:], outputs)
        return sums.transpose(0, 3, 1, 2) + self._bias(name)

    def convolve_back(self, name: str, source: Array, slope: Array) -> Array:
        """Gradients of a convolution; the slope of its source."""
        weights = self.weights[f"{name}.weights"]
        outputs, inputs, kernel, _ = weights.shape
        self.gradients[f"{name}.bias"] = slope.sum(axis=(0, 2, 3))
        turned = weights[:, :, ::-1, ::-1]
        if inputs == 1 and source.shape[1] == outputs > 1:
            taps = _taps(source, kernel)
            self.gradients[f"{name}.weights"] = np.einsum("nchwij,nchw->cij", taps, slope, optimize=True)[:, None]
            below: Array = np.einsum("nchwij,cij->nchw", _taps(slope, kernel), turned[:, 0], optimize=True)
            return below
        taps = _taps(source, kernel).transpose(0, 2, 3, 1, 4, 5).reshape(-1, inputs * kernel * kernel)
        rows = slope.transpose(0, 2, 3, 1).reshape(-1, outputs)
        self.gradients[f"{name}.weights"] = (rows.T @ taps).reshape(weights.shape)
        back = _taps(slope, kernel).transpose(0, 2, 3, 1, 4, 5).reshape(-1, outputs * kernel * kernel)
        sums = back @ turned.transpose(0, 2, 3, 1).reshape(-1, inputs)
        return sums.reshape(*source.shape[:1], *source.shape[2:], inputs).transpose(0, 3, 1, 2)

    def _bias(self, name: str) -> Array:
        return self.weights[f"{name}.bias"][None, :, None, None]


def _taps(source: Array, kernel: int) -> Array:
    side = kernel // 2
    padded = np.pad(source, ((0, 0), (0, 0), (side, side), (side, side)))
    return np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(2, 3))


def halve(source: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Max pooling by 2 x 2, and where each maximum was."""
    batch, channels, height, width = source.shape
    blocks = source.reshape(batch, channels, height // 2, 2, width // 2, 2)
    largest = blocks.max(axis=(3, 5), keepdims=True)
    return largest[:, :, :, 0, :, 0], blocks == largest


def halve_back(slope: Array, where: NDArray[np.bool_]) -> Array:
    """The slope of max pooling's source."""
    spread = slope[:, :, :, None, :, None] * where
    batch, channels, rows, _, columns, _ = spread.shape
    return spread.reshape(batch, channels, rows * 2, columns * 2)


class Adam:
    """Steps along the gradient, scaled by running estimates of its size (Kingma and Ba, 2015)."""

    def __init__(self, weights: Weights, rate: float) -> None:
        self.weights = weights
        self.rate = rate
        self.steps = 0
        self.means = {name: np.zeros_like(array) for name, array in weights.items()}
        self.squares = {name: np.zeros_like(array) for name, array in weights.items()}

    def step(self, gradients: Mapping[str, Array]) -> None:
        """Change the weights in place."""
        self.steps += 1
        for name, gradient in gradients.items():
            self.means[name] += 0.1 * (gradient - self.means[name])
            self.squares[name] += 0.001 * (gradient**2 - self.squares[name])
            mean = self.means[name] / (1 - 0.9**self.steps)
            square = self.squares[name] / (1 - 0.999**self.steps)
            self.weights[name] -= np.float32(self.rate) * mean / (np.sqrt(square) + np.float32(1e-8))
