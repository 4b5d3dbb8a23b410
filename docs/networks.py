"""The networks of the measurements, written once into the build folder."""

from __future__ import annotations

from pathlib import Path

from controller.network.large import LARGE, write_large

#: In the order of the tables.
NAMES = ("resnet18", "resnet50", "mobilenetv1", "mobilenetv2", "vgg16")
BUILD = Path(__file__).parents[1] / "build"


def network(name: str, side: int = 224) -> Path:
    """The file of a network of square images."""
    assert name in LARGE
    path = BUILD / "zoo" / (f"{name}.onnx" if side == 224 else f"{name}-{side}.onnx")
    return path if path.exists() else write_large(name, path, side=side)
