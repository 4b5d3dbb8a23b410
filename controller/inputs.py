"""What a network is given: random inputs, or the arrays of a file, cut into inferences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from controller.refusal import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from controller.graph import Graph

Floats = dict[str, NDArray[np.float32]]

#: The array of a file that holds the right class of each image, if no input is called so.
LABELS = "labels"


def random_inputs(graph: Graph, seed: int) -> Floats:
    """Floats that quantize to every integer, ends included."""
    rng = np.random.default_rng(seed)
    inputs: Floats = {}
    for port in graph.inputs:
        integers = rng.integers(-128, 128, port.shape) - port.tensor.zero
        inputs[port.name] = integers.astype(np.float32) * np.float32(port.tensor.scale)
    return inputs


def load_inputs(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file.

    Raises
    ------
    ModelError
        If it is missing, broken, or holds anything but numbers.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in arrays.files}
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file") from None
    except Exception as error:  # noqa: BLE001 (numpy raises whatever its parsers of zip, header and dtype do)
        raise ModelError(f"{path}: this is not a .npz file of numbers: {error}") from None
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise ModelError(f"{path}: array '{name}' must hold numbers, not {array.dtype}")
    return found


def split_inputs(
    graph: Graph, arrays: dict[str, NDArray[Any]], limit: int | None = None
) -> tuple[list[Floats], list[list[int]] | None]:
    """Inputs and labels, where given, of each inference: arrays of N times the network's batch are N inferences.

    Parameters
    ----------
    graph
        The network, its batch fixed.
    arrays
        By ONNX input name; `labels` may be there beside them.
    limit
        Take so many inferences from the front; all if None.

    Raises
    ------
    ModelError
        If an array does not fit, or if there are fewer inferences than `limit`.
    """
    shapes = {port.name: port.shape for port in graph.inputs}
    batch = graph.inputs[0].shape[0]
    counts = {}
    for name, array in arrays.items():
        wanted = shapes.get(name, (batch,) if name == LABELS else None)
        if wanted is None:
            raise ModelError(f"{graph.name}: there is no input '{name}'")
        fits = array.ndim == len(wanted) and array.shape[1:] == wanted[1:] and len(array) and len(array) % batch == 0
        if not fits:
            rest = "".join(f", {size}" for size in wanted[1:])
            said = f"({batch}{rest}) or a multiple of {batch} images" if batch > 1 else f"(images{rest})"
            raise ModelError(f"{graph.name}: array '{name}' must have shape {said}, not {array.shape}")
        counts[name] = len(array) // batch
    for name in shapes:
        if name not in counts:
            raise ModelError(f"{graph.name}: input '{name}' is missing")
    count = min(counts.values())
    if count != max(counts.values()):
        said = ", ".join(f"'{name}' has {number * batch}" for name, number in counts.items())
        raise ModelError(f"{graph.name}: all arrays must have equally many images, but {said}")
    if limit is not None and limit > count:
        raise ModelError(f"{graph.name}: inferences must be at most the {count} of the file, not {limit}")
    parts = [slice(index * batch, (index + 1) * batch) for index in range(limit or count)]
    inputs = [{name: arrays[name][part].astype(np.float32) for name in shapes} for part in parts]
    labelled = LABELS in arrays and LABELS not in shapes
    return inputs, [[int(label) for label in arrays[LABELS][part]] for part in parts] if labelled else None
