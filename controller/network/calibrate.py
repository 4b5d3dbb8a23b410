"""Quantizes a float network by onnxruntime, calibrated with images, and writes it whole."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, create_calibrator, quantize_static

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.network.layers import Array

#: Squares of one value that a drawn image is the sum of, in pixels.
_GRAINS = (1, 4, 16, 64)


def write_quantized(
    path: Path, model: onnx.ModelProto, batches: Sequence[Array], alike: Sequence[Sequence[str]] = ()
) -> Path:
    """Quantize a float network of one input and write it; the same bytes every time on one kind of machine.

    Activations are uint8, weights int8 per channel, of 7 bits so that onnxruntime is exact on every x86
    processor. The file appears whole, by rename.

    Parameters
    ----------
    path
        The file; its folder is made.
    model
        The network. quantize_static wants preprocessing to have been done: there is nothing to fuse in it.
    batches
        Images to calibrate with, each batch of the input's shape.
    alike
        Sets of maps that have one scale: that of all their values together.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        plain, quantized = Path(folder) / "float.onnx", Path(folder) / "quantized.onnx"
        onnx.save(onnx.shape_inference.infer_shapes(model), plain)
        images = model.graph.input[0].name
        quantize_static(
            plain,
            quantized,
            _Calibration(images, batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"TensorQuantOverrides": _shared(plain, _Calibration(images, batches), alike)},
        )
        os.replace(quantized, path)  # noqa: PTH105
    return path


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
    def __init__(self, name: str, batches: Sequence[Array]) -> None:
        self._name = name
        self._batches: Iterator[Array] = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}
