"""The encoder as a PyTorch network: BERT's layers, a mean over the tokens, one linear head a field.

Only training and export use it; at work the desk reads the exported ONNX file (`encoder.session`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from integrations.classifier.encoder.pretrained import Pretrained


class Layer(nn.Module):
    """One BERT layer (post-norm), as multilingual-e5-small has it."""

    def __init__(self, width: int, inner: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.ao = (nn.Linear(width, width) for _ in range(4))
        self.aln = nn.LayerNorm(width, epsilon)
        self.fi, self.fo = nn.Linear(width, inner), nn.Linear(inner, width)
        self.oln = nn.LayerNorm(width, epsilon)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """One layer further; `mask` is True where there is a token."""
        batch, length, width = x.shape

        def split(linear: nn.Linear) -> Tensor:
            return linear(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)

        # Written out: scaled_dot_product_attention's backward pass took 61 % of a training step on a CPU.
        near = split(self.q) @ split(self.k).transpose(2, 3) / (width // self.heads) ** 0.5
        shares = near.masked_fill(~mask[:, None, None, :], -1e4).softmax(-1)
        attended = (shares.to(near.dtype) @ split(self.v)).transpose(1, 2).reshape(batch, length, width)
        x = self.aln(x + self.ao(attended))
        return self.oln(x + self.fo(functional.gelu(self.fi(x))))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Pieces in, one row of logits a field out.

    `frozen` layers and the embeddings are never trained: their output can be computed once (`below`) and kept.
    """

    def __init__(self, pretrained: Pretrained, kept: list[int], longest: int, layers: int, frozen: int) -> None:
        super().__init__()
        width = pretrained.width
        self.frozen = frozen
        self.word = nn.Embedding(len(kept), width)
        self.position = nn.Embedding(longest, width)
        self.eln = nn.LayerNorm(width, pretrained.epsilon)
        self.layers = nn.ModuleList(
            Layer(width, pretrained.inner, pretrained.heads, pretrained.epsilon) for _ in range(layers)
        )
        self.heads = nn.ModuleDict()
        tensors = {name: torch.from_numpy(array.copy()) for name, array in pretrained.tensors.items()}
        with torch.no_grad():
            self.word.weight.copy_(tensors["emb.word"][kept])
            self.position.weight.copy_(tensors["emb.pos"][:longest] + tensors["emb.type"][:width])
            self.eln.weight.copy_(tensors["emb.ln.w"])
            self.eln.bias.copy_(tensors["emb.ln.b"])
            for number, layer in enumerate(self.layers):
                for name, module in layer.named_children():
                    module.weight.copy_(tensors[f"l{number}.{name}.w"])  # type: ignore[union-attr, operator]
                    module.bias.copy_(tensors[f"l{number}.{name}.b"])  # type: ignore[union-attr, operator]

    def add_heads(self, sizes: Mapping[str, int]) -> None:
        """One linear head a field, of so many classes."""
        width = self.word.embedding_dim
        for field, size in sizes.items():
            if field not in self.heads:
                self.heads[field] = nn.Linear(width, size)

    def below(self, ids: Tensor, mask: Tensor) -> Tensor:
        """What the embeddings and the frozen layers make of the pieces."""
        x = self.eln(self.word(ids) + self.position.weight[: ids.shape[1]])
        for layer in self.layers[: self.frozen]:
            x = layer(x, mask)
        return x  # type: ignore[no-any-return]

    def above(self, x: Tensor, mask: Tensor) -> Tensor:
        """The text as one vector: the mean over its tokens, after the trained layers."""
        for layer in self.layers[self.frozen :]:
            x = layer(x, mask)
        weight = mask.to(x.dtype)[:, :, None]
        return (x * weight).sum(1) / weight.sum(1)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The logits of every field."""
        pooled = self.above(self.below(ids, mask), mask)
        return {field: head(pooled) for field, head in self.heads.items()}
