"""Networks of attention: one multi-head attention, the Transformer, ViT-B/16, ViT-Ti/16.

Heads are addressing, not copies, but in `multihead` and `vittiny`: there every layout operator of an exported graph is
an operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.access.operators import Reshape, Transpose
from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.builder import Builder


def attention(net: Builder, size: int = 128) -> tuple[str, ...]:
    """One multi-head attention of the Transformer: 8 heads, 512 features, `size` tokens."""
    x = net.input(1, size, 512)
    return (_attention(net, x, x, 8),)


def transformer(net: Builder, size: int = 128) -> tuple[str, ...]:
    """Vaswani et al., "Attention is all you need" (2017), base, without embeddings; `size` tokens on both sides."""
    x = net.input(1, size, 512)
    for _ in range(6):
        x = net.normalization(net.add(x, _attention(net, x, x, 8)))
        x = net.normalization(net.add(x, _feed_forward(net, x)))
    memory, y = net.normalization(x), net.input(1, size, 512)
    for _ in range(6):
        y = net.normalization(net.add(y, _attention(net, y, y, 8)))
        y = net.normalization(net.add(y, _attention(net, y, memory, 8)))
        y = net.normalization(net.add(y, _feed_forward(net, y)))
    return (net.normalization(y),)


def vit(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Dosovitskiy et al., "An image is worth 16x16 words" (2020), base, patches of 16x16."""
    x = net.conv(net.input(1, 3, size, size), 768, 16, stride=16, padding=0, bias=True, norm=False, act=False)
    tokens = (size // 16) ** 2 + 1
    # The class token and the positions are parameters, added where the patches become a sequence.
    x = net.operator(Kind.ELEMENTWISE, (x,), (1, tokens, 768), parameters=768 * (tokens + 1))
    for _ in range(12):
        y = net.normalization(x)
        x = net.add(x, _attention(net, y, y, 12))
        x = net.add(x, _feed_forward(net, net.normalization(x)))
    return (net.dense(net.copy(net.normalization(x), (1, 768)), 1000),)


def multihead(net: Builder, size: int = 128) -> tuple[str, ...]:
    """The same attention as `attention`, with heads taken apart and put together by copies."""
    x = net.input(1, size, 512)
    query, key, value = (net.moved(net.dense(x, 512), Reshape((1, size, 8, 64))) for _ in range(3))
    value = net.moved(value, Transpose((0, 2, 1, 3)))
    return (_heads(net, net.moved(query, Transpose((0, 2, 1, 3))), net.moved(key, Transpose((0, 2, 3, 1))), value),)


def vittiny(net: Builder, size: int = 224) -> tuple[str, ...]:
    """Touvron et al., "Training data-efficient image transformers" (2021): ViT-Ti/16 as timm has it."""
    x = net.conv(net.input(1, 3, size, size), 192, 16, stride=16, padding=0, bias=True, norm=False, act=False)
    patches = (size // 16) ** 2
    x = net.moved(x, Reshape((1, 192, patches)), Transpose((0, 2, 1)))
    token = net.operator(Kind.LOOKUP, (), (1, 1, 192), parameters=192)
    x = net.concat(token, x, axis=1)
    x = net.operator(Kind.ELEMENTWISE, (x,), net.shape(x), parameters=192 * (patches + 1))
    for _ in range(12):
        together = net.dense(net.normalization(x), 3 * 192)
        together = net.moved(together, Reshape((1, patches + 1, 3, 3, 64)), Transpose((2, 0, 3, 1, 4)))
        parts = [net.moved(net.part(together, 0, k, 1), Reshape((1, 3, patches + 1, 64))) for k in range(3)]
        x = net.add(x, _heads(net, parts[0], net.moved(parts[1], Transpose((0, 1, 3, 2))), parts[2]))
        x = net.add(x, _feed_forward(net, net.normalization(x)))
    first = net.moved(net.part(net.normalization(x), 1, 0, 1), Reshape((1, 192)))
    return (net.dense(first, 1000),)


def _heads(net: Builder, query: str, key: str, value: str) -> str:
    """Scores, weights and sums of (1, heads, tokens, depth), with keys turned; then heads side by side again."""
    _, heads, rows, depth = net.shape(query)
    scores = net.softmax(net.product(query, key, (1, heads, rows, net.shape(key)[3]), depth))
    sums = net.product(scores, value, (1, heads, rows, depth), net.shape(value)[2])
    return net.dense(net.moved(sums, Transpose((0, 2, 1, 3)), Reshape((1, rows, heads * depth))), heads * depth)


def _attention(net: Builder, x: str, memory: str, heads: int) -> str:
    (_, rows, features), columns = net.shape(x), net.shape(memory)[1]
    query, key, value = net.dense(x, features), net.dense(memory, features), net.dense(memory, features)
    scores = net.softmax(net.product(query, key, (heads, rows, columns), features // heads))
    return net.dense(net.product(scores, value, (1, rows, features), columns), features)


def _feed_forward(net: Builder, x: str) -> str:
    features = net.shape(x)[-1]
    return net.dense(net.dense(x, 4 * features, act=True), features)
