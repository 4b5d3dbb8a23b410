"""Networks of attention: one multi-head attention, the Transformer, ViT-B/16; heads are addressing, not copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def _attention(net: Builder, x: str, memory: str, heads: int) -> str:
    (_, rows, features), columns = net.shape(x), net.shape(memory)[1]
    query, key, value = net.dense(x, features), net.dense(memory, features), net.dense(memory, features)
    scores = net.softmax(net.product(query, key, (heads, rows, columns), features // heads))
    return net.dense(net.product(scores, value, (1, rows, features), columns), features)


def _feed_forward(net: Builder, x: str) -> str:
    features = net.shape(x)[-1]
    return net.dense(net.dense(x, 4 * features, act=True), features)
