"""Trains the encoder: its upper layers and a head a field, on top of frozen lower layers.

In stages: first the public texts, whose labels are many and broad, then all texts with the desk's own counted several
times, last the desk's own with some public ones beside them. What the frozen layers make of each text is computed once.
PyTorch does it on one core of a CPU in some 50 minutes; with the same seed, material and machine it comes out the same.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from integrations.classifier.encoder import pieces
from integrations.classifier.encoder.network import Encoder
from integrations.classifier.encoder.pretrained import Pretrained
from integrations.classifier.fields import FIELDS, RISKS
from integrations.classifier.training.examples import Example

Say = Callable[[str], None]

_WARM_UP = 0.06
"""Share of the steps in which the learning rate rises; then it falls to nothing."""


@dataclass(frozen=True)
class Recipe:
    """How an encoder is trained; part of what makes a model reproducible."""

    seed: int = 7
    layers: int = 12
    frozen: int = 6
    vocabulary: int = 36_000
    public_epochs: int = 1
    epochs: int = 2
    own_times: int = 3
    last_epochs: int = 4
    beside: float = 0.2
    rate: float = 1e-4
    head_rate: float = 1e-3
    batch: int = 32
    dropout: float = 0.1


@dataclass(frozen=True)
class Trained:
    """A trained network with the tokenizer that it reads by."""

    network: Encoder
    tokenizer: Tokenizer


@dataclass(frozen=True)
class _Prepared:
    """An example as the upper layers see it: its hidden rows, its targets, what each counts."""

    hidden: Tensor
    targets: Mapping[str, Tensor]
    weights: Mapping[str, float]


def train(
    pretrained: Pretrained, public: Sequence[Example], own: Sequence[Example], recipe: Recipe, say: Say
) -> Trained:
    """An encoder that learned from the public texts, then from all."""
    torch.manual_seed(recipe.seed)
    everything = [*public, *own]
    kept, tokenizer = vocabulary(pretrained, [example.text for example in everything], recipe.vocabulary)
    network = Encoder(pretrained, kept, pieces.LONGEST, recipe.layers, recipe.frozen)
    words = _words(everything)
    network.add_heads({field: len(found) for field, found in words.items()})
    prepared = _prepare(network, tokenizer, everything, words, say)
    first, second = prepared[: len(public)], prepared[len(public) :]
    _learn(network, [first] * recipe.public_epochs + [first + second * recipe.own_times] * recipe.epochs, recipe, say)
    _learn(network, _last_stage(first, second, recipe), recipe, say)
    for field in set(words) - set(FIELDS) - {"risks"}:
        del network.heads[field]
    return Trained(network.eval(), tokenizer)


def _last_stage(public: Sequence[_Prepared], own: Sequence[_Prepared], recipe: Recipe) -> list[list[_Prepared]]:
    """The desk's own texts, each time with other public ones beside them, lest those be forgotten."""
    draw = random.Random(recipe.seed)
    beside = int(len(public) * recipe.beside)
    return [[*own, *draw.sample(list(public), beside)] for _ in range(recipe.last_epochs)]


def vocabulary(pretrained: Pretrained, texts: Sequence[str], most: int) -> tuple[list[int], Tokenizer]:
    """Which pretrained pieces stay (by their ids there), and a tokenizer over them."""
    special = [pretrained.pad, pretrained.bos, pretrained.eos, pretrained.unk]
    names = [f"<{number}>" if number in special else piece for number, piece in enumerate(pretrained.pieces)]
    whole = pieces.build(list(zip(names, pretrained.scores.tolist(), strict=True)))
    seen: set[int] = set()
    for encoding in whole.encode_batch_fast([pieces.normal(text) for text in texts], add_special_tokens=False):
        seen.update(encoding.ids)
    kept = pieces.keep(pretrained.pieces, pretrained.scores.tolist(), seen - set(special), most)
    kept = [number for number in kept if number not in special]
    ends = [("<pad>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    found = [(pretrained.pieces[number], float(pretrained.scores[number])) for number in kept]
    return special + kept, pieces.build(ends + found)


def _words(examples: Sequence[Example]) -> dict[str, tuple[str, ...]]:
    """The words of each field, those of the helping tasks (`intent`, `review_emotion`) as they occur."""
    words: dict[str, tuple[str, ...]] = {**FIELDS, "risks": RISKS}
    extra: dict[str, set[str]] = {}
    for example in examples:
        for field, word in example.labels.items():
            if field not in words:
                extra.setdefault(field, set()).add(word)
    return words | {field: tuple(sorted(found)) for field, found in sorted(extra.items())}


def _prepare(
    network: Encoder,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    words: Mapping[str, tuple[str, ...]],
    say: Say,
) -> list[_Prepared]:
    ids = pieces.cut(tokenizer, [example.text for example in examples])
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    hidden: dict[int, Tensor] = {}
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in range(0, len(order), 64):
            numbers = order[start : start + 64]
            padded, mask = padding([ids[number] for number in numbers])
            below = network.below(padded, mask).to(torch.bfloat16)
            for row, number in enumerate(numbers):
                hidden[number] = below[row, : len(ids[number])].clone()
    say(f"{len(examples)} texts prepared")
    return [
        _Prepared(hidden[number], _targets(example, words), example.weights) for number, example in enumerate(examples)
    ]


def _targets(example: Example, words: Mapping[str, tuple[str, ...]]) -> dict[str, Tensor]:
    targets: dict[str, Tensor] = {}
    for field, word in example.labels.items():
        if field == "risks":
            said = set(word.split(","))
            targets[field] = torch.tensor([float(risk in said) for risk in RISKS])
        else:
            targets[field] = torch.tensor(words[field].index(word))
    return targets


def padding(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of equal length, and where they hold a piece."""
    longest = max(map(len, ids))
    padded = torch.full((len(ids), longest), pieces.PAD)
    for row, found in enumerate(ids):
        padded[row, : len(found)] = torch.tensor(found)
    mask = torch.zeros(len(ids), longest, dtype=torch.bool)
    for row, found in enumerate(ids):
        mask[row, : len(found)] = True
    return padded, mask


def _learn(network: Encoder, plan: Sequence[Sequence[_Prepared]], recipe: Recipe, say: Say) -> None:
    for parameter in [*network.word.parameters(), *network.position.parameters(), *network.eln.parameters()]:
        parameter.requires_grad_(False)
    for parameter in network.layers[: recipe.frozen].parameters():
        parameter.requires_grad_(False)
    upper = list(network.layers[recipe.frozen :].parameters())
    optimiser = torch.optim.AdamW(
        [{"params": upper, "lr": recipe.rate}, {"params": network.heads.parameters(), "lr": recipe.head_rate}],
        weight_decay=0.01,
    )
    steps = sum(-(-len(examples) // recipe.batch) for examples in plan)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / (_WARM_UP * steps), 1 - step / steps)
    )
    torch.manual_seed(recipe.seed)
    random_numbers = np.random.default_rng(recipe.seed)
    network.train()
    for epoch, examples in enumerate(plan, start=1):
        total, count = 0.0, 0
        for batch in _batches(examples, recipe.batch, random_numbers):
            loss = _loss(network, batch, recipe)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(upper, 1.0)
            optimiser.step()
            schedule.step()
            total, count = total + float(loss.detach()), count + 1
            if count % 250 == 0:
                say(f"epoch {epoch}, {count} batches: loss {total / count:.3f}")
        say(f"epoch {epoch} of {len(plan)}: loss {total / count:.3f}")


def _batches(
    examples: Sequence[_Prepared], size: int, random_numbers: np.random.Generator
) -> Iterator[list[_Prepared]]:
    """Batches of texts of like length, in an order that changes every epoch."""
    order = random_numbers.permutation(len(examples))
    chunks = [order[start : start + 50 * size] for start in range(0, len(order), 50 * size)]
    batches: list[list[int]] = []
    for chunk in chunks:
        by_length = sorted(chunk.tolist(), key=lambda number: len(examples[number].hidden))
        batches += [by_length[start : start + size] for start in range(0, len(by_length), size)]
    for number in random_numbers.permutation(len(batches)):
        yield [examples[at] for at in batches[number]]


def _loss(network: Encoder, batch: Sequence[_Prepared], recipe: Recipe) -> Tensor:
    longest = max(len(example.hidden) for example in batch)
    hidden = torch.zeros(len(batch), longest, batch[0].hidden.shape[1])
    mask = torch.zeros(len(batch), longest, dtype=torch.bool)
    for row, example in enumerate(batch):
        hidden[row, : len(example.hidden)] = example.hidden.float()
        mask[row, : len(example.hidden)] = True
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = network.above(hidden, mask)
    pooled = functional.dropout(pooled.float(), recipe.dropout)
    losses: list[Tensor] = []
    for field, head in network.heads.items():
        rows = [row for row, example in enumerate(batch) if field in example.targets]
        if not rows:
            continue
        logits = head(pooled[rows])
        targets = torch.stack([batch[row].targets[field] for row in rows])
        counts = torch.tensor([batch[row].weights.get(field, 1.0) for row in rows])
        if field == "risks":
            one = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)
        else:
            one = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=0.05)
        losses.append((one * counts).sum() / len(batch))
    return torch.stack(losses).sum()
