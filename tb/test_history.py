"""hw.history against sim.history: lives, guesses, and the cycles they take."""

from __future__ import annotations

import cocotb

from hw.history import History
from sim.history import History as Model
from sim.slots import Slot
from spec.config import CONFIGS
from spec.isa import TensorClass
from spec.policy import HISTORY
from spec.timing import RECALL
from tb.bench import Bench

UNIT = History(config=CONFIGS["default"])
#: Sizes whose entries have one index and other tags; operators and shapes are few, so that tensors come back alike.
PAGES, SHAPES, OPERATORS = (5, 5 + HISTORY, 5 + 2 * HISTORY, 9), (0, 0x40), 4


class Tensors:
    """Slots that operands name, on model and unit."""

    def __init__(self, bench):
        self.bench, self.model, self.now = bench, Model(), 0
        self.slots = [self.bound() for _ in range(8)]

    def bound(self):
        """A tensor of a class and size; weights are among them, which are not followed."""
        choose = self.bench.random.choice
        return Slot(bound=True, tensor_class=choose(list(TensorClass)), pages=choose(PAGES))

    async def name(self):
        """Have an operand name a slot; what the model found."""
        bench, choose = self.bench, self.bench.random.choice
        self.now += bench.random.randrange(3)
        index = bench.random.randrange(len(self.slots))
        if bench.random.random() < 0.2:
            self.slots[index] = self.bound()
        slot, first, operator = self.slots[index], choose((0, 1)), bench.random.randrange(OPERATORS)
        shape = choose(SHAPES)
        bench.set("binding", {"bound": 1, "tensor_class": slot.tensor_class, "colour": 0, "window": 0,
                              "pages": slot.pages, "page": 0, "order": 0})  # fmt: skip
        bench.set("usage", {"used": 0, "uses": 0, "cursor": 0, "distance": slot.distance, "pinned": 0})
        bench.set("old", life(slot))
        for port, value in {"first": first, "operator": operator, "stamp": self.now, "start": 1}.items():
            bench.set(port, value)
        bench.set("shape", {"mode": shape & 3, "kernel_h": shape >> 2 & 15, "stride_h": shape >> 6})
        found = self.model.touch(slot, first=bool(first), shape=shape, operator=operator, now=self.now)
        asked = bench.cycle
        await bench.tick()
        bench.set("start", 0)
        while not bench.get("done"):
            await bench.tick()
        assert bench.cycle - asked == RECALL, f"{bench.cycle - asked} cycles, must be {RECALL}"
        await bench.tick()
        told = f"naming in COMPUTE {self.now}, seed {bench.seed}"
        assert bench.get("distance") == slot.distance, f"{told}: {bench.get('distance')}, must be {slot.distance}"
        got = bench.get("life")
        assert all(got[name] == value for name, value in life(slot).items()), f"{told}: {got}, must be {life(slot)}"
        return found


def life(slot):
    """What the unit keeps of a slot."""
    return {"signature": slot.signature, "phase": slot.phase, "operator": slot.operator, "begun": slot.begun}


async def begin(dut):
    bench = Bench(dut, UNIT)
    bench.set("start", 0)
    bench.set("wipe", {"valid": 0, "index": 0})
    await bench.reset()
    return bench


async def wipe(bench):
    for index in range(HISTORY):
        bench.set("wipe", {"valid": 1, "index": index})
        await bench.tick()
    bench.set("wipe", {"valid": 0, "index": 0})


@cocotb.test()
async def remembers_and_guesses_like_the_model(dut):
    bench = await begin(dut)
    await wipe(bench)
    tensors = Tensors(bench)
    found = [await tensors.name() for _ in range(2000)]
    assert min(found.count(one) for one in ("guesses", "novelties", "repeats")) > 100


@cocotb.test()
async def forgets_when_it_is_wiped(dut):
    bench = await begin(dut)
    for _ in range(2):
        await wipe(bench)
        tensors = Tensors(bench)
        for _ in range(200):
            await tensors.name()


def test_history(simulate):
    simulate(UNIT)
