"""Networks to try: each written as a quantized ONNX file, with inputs and their classes where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.files import write_whole
from controller.inputs import LABELS
from controller.network.digits import INPUT, load_images, write_digits
from controller.network.drawn import LANGUAGE, write_language
from controller.network.large import LARGE, write_large
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Network:
    """A network of the zoo: what it is, and a function that writes its files into a folder and names them."""

    description: str
    write: Callable[[Path], list[Path]]


def _digits(folder: Path) -> list[Path]:
    model = write_digits(folder / "digits.onnx")
    _, images = load_images()
    content = BytesIO()
    arrays: dict[str, Any] = {INPUT: images.pixels, LABELS: images.classes}
    np.savez(content, allow_pickle=False, **arrays)
    write_whole(folder / "digits.npz", content.getvalue())
    return [model, folder / "digits.npz"]


def _large(name: str, folder: Path) -> list[Path]:
    return [write_large(name, folder / f"{name}.onnx")]


def _language(name: str, folder: Path) -> list[Path]:
    return [write_language(name, folder / f"{name}.onnx")]


def _lstm(folder: Path) -> list[Path]:
    return [write_language("lstm", folder / "lstm.onnx"), write_language("lstm", folder / "lstm_step.onnx", steps=1)]


ZOO = {
    "digits": Network("a small residual CNN for 8 x 8 handwritten digits, trained here; with 450 test images", _digits),
    **{name: Network(description, partial(_large, name)) for name, (description, _) in LARGE.items()},
    **{name: Network(description, partial(_language, name)) for name, (description, _) in LANGUAGE.items()},
    "lstm": Network(LANGUAGE["lstm"][0], _lstm),
}


def chosen(names: Sequence[str]) -> list[Network]:
    """The networks of these names; all for none.

    Raises
    ------
    ModelError
        If there is no such network.
    """
    for name in names:
        if name not in ZOO:
            raise ModelError(f"network must be one of {', '.join(ZOO)}, not '{name}'")
    return [ZOO[name] for name in names or ZOO]
