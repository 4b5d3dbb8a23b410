"""The networks of the measurements, written once into the build folder."""

from __future__ import annotations

from pathlib import Path

from controller.network.large import LARGE, write_large

#: In the order of the tables.
NAMES = ("resnet18", "resnet50", "mobilenetv1", "mobilenetv2", "vgg16")
BUILD = Path(__file__).parents[1] / "build"


def network(name: str) -> Path:
    """The file of a network of 224 x 224 images."""
    assert name in LARGE
    path = BUILD / "zoo" / f"{name}.onnx"
    return path if path.exists() else write_large(name, path)
