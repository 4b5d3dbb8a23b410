"""Quantizes a float network by onnxruntime, calibrated with images, and writes it whole."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, create_calibrator, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from controller.network.layers import Array

    Feeds = Mapping[str, Array]

#: Squares of one value that a drawn image is the sum of, in pixels.
_GRAINS = (1, 4, 16, 64)


def write_quantized(
    path: Path, model: onnx.ModelProto, batches: Sequence[Feeds], alike: Sequence[Sequence[str]] = (), *,
    floats: Sequence[str] = (), fused: bool = False,
) -> Path:  # fmt: skip
    """Quantize a float network and write it; the same bytes every time on one kind of machine.

    Activations are uint8, weights int8 per channel, of 7 bits so that onnxruntime is exact on every x86
    processor. The file appears whole, by rename.

    Parameters
    ----------
    path
        The file; its folder is made.
    model
        The network.
    batches
        What to calibrate with: arrays by the inputs' names.
    alike
        Sets of maps that have one scale: that of all their values together.
    floats
        Nodes that are left as they are.
    fused
        Whether there is something to fuse, so that onnxruntime's preprocessing is done, as quantize_static wants it to
        be: products and biases become one Gemm.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with TemporaryDirectory(dir=path.parent, prefix=".") as folder, _quiet():
        plain, quantized = Path(folder) / "float.onnx", Path(folder) / "quantized.onnx"
        onnx.save(onnx.shape_inference.infer_shapes(model), plain)
        if fused:
            quant_pre_process(plain, plain, skip_symbolic_shape=True)
        quantize_static(
            plain,
            quantized,
            _Calibration(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(floats),
            extra_options={"TensorQuantOverrides": _shared(plain, _Calibration(batches), alike)},
        )
        os.replace(quantized, path)  # noqa: PTH105
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep quantize_static from saying of every vector that it has no second axis to be quantized along."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _shared(plain: Path, calibration: _Calibration, alike: Sequence[Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """For each map of each set, the range of all maps of the set."""
    if not alike:
        return {}
    calibrator = create_calibrator(plain, augmented_model_path=str(plain.with_name("augmented.onnx")))
    calibrator.collect_data(calibration)
    ranges = {name: one.range_value for name, one in calibrator.compute_data().items()}
    shared: dict[str, list[dict[str, Any]]] = {}
    for some in alike:
        low, high = min(ranges[name][0] for name in some), max(ranges[name][1] for name in some)
        shared |= {name: [{"rmin": low, "rmax": high}] for name in some}
    return shared


def draw_images(rng: np.random.Generator, count: int, side: int) -> Array:
    """Images, (count, 3, side, side), coarse and fine grained alike, of mean 0 and variance 1 or so."""
    images = np.zeros((count, 3, side, side), np.float32)
    for grain in _GRAINS:
        squares = -(-side // grain)
        coarse = rng.standard_normal((count, 3, squares, squares), np.float32)
        images += coarse.repeat(grain, axis=2).repeat(grain, axis=3)[:, :, :side, :side]
    return images / np.float32(np.sqrt(len(_GRAINS)))


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Sequence[Feeds]) -> None:
        self._batches: Iterator[Feeds] = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else dict(batch)
