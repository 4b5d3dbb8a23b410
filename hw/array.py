"""The systolic array: a word of activations in, a sum for each column out."""

from __future__ import annotations

from amaranth import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.pe import Elements, sum_bits

__all__ = ["Array"]


class Array(wiring.Component):
    """``rows`` x ``cols`` processing elements that hold their weights; activations move right, sums move down.

    A word each cycle; its sums come ``rows + cols - 1`` cycles later. Lanes are delayed on their way in and columns on
    their way out, so that whole words go in and whole rows of sums come out.

    ::

        cycle        t       t + 1   t + 2   ...   t + 2 + rows + cols - 1
        load         1
        weights      row 0   row 1   row 2
        swap                 1
        activations                  a
        sums                                       of a

    ``load`` in cycle t begins a tile: row r of it must stand at ``weights`` in cycle t + r. ``swap`` in cycle u > t
    puts it into use for the words from cycle u + 1 on. The next ``load`` may come in cycle u, but not before t + rows.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    load : In(1)
        Row 0 of the next tile is at ``weights``; the other rows follow.
    weights : In(Commands.factors)
        A row of a tile: the weights of one input lane for all columns, less their zero.
    swap : In(1)
        The words that follow meet the tile that was loaded last.
    activations : In(Commands.factors)
        A lane for each row, less its zero.
    sums : Out(ArrayLayout(signed(sum_bits(rows)), cols))
        For each column the sum over lanes of activation times weight.
    """

    def __init__(self, *, config):
        self.config = config
        self.width = sum_bits(config.rows)
        k = Commands(config)
        super().__init__({
            "load": In(1),
            "weights": In(k.factors),
            "swap": In(1),
            "activations": In(k.factors),
            "sums": Out(data.ArrayLayout(signed(self.width), config.cols)),
        })

    def elaborate(self, platform):
        m = Module()
        rows, cols = self.config.rows, self.config.cols

        # Everything enters antidiagonal 0 and moves on by one each cycle. Lane r is needed from antidiagonal r on;
        # column c of the weights is needed when the row's own delay is over, which is c cycles later.
        words, weights = [self.activations], [self.weights]
        for diagonal in range(1, rows + cols - 1):
            word = Signal.like(self.activations, name=f"activations_{diagonal}", reset_less=True)
            first = max(0, diagonal - cols + 1)
            m.d.sync += [word[row].eq(words[-1][row]) for row in range(first, rows)]
            words.append(word)
        for column in range(1, cols):
            row_of_weights = Signal.like(self.weights, name=f"weights_{column}", reset_less=True)
            m.d.sync += [row_of_weights[c].eq(weights[-1][c]) for c in range(column, cols)]
            weights.append(row_of_weights)
        loads, swaps = Signal(rows + cols - 2), Signal(rows + cols - 2)
        m.d.sync += [loads.eq(Cat(self.load, loads)), swaps.eq(Cat(self.swap, swaps))]

        # Sums of row r, column c, as they leave the element.
        sums = {(-1, column): 0 for column in range(cols)}
        for diagonal, word in enumerate(words):
            members = range(max(0, diagonal - cols + 1), min(rows, diagonal + 1))
            elements = Elements(rows=members, width=self.width)
            m.submodules[f"elements_{diagonal}"] = elements
            m.d.comb += [
                elements.load.eq(Cat(self.load, loads)[diagonal]),
                elements.swap.eq(Cat(self.swap, swaps)[diagonal]),
            ]
            for index, row in enumerate(members):
                column = diagonal - row
                m.d.comb += [
                    elements.weights[index].eq(weights[column][column]),
                    elements.activations[index].eq(word[row]),
                    elements.above[index].eq(sums[row - 1, column]),
                ]
                sums[row, column] = elements.sums[index]

        # The sums of column 0 wait for those of column 1, both wait for those of column 2, and so on.
        together = sums[rows - 1, 0]
        for column in range(1, cols):
            waiting = Signal(column * self.width, name=f"waiting_{column}", reset_less=True)
            m.d.sync += waiting.eq(together)
            together = Cat(waiting, sums[rows - 1, column])
        m.d.comb += self.sums.as_value().eq(together)

        return m
