"""ViT-Ti/16: Dosovitskiy et al., arXiv 2010.11929, of the size of Touvron et al., "DeiT", arXiv 2012.12877, table 1.

The operators are those that PyTorch's exporter writes for timm's `vit_tiny_patch16_224`: patches by a convolution,
a class token before them, learned positions, queries, keys and values from one layer, normalization before each block.
"""

from __future__ import annotations

from controller.network.language import Language

INPUT = "image"
_PATCH = 16
_EPSILON = 1e-6
#: Of what queries, keys and values come from, and of positions and class token as timm draws them.
_GAIN, _SPREAD = 1.5, 0.5


def vit(
    side: int = 224, *, layers: int = 12, width: int = 192, heads: int = 3, classes: int = 1000
) -> tuple[Language, list[str]]:
    """The network and its output."""
    net = Language("vit")
    image = net.input(INPUT, (1, 3, side, side))
    here = _embedded(net, image, width)
    for layer in range(layers):
        label = f"block{layer}"
        here = net.node("Add", f"{label}_attended", [here, _attention(net, label, here, heads)], net.shapes[here])
        here = net.node("Add", f"{label}_fed", [here, _fed(net, label, here)], net.shapes[here])
    here = net.normalize("norm", here, _EPSILON)
    token = net.node("Gather", "class_features", [here, net.whole("class", 0)], (1, width), axis=1)
    return net, [net.vector("head", token, classes)]


def _embedded(net: Language, image: str, width: int) -> str:
    """Patches, a class token before them, and positions."""
    rows = net.shapes[image][2] // _PATCH
    inputs, count = 3 * _PATCH**2, rows**2
    table = net.parameter("patch.weight", (width, 3, _PATCH, _PATCH), spread=inputs**-0.5)
    bias = net.parameter("patch.bias", (width,))
    net.macs += count * inputs * width
    here = net.node(
        "Conv", "patch", [image, table, bias], (1, width, rows, rows), kernel_shape=[_PATCH] * 2, strides=[_PATCH] * 2
    )
    here = net.transpose("patches", net.reshape("patch_row", here, (1, width, count)), (0, 2, 1))
    token = net.parameter("class_token", (1, 1, width), spread=_SPREAD)
    positions = net.parameter("positions", (1, count + 1, width), spread=_SPREAD)
    here = net.node("Concat", "tokens", [token, here], (1, count + 1, width), axis=1)
    return net.node("Add", "embedded", [here, positions], net.shapes[here])


def _attention(net: Language, label: str, source: str, heads: int) -> str:
    _, tokens, width = net.shapes[source]
    here = net.normalize(f"{label}_norm1", source, _EPSILON)
    here = net.dense(f"{label}_qkv", here, 3 * width, gain=_GAIN)
    here = net.reshape(f"{label}_apart", here, (1, tokens, 3, heads, width // heads))
    here = net.transpose(f"{label}_heads", here, (2, 0, 3, 1, 4))
    shape = net.shapes[here][1:]
    queries, keys, values = (
        net.node("Gather", f"{label}_{name}", [here, net.whole(name, place)], shape, axis=0)
        for place, name in enumerate(("query", "key", "value"))
    )
    queries = net.number("Mul", f"{label}_query_scaled", queries, (width // heads) ** -0.5)
    turned = net.transpose(f"{label}_key_turned", keys, (0, 1, 3, 2))
    return net.dense(f"{label}_attention", net.heads(f"{label}_head", queries, turned, values), width)


def _fed(net: Language, label: str, source: str) -> str:
    shape = net.shapes[source]
    here = net.dense(f"{label}_fc1", net.normalize(f"{label}_norm2", source, _EPSILON), 4 * shape[2])
    here = net.node("Gelu", f"{label}_gelu", [here], net.shapes[here])
    return net.dense(f"{label}_fc2", here, shape[2])
