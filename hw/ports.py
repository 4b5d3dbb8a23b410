"""How units reach the scratchpad: the signatures of its ports, and of the page tables' map port."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands

__all__ = ["MapPort", "PlacePort", "ReadPort", "TakePort", "WritePort", "read_stages"]


def read_stages(config):
    """Registers between a virtual address and its word at the reader: page table, bank, the reader's own, and more."""
    return 3 + config.data_stages


class ReadPort(wiring.Signature):
    """A reader of virtual words.

    Members
    -------
    valid : Out(1)
        A word is asked for in this cycle.
    address : Out(address_width)
        Its virtual address.
    data : In(word)
        The word asked for ``spec.timing.read_latency`` cycles ago, in the requester's register.
    """

    def __init__(self, config):
        k = Commands(config)
        super().__init__({"valid": Out(1), "address": Out(k.address_width), "data": In(k.word)})


class WritePort(wiring.Signature):
    """A writer of virtual words.

    Members
    -------
    valid : Out(1)
        A word is offered in this cycle; it is written into its bank in the next one.
    address : Out(address_width)
        Its virtual address.
    data : Out(word)
        The word.
    """

    def __init__(self, config):
        k = Commands(config)
        super().__init__({"valid": Out(1), "address": Out(k.address_width), "data": Out(k.word)})


class TakePort(wiring.Signature):
    """A reader of physical words.

    Members
    -------
    valid : Out(1)
        A word is asked for in this cycle.
    frame, word : Out
        Its frame, and its place in it.
    data : In(word)
        The word asked for ``spec.timing.read_latency`` - 1 cycles ago: no page table is in the way.
    """

    def __init__(self, config):
        k = Commands(config)
        super().__init__({"valid": Out(1), "frame": Out(k.frame), "word": Out(k.word_bits), "data": In(k.word)})


class PlacePort(wiring.Signature):
    """A writer of physical words.

    Members
    -------
    valid : Out(1)
        A word is written into its bank in this cycle.
    frame, word : Out
        Its frame, and its place in it.
    data : Out(word)
        The word.
    """

    def __init__(self, config):
        k = Commands(config)
        super().__init__({"valid": Out(1), "frame": Out(k.frame), "word": Out(k.word_bits), "data": Out(k.word)})


class MapPort(wiring.Signature):
    """What the front end tells the page tables.

    Members
    -------
    valid : Out(1)
        An entry is written in this cycle; lookups see it from the next cycle on.
    page : Out(page_bits)
        The virtual page.
    frame : Out
        Its frame.
    """

    def __init__(self, config):
        k = Commands(config)
        super().__init__({"valid": Out(1), "page": Out(k.page_bits), "frame": Out(k.frame)})
