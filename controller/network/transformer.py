"""Attention and an encoder layer: Vaswani et al., arXiv 1706.03762; Devlin et al., "BERT", arXiv 1810.04805.

The operators are those that PyTorch's exporter writes for `MultiheadAttention`, which scales queries, and for
Hugging Face's `BertLayer`, which divides scores.
"""

from __future__ import annotations

from controller.network.language import Language

INPUT = "tokens"
_EPSILON = 1e-12
#: Of queries and keys: trained heads choose.
_GAIN = 1.5


def attention(tokens: int = 128, width: int = 512, heads: int = 8) -> tuple[Language, list[str]]:
    """One self-attention of the Transformer with biases and output projection, and its output."""
    net = Language("attention")
    here = net.input(INPUT, (1, tokens, width))
    queries, keys, values = (net.dense(name, here, width, gain=_GAIN) for name in ("query", "key", "value"))
    queries = net.number("Mul", "query_scaled", queries, (width // heads) ** -0.5)
    return net, [net.dense("output", net.heads("head", *_taken_apart(net, "", heads, queries, keys, values)), width)]


def bert(
    tokens: int = 128, width: int = 768, heads: int = 12, inner: int = 3072
) -> tuple[Language, list[str]]:
    """One encoder layer of BERT, and its output."""
    net = Language("bert")
    here = net.input(INPUT, (1, tokens, width))
    made = [net.dense(name, here, width, gain=_GAIN) for name in ("query", "key", "value")]
    mixed = net.scaled_heads("head", *_taken_apart(net, "", heads, *made))
    here = net.node("Add", "attention_sum", [net.dense("attention", mixed, width), here], (1, tokens, width))
    here = net.normalize("attention_norm", here, _EPSILON)
    wide = net.dense("intermediate", here, inner)
    wide = net.node("Gelu", "gelu", [wide], (1, tokens, inner))
    summed = net.node("Add", "output_sum", [net.dense("output", wide, width), here], (1, tokens, width))
    return net, [net.normalize("output_norm", summed, _EPSILON)]


def _taken_apart(net: Language, label: str, heads: int, queries: str, keys: str, values: str) -> tuple[str, str, str]:
    """Heads of (1, tokens, channels), those of keys turned."""
    orders = {queries: (0, 2, 1, 3), keys: (0, 2, 3, 1), values: (0, 2, 1, 3)}
    made = []
    for one, order in orders.items():
        _, tokens, width = net.shapes[one]
        apart = net.reshape(f"{label}{one}_apart", one, (1, tokens, heads, width // heads))
        made.append(net.transpose(f"{label}{one}_heads", apart, order))
    queries, keys, values = made
    return queries, keys, values
