"""The networks of the measurements, written once into the build folder."""

from __future__ import annotations

from pathlib import Path

from controller.network.drawn import write_language
from controller.network.large import LARGE, own_side, write_large

#: In the order of the tables.
NAMES = ("resnet18", "resnet50", "mobilenetv1", "mobilenetv2", "vgg16")
#: Networks of tokens, and what of their size is not as they have it.
TOKENS = {"attention": {}, "bert": {}, "vit": {}, "lstm_step": {"steps": 1}, "lstm": {}}
BUILD = Path(__file__).parents[1] / "build"


def network(name: str, side: int = 224) -> Path:
    """The file of a network of square images, or of tokens."""
    if name in TOKENS:
        path = BUILD / "zoo" / f"{name}.onnx"
        return path if path.exists() else write_language(name.removesuffix("_step"), path, **TOKENS[name])
    assert name in LARGE
    path = BUILD / "zoo" / (f"{name}.onnx" if side == own_side(name) else f"{name}-{side}.onnx")
    return path if path.exists() else write_large(name, path, side=side)
