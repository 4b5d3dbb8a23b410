"""Where the elements of a stored tensor lie: in which word, in which lane.

A stored tensor has pixels and features: (row, column) or (column,) or none are its pixel axes, the others say which
of a pixel's values an element is. Word (row * blocks + block) * width + column has up to `rows` features of a pixel,
which is the layout of docs/machine.md with a row's columns next to each other. Which block and lane a feature has is
the tensor's *position*, and free, as far as what writes and reads the tensor can do with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import islpy as isl

from controller.access.sets import SET, Shape, inside, names

_IN, _OUT = isl.dim_type.in_, isl.dim_type.out
_LANES = isl.Map("{ [block, lane] -> [other, lane] }")


@dataclass(frozen=True)
class Placement:
    """A stored tensor.

    Parameters
    ----------
    shape
        The tensor's.
    pixels
        Which axes are its pixels', row before column.
    position
        From elements to [block, lane]; the same for all pixels.
    blocks
        Words that a pixel has.
    """

    shape: Shape
    pixels: tuple[int, ...]
    position: isl.Map
    blocks: int

    @property
    def storage(self) -> isl.Map:
        """From elements to [word, lane]."""
        width = self.shape[self.pixels[-1]] if self.pixels else 1
        row = f"o{self.pixels[0]}" if len(self.pixels) == 2 else "0"
        column = f"o{self.pixels[-1]}" if self.pixels else "0"
        pixel = isl.Map(f"{{ [{', '.join(names('o', len(self.shape)))}] -> [{row}, {column}] }}")
        word = f"{self.blocks * width}row + {width}block + column"
        return self.position.flat_range_product(pixel).apply_range(
            isl.Map(f"{{ [block, lane, row, column] -> [{word}, lane] }}")
        )


def pixel_axes(rank: int, *, tokens: bool = False) -> tuple[int, ...]:
    """The pixel axes of a tensor of some rank: rows and columns follow channels, tokens come before features.

    With `tokens` a tensor of four axes is of heads, tokens and features, as products of two maps and softmax have it.
    """
    if tokens and rank == 4:
        return (2,)
    return {0: (), 1: (), 2: (), 3: (1,)}.get(rank, (2, 3))


def canonical(shape: Shape, pixels: tuple[int, ...], lanes: int) -> Placement:
    """Every block full but for the last: feature c in block c // lanes, lane c % lanes; other axes are more blocks."""
    features = [axis for axis in range(len(shape)) if axis not in pixels]
    if not features:
        raise ValueError("a stored tensor must have an axis that is no pixel's")
    *others, last = features
    per_group = -(-shape[last] // lanes)
    terms, blocks = [f"{1}q"], per_group
    for axis in reversed(others):
        terms.append(f"{blocks}o{axis}")
        blocks *= shape[axis]
    said = [*inside("o", shape), f"o{last} = {lanes}q + lane", f"0 <= lane < {lanes}", f"block = {' + '.join(terms)}"]
    element = ", ".join(names("o", len(shape)))
    position = isl.Map(f"{{ [{element}] -> [block, lane] : exists q : {' and '.join(said)} }}")
    return Placement(shape, pixels, position, blocks)


def placed(shape: Shape, pixels: tuple[int, ...], features: isl.Map) -> Placement:
    """A tensor whose features have the words that `features` gives them at pixel 0; words are numbered anew."""
    numbering, blocks = _numbered(features)
    position = to_first_pixel(shape, pixels).apply_range(features).apply_range(numbering).coalesce()
    return Placement(shape, pixels, position, blocks)


def to_first_pixel(shape: Shape, pixels: tuple[int, ...]) -> isl.Map:
    """From every element to that of the same feature at pixel 0."""
    element = names("o", len(shape))
    first = ["0" if axis in pixels else name for axis, name in enumerate(element)]
    said = " and ".join(inside("o", shape))
    return isl.Map(f"{{ [{', '.join(element)}] -> [{', '.join(first)}] : {said} }}")


def at_first_pixel(storage: isl.Map, pixels: tuple[int, ...]) -> isl.Map:
    """From features, at pixel 0, to the [word, lane] that they have at the lowest pixel of a storage's domain."""
    domain = storage.domain()
    for axis in pixels:
        storage = storage.fix_val(_IN, axis, domain.dim_min_val(axis))
    element = names("o", domain.dim(SET))
    first = ["0" if axis in pixels else name for axis, name in enumerate(element)]
    return storage.apply_domain(isl.Map(f"{{ [{', '.join(element)}] -> [{', '.join(first)}] }}")).coalesce()


def same_words(one: isl.Map, other: isl.Map) -> bool:
    """Whether two maps from the same features to [word, lane] differ in how words are numbered, at most."""
    between = one.reverse().apply_range(other)
    words = between.project_out(_IN, 1, 1).project_out(_OUT, 1, 1)
    return bool(between.is_subset(_LANES) and words.is_single_valued() and words.is_injective())


def word_numbers(features: isl.Map) -> list[int]:
    """The words that features have, ascending."""
    found: list[int] = []
    features.range().project_out(SET, 1, 1).foreach_point(
        lambda point: found.append(point.get_coordinate_val(SET, 0).to_python())
    )
    return sorted(found)


def moved_words(features: isl.Map, by: int) -> isl.Map:
    """The same features in words with other numbers."""
    return features.apply_range(isl.Map(f"{{ [word, lane] -> [word + {by}, lane] }}"))


def _numbered(features: isl.Map) -> tuple[isl.Map, int]:
    """From the words that features have to blocks from 0 up, and how many there are; even steps are told at once."""
    words, told, first = word_numbers(features), [], 0
    while first < len(words):
        last = min(first + 1, len(words) - 1)
        step = words[last] - words[first]
        while last + 1 < len(words) and words[last + 1] - words[last] == step:
            last += 1
        said = f"word = {words[first] - step * first} + {step}block and {first} <= block <= {last}"
        told.append(f"[word, lane] -> [block, lane] : {said}")
        first = last + 1
    return isl.Map(f"{{ {'; '.join(told)} }}"), len(words)
