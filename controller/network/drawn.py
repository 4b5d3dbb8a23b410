"""Networks of tokens by name: true topologies, drawn weights, quantized and calibrated by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.network.calibrate import draw_images, write_quantized
from controller.network.lstm import lstm
from controller.network.transformer import attention, bert
from controller.network.vit import vit
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.network.language import Language
    from controller.network.layers import Array

#: Inputs of the calibration.
_BATCHES = 4

#: Of each network what it is, and a function that builds it, of its size unless it is said otherwise.
LANGUAGE: Mapping[str, tuple[str, Callable[..., tuple[Language, list[str]]]]] = MappingProxyType({
    "attention": ("one self-attention, 128 tokens, 512 wide, 8 heads, drawn weights", attention),
    "bert": ("one encoder layer of BERT, 128 tokens, 768 wide, 12 heads, drawn weights", bert),
    "vit": ("ViT-Ti/16, 224 x 224, drawn weights", vit),
    "lstm": ("two layers of an LSTM, 650 wide, 35 steps, and one step alone (lstm_step), drawn weights", lstm),
})


def write_language(name: str, path: Path | str, *, seed: int = 1, **sizes: int) -> Path:
    """Draw, quantize and write a network; the same bytes for the same seed on one kind of machine.

    Parameters
    ----------
    name
        A key of `LANGUAGE`.
    path
        The file, which appears whole.
    seed
        Of weights and calibration inputs.
    sizes
        What its function takes, if it is not to be of its own size.

    Raises
    ------
    ModelError
        If there is no such network.
    """
    if name not in LANGUAGE:
        raise ModelError(f"network must be one of {', '.join(LANGUAGE)}, not '{name}'")
    net, outputs = LANGUAGE[name][1](**sizes)
    rng = np.random.default_rng((seed, 1))
    batches = [{one: _input(rng, net.shapes[one]) for one in net.inputs} for _ in range(_BATCHES)]
    return write_quantized(Path(path), net.model(outputs, seed), batches, fused=True)


def _input(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """An image, or anything else of mean 0 and variance 1."""
    if len(shape) == 4:
        return draw_images(rng, shape[0], shape[2])
    return np.asarray(rng.standard_normal(shape, np.float32))
