"""The medium LSTM of Zaremba, Sutskever, Vinyals, "Recurrent neural network regularization", arXiv 1409.2329.

Two layers of 650 units, unrolled for 35 steps in operators of one step each: all gates from one layer for the input
and one for the state, as PyTorch's `LSTMCell` has them. Words come embedded, one input for each step.
"""

from __future__ import annotations

from controller.network.language import Language

_LAYERS = 2
#: Uniform between -0.05 and 0.05 would be theirs before training; gates that choose have larger weights.
_GAIN = 1.5


def lstm(steps: int = 35, width: int = 650) -> tuple[Language, list[str]]:
    """The network; its outputs are the last layer's state after each step, and all states after the last."""
    net = Language("lstm")
    words = [net.input(f"word{step}", (1, width)) for step in range(steps)]
    states = [
        (net.input(f"state{layer}", (1, width)), net.input(f"memory{layer}", (1, width))) for layer in range(_LAYERS)
    ]
    outputs = []
    for step, here in enumerate(words):
        below = here
        for layer in range(_LAYERS):
            states[layer] = _cell(net, layer, step, below, *states[layer])
            below = states[layer][0]
        outputs.append(below)
    last = [one for pair in states for one in pair]
    return net, list(dict.fromkeys([*outputs, *last]))


def _cell(net: Language, layer: int, step: int, below: str, state: str, memory: str) -> tuple[str, str]:
    """One step of one layer: its new state and memory."""
    label, shape = f"layer{layer}_step{step}", net.shapes[below]
    sums = [
        net.vector(f"{label}_{name}", one, 4 * shape[1], gain=_GAIN, weights=f"layer{layer}.{name}")
        for name, one in (("input", below), ("hidden", state))
    ]
    gates = net.node("Add", f"{label}_gates", sums, net.shapes[sums[0]])
    parts = net.split(f"{label}_gate", gates, 4, axis=1)
    kinds = {"enter": "Sigmoid", "keep": "Sigmoid", "candidate": "Tanh", "leave": "Sigmoid"}
    enter, keep, candidate, leave = (
        net.node(kind, f"{label}_{name}", [part], shape)
        for (name, kind), part in zip(kinds.items(), parts, strict=True)
    )
    kept = net.node("Mul", f"{label}_kept", [keep, memory], shape)
    entered = net.node("Mul", f"{label}_entered", [enter, candidate], shape)
    memory = net.node("Add", f"{label}_memory", [kept, entered], shape)
    shown = net.node("Tanh", f"{label}_shown", [memory], shape)
    return net.node("Mul", f"{label}_state", [leave, shown], shape), memory
