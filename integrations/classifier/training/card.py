"""A model's card: what it learned from, how, how right it is and where not. JSON with the model, Markdown for people.

No text of anybody stands in it, and nothing in it tells who wrote one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from integrations.classifier.training.examples import Example
from integrations.classifier.training.light import Recipe

FORM = 1

LICENCES: Mapping[str, tuple[str, str]] = {
    "messages": ("Tanggap's own messages, written and labelled for it", "as the package"),
    "smsa": ("IndoNLU SmSA, sentiment of comments and reviews (Purwarianti & Crisdayanti 2019)", "MIT"),
    "emot": ("IndoNLU EmoT, emotions of tweets (Saputri 2018)", "MIT"),
    "casa": ("IndoNLU CASA, car reviews", "MIT"),
    "hoasa": ("IndoNLU HoASA, hotel reviews", "MIT"),
    "nusax_english": ("NusaX sentiment, English", "CC BY-SA 4.0"),
    "prdect_id": ("PRDECT-ID, shop reviews (Sutoyo et al. 2022)", "CC BY 4.0"),
    "banking77": ("BANKING77, questions to a bank (PolyAI)", "CC BY 4.0"),
    "correction": ("what this company's people corrected; the messages stay in its database", "the company's own"),
}
"""Where texts are from and under which licence, by source. The weights hold none of the texts."""

MEANT_FOR = (
    "Tells what messages to a company are (Indonesian, English and mixtures): kind, category, remedy, anger, risks. "
    "Beside the rules of the lexicon, for people who decide; it answers nobody and closes nothing by itself."
)
FAILURES = (
    "Irony is often taken at its word: praise that means blame is found as praise where no word gives it away.",
    "Regional languages (Javanese, Sundanese, Minang) are read only as far as their words mix with Indonesian.",
    "It reads words, not pictures, links or what was said before in the thread.",
    "Of a long text only the first 14,000 and the last 4,000 characters are read.",
    "Rare words of a trade are new to it until people correct what it made of them.",
)
_TITLES = {
    "kind": "Kind",
    "complaint": "Complaint or not",
    "category": "Category",
    "remedy": "Remedy",
    "anger": "Anger",
    "sentiment": "Sentiment",
    "emotion": "Emotion",
    "risks": "Risks",
}
_BAR = 20


def sources(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """How many texts came from where, and under which licence."""
    counted = Counter(example.source for example in examples)
    return [
        {
            "source": name,
            "texts": count,
            "what": LICENCES.get(name, (name, ""))[0],
            "licence": LICENCES.get(name, ("", "unknown"))[1],
        }
        for name, count in sorted(counted.items())
    ]


def written(
    *,
    parent: Mapping[str, Any] | None,
    examples: Sequence[Example],
    recipe: Recipe,
    seed: int,
    rules: str,
    scores: Mapping[str, Any],
    measured_on: str,
    **more: Any,
) -> dict[str, Any]:
    """The card of a model. `parent` is the card of the model that it was moved from; `rules` the lexicon's version."""
    return {
        "form": FORM,
        "meant_for": MEANT_FOR,
        "data": sources(examples),
        "data_of_parent": list((parent or {}).get("data", [])) + list((parent or {}).get("data_of_parent", [])),
        "recipe": asdict(recipe),
        "seed": seed,
        "rules": rules,
        "measured_on": measured_on,
        "scores": dict(scores),
        "failures": list(FAILURES),
        **more,
    }


def as_markdown(name: str, card: Mapping[str, Any]) -> str:
    """The card for a person."""
    return "\n".join(_lines(name, card)) + "\n"


def _lines(name: str, card: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {name}"
    yield ""
    if not card.get("scores"):
        yield "Nothing was written down of how this model was made."
        return
    yield str(card["meant_for"])
    yield ""
    if card.get("parent"):
        yield f"Moved from {card['parent']} by what people corrected."
        yield ""
    yield "## Data and licences"
    yield ""
    yield "| Source | Texts | Licence |"
    yield "|---|---:|---|"
    for one in card["data"]:
        yield f"| {one['source']}: {one['what']} | {one['texts']:,} | {one['licence']} |"
    inherited = {one["source"]: one for one in card.get("data_of_parent", [])}
    own = {one["source"] for one in card["data"]}
    for one in inherited.values():
        if one["source"] not in own:
            texts = f"{one['texts']:,} (through {card.get('parent')})"
            yield f"| {one['source']}: {one['what']} | {texts} | {one['licence']} |"
    yield ""
    yield "## Recipe"
    yield ""
    yield ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in card["recipe"].items())
    yield f"Seed {card['seed']}. Rules {card['rules']}."
    yield ""
    yield "## How right it is"
    yield ""
    yield f"Measured on {card['measured_on']}. In brackets: where the figure lies 95 times of 100."
    yield ""
    yield "| Field | Language | Texts | Macro-F1 | Right | Within one step |"
    yield "|---|---|---:|---|---|---|"
    for field, scores in card["scores"].items():
        if field != "risks":
            for language, figures in _parts(scores):
                yield (
                    f"| {_TITLES.get(field, field)} | {language} | {figures['texts']} | {_said(figures['macro_f1'])} | "
                    f"{_said(figures['share_right'])} | {_said(figures.get('within_one'))} |"
                )
    if "risks" in card["scores"]:
        yield ""
        yield "| Risks | Texts | Recall | Precision | F1 |"
        yield "|---|---:|---|---|---|"
        for language, figures in _parts(card["scores"]["risks"]):
            yield (
                f"| {language} | {figures['texts']} | {_said(figures['recall'])} | {_said(figures['precision'])} | "
                f"{_said(figures['f1'])} |"
            )
    yield ""
    yield from _calibration(card["scores"])
    yield from _compared(card.get("compared"))
    yield "## Known failures"
    yield ""
    for failure in card["failures"]:
        yield f"- {failure}"
    for field, scores in card["scores"].items():
        mistakes = [_mistake(one) for one in scores["mistakes"]]
        if mistakes:
            yield f"- {_TITLES.get(field, field)}: {'; '.join(mistakes)}."


def _parts(scores: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "all", scores["all"]
    yield from scores["by_language"].items()


def _calibration(scores: Mapping[str, Any]) -> Iterator[str]:
    """Bins as bars of text: they show in a terminal, in a pager and in a browser alike."""
    yield "## Calibration"
    yield ""
    yield "Of findings said to be so likely (left) so many were right (bar)."
    for field, one in scores.items():
        yield ""
        yield f"**{_TITLES.get(field, field)}**, {one['calibration']['error']:.3f} off on average"
        yield ""
        yield "```"
        for found in one["calibration"]["bins"]:
            bar = "#" * round(found["right"] * _BAR)
            yield f"{found['said']:5.2f}  {bar:<{_BAR}}  {found['right']:5.2f}  of {found['count']}"
        yield "```"
    yield ""


def _compared(compared: Mapping[str, Any] | None) -> Iterator[str]:
    if not compared:
        return
    yield f"## Beside {compared['with']}"
    yield ""
    checked, other = compared["checked"], compared["with"]
    yield (
        f"Of {checked['labels']} checked corrections it gets {checked['new']} right, {other} {checked['old']} "
        f"(ahead in {checked['ahead']:.0%} of resamplings)."
    )
    yield ""
    yield f"| Field | {other}, fixed set | this one, fixed set | {other}, checked | this one, checked |"
    yield "|---|---:|---:|---:|---:|"
    fields = [*compared["fixed"], *(field for field in checked["fields"] if field not in compared["fixed"])]
    for field in fields:
        fixed, check = compared["fixed"].get(field), checked["fields"].get(field)
        yield f"| {field} | {_one(fixed, 'old')} | {_one(fixed, 'new')} | {_one(check, 'old')} | {_one(check, 'new')} |"
    yield ""


def _one(figures: Mapping[str, float] | None, which: str) -> str:
    return "" if figures is None else f"{figures[which]:.3f}"


def _said(figure: Mapping[str, float] | None) -> str:
    return "" if figure is None else f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _mistake(one: Mapping[str, Any]) -> str:
    if "missed" in one:
        return f"{one['right']} missed {one['missed']} of {one['of']} times, seen {one['false']} times where it is not"
    return f"{one['right']} taken for {one['found']} {one['times']} of {one['of']} times"
