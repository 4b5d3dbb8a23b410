"""Refuses COMPUTEs that would hang or overrun an engine."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.commands import Commands
from hw.layout import layout
from hw.slots import binding, slot_request
from spec.isa import (
    COMPUTE,
    EXPONENTIAL_BYTES,
    KERNEL,
    LINE_ROWS,
    LINE_STRIDE,
    MOMENTS_BYTES,
    OPERAND,
    PIXELWISE,
    Mode,
    Role,
    Statistic,
)

__all__ = ["Check", "weighs"]

ROLES = len(Role)


class Check(wiring.Component):
    """Looks the operands' slots up, one a cycle, and judges the shape meanwhile.

    ``start`` in cycle t; the slots are looked up in t + 1 to t + 6; ``done`` in t + 7; the verdict stands from t + 8.
    With ``control_stages`` the last two are a cycle later.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin in the next cycle.
    compute, kernel, operands : In
        The instruction and the registers; must hold.
    binding : In(binding)
        From Slots.
    slots : Out(slot_request)
        To Slots.
    roles : Out(6)
        The operands that the COMPUTE has.
    windows, pages : Out.array(6)
        Their slots' windows.
    pixels, taps : Out
        height * width; kernel_h * kernel_w.
    region : Out(Commands.region)
        Inputs of a COMPUTE with ``lines``.
    unbound : Out(1)
        A slot is not bound, or does not exist.
    bad : Out(1)
        The engines cannot run the shape.
    done : Out(1)
        The last cycle.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "compute": In(layout(COMPUTE)),
            "kernel": In(layout(KERNEL)),
            "operands": In(layout(OPERAND)).array(ROLES),
            "binding": In(binding(config)),
            "slots": Out(slot_request(config)),
            "roles": Out(ROLES),
            "windows": Out(k.page_bits).array(ROLES),
            "pages": Out(k.page_bits + 1).array(ROLES),
            "pixels": Out(22),
            "taps": Out(16),
            "region": Out(k.region),
            "unbound": Out(1),
            "bad": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, compute, kernel = self.config, self.compute, self.kernel
        ranges = {role: self.operands[role] for role in Role}

        # Which operands there are.
        m.d.comb += [
            self.roles[Role.INPUT].eq(1),
            self.roles[Role.WEIGHTS].eq(weighs(compute)),
            self.roles[Role.CONSTANTS].eq(compute.last),
            self.roles[Role.RESIDUAL].eq(compute.last & compute.residual),
            self.roles[Role.OUTPUT].eq(compute.last),
            self.roles[Role.TABLE].eq(compute.last & compute.table),
        ]

        # Slot after slot, each latched when what was looked up stands.
        stands = 1 + c.control_stages
        step, busy = Signal(range(ROLES + stands)), Signal()
        slot = Array(ranges[role].slot for role in Role)[step]
        m.d.comb += self.done.eq(busy & (step == ROLES + stands - 1))
        with m.If(busy):
            m.d.sync += step.eq(step + 1)
            with m.If(step < ROLES):
                m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(slot)]
        with m.If(self.done):
            m.d.sync += busy.eq(0)
        with m.If(self.start):
            m.d.sync += [busy.eq(1), step.eq(0), self.unbound.eq(0)]
        for role in Role:
            with m.If(busy & (step == role + stands)):
                missing = ~self.binding.bound | (ranges[role].slot >> exact_log2(c.slots)).any()
                m.d.sync += [self.windows[role].eq(self.binding.window), self.pages[role].eq(self.binding.pages)]
                with m.If(self.roles[role] & missing):
                    m.d.sync += self.unbound.eq(1)

        # The region that the line buffer is to hold, and whether it does.
        height, width, lined = Signal(16), Signal(16), Signal()
        m.d.comb += height.eq(_reach(compute.height, kernel.kernel_h, kernel.stride_h))
        m.d.comb += width.eq(_reach(compute.width, kernel.kernel_w, kernel.stride_w))
        m.d.sync += [self.region.height.eq(height), self.region.width.eq(width)]
        m.d.sync += lined.eq(
            (height <= LINE_ROWS)
            & (width >= 2)
            & (width <= c.line_columns)
            & _line_kernel(c, kernel, "h")
            & _line_kernel(c, kernel, "w")
        )

        # The products take a cycle, the judgement another.
        m.d.sync += [
            self.pixels.eq(compute.height * compute.width),
            self.taps.eq(kernel.kernel_h * kernel.kernel_w),
        ]
        weights, constants = ranges[Role.WEIGHTS], ranges[Role.CONSTANTS]
        array, depthwise = compute.mode == Mode.ARRAY, compute.mode == Mode.DEPTHWISE
        average = compute.mode == Mode.AVERAGE
        tiled = weights.run[: exact_log2(c.rows)] == 0
        tapped = (weights.run == self.taps) & (self.taps <= c.window_taps) & (weights.count == 1)
        k = Commands(c)
        bordered = (weights.run[: exact_log2(k.border_words)] == 0) & (weights.run <= k.average_words)
        bordered &= weights.count == 1
        measure, normalize = compute.mode == Mode.MEASURE, compute.mode == Mode.NORMALIZE
        pixelwise = Cat(compute.mode == mode for mode in PIXELWISE).any()
        by_pixels = [~pixelwise] if c.omit_tokens else self._by_pixels(m, measure, normalize, pixelwise)
        # A bias and a scale of four bytes each for every column; a byte for every value of a byte.
        biases, entries = 8 * c.cols // c.rows, 256 // c.rows
        table = ranges[Role.TABLE]
        rules = [
            self.pixels.any(),
            self.taps.any(),
            kernel.blocks.any(),
            *(~self.roles[r] | (ranges[r].run.any() & ranges[r].count.any()) for r in Role),
            Mux(array, (self.pixels <= c.half_rows) & tiled, (compute.last ^ measure) & (kernel.blocks == 1)),
            ~depthwise | tapped,
            ~average | bordered,
            ~compute.lines | (lined & ~array & ~average & ~pixelwise),
            *by_pixels,
            ~compute.last | ((constants.run == biases) & (constants.count == 1)),
            ~self.roles[Role.TABLE] | ((table.run == entries) & (table.count == 1)),
        ]
        for role in (Role.RESIDUAL, Role.OUTPUT):
            fits = (ranges[role].run == compute.width) & (ranges[role].count == compute.height)
            rules.append(~self.roles[role] | fits)
        good = Signal(len(rules))
        m.d.comb += [good[i].eq(rule) for i, rule in enumerate(rules)]
        m.d.sync += self.bad.eq(~good.all())
        return m

    def _by_pixels(self, m, measure, normalize, pixelwise):
        """Rules for what looks at pixels one by one. Its weights are an exponential for each byte, or a line."""
        c, compute, kernel, weights = self.config, self.compute, self.kernel, self.operands[Role.WEIGHTS]
        statistical = Signal()
        with m.Switch(compute.statistic):
            with m.Case(Statistic.LARGEST):
                m.d.comb += statistical.eq(measure & ~compute.closing)
            with m.Case(Statistic.EXPONENTIALS):
                m.d.comb += statistical.eq((weights.run == 256 * EXPONENTIAL_BYTES // c.rows) & (weights.count == 1))
            with m.Case(Statistic.MOMENTS):
                numbered = (weights.run == max(1, MOMENTS_BYTES // c.rows)) & (weights.count == 1)
                m.d.comb += statistical.eq((measure & ~compute.closing) | numbered)
        return [
            ~pixelwise | ((kernel.kernel_h == 1) & (kernel.kernel_w == 1)),
            (compute.mode != Mode.MULTIPLY) | compute.residual,
            ~(measure | normalize) | ((self.pixels <= c.half_rows) & statistical),
        ]


def weighs(compute):
    """Whether a COMPUTE has weights: of those that measure moments only the last one needs channels and epsilon."""
    weighted = Cat(compute.mode == mode for mode in (Mode.ARRAY, Mode.DEPTHWISE, Mode.AVERAGE, Mode.NORMALIZE)).any()
    exponentials, moments = (compute.statistic == kind for kind in (Statistic.EXPONENTIALS, Statistic.MOMENTS))
    return weighted | ((compute.mode == Mode.MEASURE) & (exponentials | (moments & compute.closing)))


def _line_kernel(config, kernel, side):
    """Whether the line buffer holds the kernel, along one side."""
    stride = kernel[f"stride_{side}"]
    return (
        (kernel[f"kernel_{side}"] <= config.line_kernel) & (kernel[f"dilation_{side}"] == 1)
        & ((stride == 1) | (stride == LINE_STRIDE))
    )  # fmt: skip


def _reach(outputs, kernel, stride):
    """Inputs that so many outputs reach, with a stride of 1 or ``LINE_STRIDE``."""
    steps = (outputs - 1)[: len(outputs)]
    return Mux(stride == 1, steps, LINE_STRIDE * steps) + kernel
