"""How right the assessment is, how quick and how large, and what its thresholds cost.

    uv run python -m bench.assess [--data ../shared/data] [--rows 600] [--rounds 3] [--json FILE]

Each field is measured for `rules` (alone), `light` (rules and light path), `encoder` (alone: no rule has a say) and
`both` (the assessor as shipped), with the interval in which the figure lies 95 times of 100, were the texts drawn anew.
Nothing that is measured on was learned from, unless a set's line says so. Speed and memory are measured in processes of
their own, on one thread, beside a plain scikit-learn pipeline in the same rounds. README.md says what the figures mean.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine

ROOT = Path(__file__).resolve().parents[1]
TEST_SET = ROOT / "tests" / "data" / "assessed.jsonl"
REAL_ROWS = ROOT / "bench" / "labels" / "real.csv"
PATHS = ("rules", "light", "encoder", "both")
DRAWS = 1_000
BATCH = 256
LENGTHS = (140, 240)
"""Characters of the texts that speed is measured on: some 180 on average."""

SPEED_TEXTS = 4_096
ENCODER_TEXTS = 300
FITTED = 2_000
"""Messages that the plain pipeline is fitted on."""

STARTS = 5
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8)

WANTED = {
    ("kind", "macro-F1"): 0.80,
    ("category", "macro-F1"): 0.75,
    ("remedy", "macro-F1"): 0.65,
    ("anger", "within one"): 0.95,
    ("language", "right"): 0.97,
    ("risks", "recall"): 0.95,
    ("risks", "precision"): 0.60,
}
YARDSTICKS = {("smsa/valid", "sentiment"): 0.86, ("emot/valid", "emotion"): 0.73}
LIGHT_PER_SECOND, LIGHT_MB, ENCODER_PER_SECOND, FIRST_ANSWER_S = 1_500, 400, 100, 3.0
PIPELINE_PER_SECOND = 3_400
"""What the plain pipeline does on the machine that the goals were set on: goals of speed are ratios to it."""


Labels = Mapping[str, Any]
"""What is right of a text, or was found in it, by field. `risks` is a set, `anger` a number, `None` is nothing."""


@dataclass(frozen=True)
class Part:
    """Labelled texts from one place; `note` is what must be known of them to read their figures."""

    name: str
    texts: tuple[str, ...]
    right: tuple[Labels, ...]
    note: str = ""


def main() -> None:
    """Measure everything and tell it."""
    options = _options()
    if options.child:
        print(json.dumps(CHILDREN[options.child](json.loads(options.texts.read_text("utf-8")))))
        return
    facts = machine.facts()
    told: dict[str, Any] = {"machine": facts, "goals": []}
    if options.rows:
        parts = list(_parts(options.data, options.rows, options.seed))
        paths = Paths()
        found = {part.name: paths.answers(part.texts) for part in parts}
        told["version"] = paths.version
        told["right"] = {part.name: _scores(part, found[part.name], options.seed) for part in parts}
        told["costs"] = _costs(parts, found, paths)
        told["goals"] += _right_goals(told["right"])
        _print_scores(parts, told["right"])
        _print_costs(told["costs"])
    if options.rounds:
        told["speed"] = _speed(options)
        told["goals"] += _speed_goals(told["speed"])
        _print_speed(told["speed"])
    machine.tell(told, options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the public texts as CSV")
    parser.add_argument("--rows", type=int, default=600, help="of each public set, drawn by seed; 0: only speed")
    parser.add_argument("--rounds", type=int, default=3, help="of speed, each in fresh processes; 0: leave it out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--json", type=Path, nargs="?", const=Path("-"), help="write everything there; - or nothing: out"
    )
    parser.add_argument("--child", choices=sorted(CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# What is measured on


def _parts(data: Path, rows: int, seed: int) -> Iterator[Part]:
    """Every part that is at hand; of a missing one a line says so."""
    lines = [json.loads(line) for line in TEST_SET.read_text("utf-8").splitlines()]
    yield _part("own test set", [(line["text"], _labels(line, line["risks"])) for line in lines], "written apart")
    yield _held_back(data)
    if data.is_dir():
        yield _real(data)
    else:
        _say(f"left out: real rows labelled by us ({data} is not there)")
    for name, file, read, note in PUBLIC:
        path = data / file
        if not path.is_file():
            _say(f"left out: {name} ({path} is not there)")
            continue
        labelled = [found for found in map(read, _csv(path)) if found is not None]
        chosen = random.Random(seed).sample(labelled, min(rows, len(labelled)))
        yield _part(name, chosen, note)


def _part(name: str, labelled: Sequence[tuple[str, Labels]], note: str = "") -> Part:
    return Part(name, tuple(text for text, _ in labelled), tuple(labels for _, labels in labelled), note)


def _labels(line: Mapping[str, Any], risks: Sequence[str]) -> Labels:
    """Our seven labels of a text, category and remedy only where it is a complaint."""
    right = {"kind": line["kind"], "anger": int(line["anger"]), "language": line["language"], "risks": frozenset(risks)}
    return {**right, **{field: line[field] for field in ("category", "remedy") if line[field]}}


def _held_back(data: Path) -> Part:
    from integrations.classifier.training import examples

    known = examples.own()
    if data.is_dir():
        known += examples.labelled(data)
    else:
        _say(f"left out: the held-back tenth of the labelled public rows ({data} is not there)")
    kept = [example for example in known if examples.held_back(example)]
    labelled = [
        (
            example.text,
            _labels(
                {"category": None, "remedy": None, "language": example.language, **example.labels},
                [risk for risk in example.labels["risks"].split(",") if risk],
            ),
        )
        for example in kept
    ]
    return _part("held-back tenth", labelled, "same hands as the corpus; temperatures were set on it")


def _real(data: Path) -> Part:
    """Public rows that nobody learned from, with our labels; a row that is not the one labelled is left out."""
    from integrations.classifier.training.examples import digest

    files: dict[str, list[dict[str, str]]] = {}
    labelled, strange = [], 0
    for row in _csv(REAL_ROWS):
        path = data / row["path"]
        if row["path"] not in files:
            files[row["path"]] = _csv(path) if path.is_file() else []
            if not path.is_file():
                _say(f"left out: labelled rows of {path} (not there)")
        lines, number = files[row["path"]], int(row["row"])
        text = _text(lines[number]) if number < len(lines) else None
        if text is None or digest(text) != row["sha256"]:
            strange += bool(lines)
            continue
        labelled.append((text, _labels(row, [risk for risk in row["risks"].split(",") if risk])))
    if strange:
        _say(f"left out: {strange} rows that are not the texts that were labelled")
    return _part("real rows", labelled, "of ten public sets, labelled by us; never learned from")


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(row: Mapping[str, str]) -> str:
    return next(row[name] for name in ("text", "review", "sentence", "tokens") if name in row)


Read = Callable[[Mapping[str, str]], tuple[str, Labels] | None]


def _field(name: str, words: Mapping[str, Any] | None = None, column: str = "label") -> Read:
    """Reads a set whose column says one of our fields; rows with another word are left out."""

    def read(row: Mapping[str, str]) -> tuple[str, Labels] | None:
        said = row[column] if words is None else words.get(row[column])
        return None if said is None else (_text(row), {name: said})

    return read


_REASONS = {
    "Late Flight": "delivery",
    "Lost Luggage": "delivery",
    "Damaged Luggage": "delivery",
    "Customer Service Issue": "service",
    "Flight Attendant Complaints": "service",
}
"""Reasons of complaints about airlines whose category is beyond doubt."""


def _airline(row: Mapping[str, str]) -> tuple[str, Labels] | None:
    labels: dict[str, Any] = {"complaint": row["airline_sentiment"] == "negative"}
    if row["negativereason"] in _REASONS:
        labels["category"] = _REASONS[row["negativereason"]]
    return row["text"], labels


def _tagged(row: Mapping[str, str]) -> tuple[str, Labels] | None:
    """The language by the share of tagged words: mixed from two words and 15 % of each; with Javanese left out."""
    tags = row["langs"].split()
    own, english = tags.count("ID"), tags.count("EN")
    if own + english < 3 or sum("JV" in tag for tag in tags) > 1:
        return None
    less = min(own, english)
    mixed = less >= 2 and less / (own + english) >= 0.15
    return row["tokens"], {"language": "mixed" if mixed else "id" if own >= english else "en"}


_SPAM = {"normal": False, "penipuan": True, "promo": True}
_REVIEWS = {"Positive": "praise", "Negative": "complaint"}
_MEAN = "both: the mean of the two paths"

PUBLIC: tuple[tuple[str, str, Read, str], ...] = (
    ("smsa/valid", "smsa/valid.csv", _field("sentiment"), _MEAN),
    ("nusax_english/valid", "nusax_english/valid.csv", _field("sentiment"), _MEAN),
    ("emot/valid", "emot/valid.csv", _field("emotion"), _MEAN),
    ("complaints_en", "complaints_en/all.csv", _field("complaint", {"0": False, "1": True}, "complaint"), ""),
    ("airline_en", "airline_en/all.csv", _airline, "negative counts as complaint; category of clear reasons only"),
    ("sms_spam_id", "sms_spam_id/all.csv", _field("spam", _SPAM, "label_name"), "fraud and advertising are spam"),
    ("ijelid/val", "ijelid/val.csv", _tagged, "by word tags; mixed from two words and 15 % of each"),
    ("prdect_id", "prdect_id/all.csv", _field("kind", _REVIEWS, "sentiment"), "LEARNED FROM: says only that it was"),
)


# What is found


class _Remembering:
    """The encoder, asked once a text: four paths measure the same texts."""

    def __init__(self, encoder: Any) -> None:
        self._encoder, self.name = encoder, encoder.name
        self._known: dict[str, dict[str, Any]] = {}

    def probabilities(self, texts: Sequence[str]) -> dict[str, Any]:
        import numpy as np

        for text in texts:
            if text not in self._known:
                found = self._encoder.probabilities([text])
                self._known[text] = {field: row[0] for field, row in found.items()}
        return {
            field: np.array([self._known[text][field] for text in texts]) for field in next(iter(self._known.values()))
        }


@dataclass(frozen=True)
class _Nothing:
    """What rules say that have no say."""

    said: Mapping[str, float]
    risks: tuple[()] = ()

    def risks_in(self, kind: object) -> tuple[()]:
        return ()


class Paths:
    """The assessor in its parts, opened as the package opens it; a company is nobody, so every text is about us."""

    def __init__(self) -> None:
        from integrations.classifier.encoder.session import EncoderPath
        from integrations.classifier.joined import JoinedAssessor
        from integrations.classifier.light import LightPath
        from integrations.classifier.shipped import MODELS, encoder_missing, shipped_model
        from policy.assess.rules import RuleAssessor
        from policy.loading import load_policy

        policy = load_policy()
        self.limits = policy.assessing
        self._rules = RuleAssessor(policy.lexicon, policy.company, any_brand=True)
        self._light = LightPath(shipped_model(), policy.lexicon.spelling)
        missing = encoder_missing()
        if missing:
            _say(f"left out: encoder and both ({missing})")
        self._encoder: Any = None if missing else _Remembering(EncoderPath(MODELS))
        self._assessors: dict[str, Any] = {
            "rules": self._rules,
            "light": JoinedAssessor(self._rules, self._light, None, self.limits),
        }
        if self._encoder is not None:
            self._assessors["both"] = JoinedAssessor(self._rules, self._light, self._encoder, self.limits)
        self.version = self._assessors.get("both", self._assessors["light"]).version

    def answers(self, texts: Sequence[str]) -> dict[str, list[Labels]]:
        """What each path finds in each text."""
        from integrations.classifier.fields import EMOTION, SENTIMENT
        from policy.assess.deciding import decide
        from policy.assessment import Text

        batch = [Text(text) for text in texts]
        found: dict[str, list[dict[str, Any]]] = {
            name: [{**_fields(one), "language": one.language} for one in assessor.assess(batch)]
            for name, assessor in self._assessors.items()
        }
        read = self._rules.read(batch)
        moods = {"light": self._light.probabilities(texts, [one.said for one in read])}
        if self._encoder is not None:
            moods["encoder"] = second = self._encoder.probabilities(texts)
            rows = [{field: chances[at].tolist() for field, chances in second.items()} for at in range(len(texts))]
            found["encoder"] = [_fields(decide(row, _Nothing({}), self.limits)) for row in rows]
            weight = self.limits.second_opinion.weight
            moods["both"] = {
                field: (1 - weight) * moods["light"][field] + weight * second[field] for field in moods["light"]
            }
        for name, chances in moods.items():
            for field, words in (("sentiment", SENTIMENT), ("emotion", EMOTION)):
                for one, best in zip(found[name], chances[field].argmax(axis=1), strict=True):
                    one[field] = words[best]
        return {name: list(found[name]) for name in PATHS if name in found}

    def risk_chances(self, texts: Sequence[str]) -> tuple[list[set[str]], list[list[float]]]:
        """The risks that the rules find in each text, and what the model says of each as the assessor joins it."""
        from policy.assess.deciding import wants_second_opinion
        from policy.assessment import Text

        read = self._rules.read([Text(text) for text in texts])
        light = self._light.probabilities(texts, [one.said for one in read])
        second = None if self._encoder is None else self._encoder.probabilities(texts)
        opinion, joined = self.limits.second_opinion, []
        for at, one in enumerate(read):
            chances = light["risks"][at]
            likely = {field: rows[at].tolist() for field, rows in light.items()}
            if second is not None and wants_second_opinion(likely, one.risks, opinion):
                chances = (1 - opinion.weight) * chances + opinion.weight * second["risks"][at]
            joined.append(chances.tolist())
        return [{str(risk) for risk in one.risks} for one in read], joined


def _fields(found: Any) -> dict[str, Any]:
    """A finding in the words of labels."""
    return {
        "kind": str(found.kind),
        "category": None if found.category is None else str(found.category),
        "remedy": None if found.remedy is None else str(found.remedy),
        "anger": int(found.anger),
        "risks": frozenset(str(risk) for risk in found.risks),
        "complaint": found.kind == "complaint",
        "spam": found.kind == "spam",
    }


# How right it is


def _scores(part: Part, found: Mapping[str, Sequence[Labels]], seed: int) -> dict[str, Any]:
    """By field and measure: how many texts, and each path's figure with its interval."""
    _say(f"{part.name}: {len(part.texts)} texts")
    made: dict[str, Any] = {}
    for field in sorted({field for labels in part.right for field in labels}):
        places = [at for at, labels in enumerate(part.right) if field in labels]
        right = [part.right[at][field] for at in places]
        for path, answers in found.items():
            if any(field not in answers[at] for at in places):
                continue
            for measure, figure in _measures(field, right, [answers[at][field] for at in places], seed).items():
                made.setdefault(field, {}).setdefault(measure, {"texts": len(places)})[path] = figure
    return made


def _measures(field: str, right: Sequence[Any], found: Sequence[Any], seed: int) -> dict[str, dict[str, float]]:
    import numpy as np

    from integrations.classifier.fields import RISKS

    draws = np.random.default_rng(seed).integers(0, len(right), (DRAWS, len(right)))
    if field == "risks":
        holds, seen = (np.array([[risk in one for risk in RISKS] for one in rows]) for rows in (right, found))
        cells = np.stack([(holds & seen).sum(1), holds.sum(1), seen.sum(1)], axis=1)
        sums = [cells.sum(axis=0), *(cells[chosen].sum(axis=0) for chosen in draws)]
        return {
            "recall": _figure([there / max(1, whole) for there, whole, _ in sums]),
            "precision": _figure([there / max(1, named) for there, _, named in sums]),
            "F1": _figure([2 * there / max(1, whole + named) for there, whole, named in sums]),
        }
    hits = np.array([one == other for one, other in zip(right, found, strict=True)])
    share = _figure([hits.mean(), *hits[draws].mean(axis=1)])
    if field == "language":
        return {"right": share}
    words = list(dict.fromkeys([*right, *found]))
    number = {word: at for at, word in enumerate(words)}
    size, counted = len(words), sorted({number[word] for word in right})
    pairs = np.array([number[one] * size + number[other] for one, other in zip(right, found, strict=True)])

    def macro(chosen: Any) -> float:
        table = np.bincount(chosen, minlength=size * size).reshape(size, size)
        both = (table.sum(axis=0) + table.sum(axis=1))[counted]
        return float(np.mean(2 * np.diag(table)[counted] / np.maximum(both, 1)))

    made = {"macro-F1": _figure([macro(pairs), *(macro(pairs[chosen]) for chosen in draws)]), "right": share}
    if field == "anger":
        near = np.array([abs(one - other) <= 1 for one, other in zip(right, found, strict=True)])
        made["within one"] = _figure([near.mean(), *near[draws].mean(axis=1)])
    return made


def _figure(values: Sequence[float]) -> dict[str, float]:
    """The first value, and the interval that the drawn ones lie in."""
    import numpy as np

    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {"value": round(float(values[0]), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _right_goals(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The goals for the shipped assessor, on texts that nobody learned from."""
    goals = []
    wanted = [(part, *key, least) for part in ("own test set", "real rows") for key, least in WANTED.items()]
    wanted += [(part, field, "macro-F1", least) for (part, field), least in YARDSTICKS.items()]
    for part, field, measure, least in wanted:
        figures = scores.get(part, {}).get(field, {}).get(measure)
        if figures is None:
            continue
        value = figures.get("both", figures.get("light"))["value"]
        goals.append(machine.judged(f"{part}: {field} {measure}", value, f">= {least}", value >= least))
    return goals


def _print_scores(parts: Sequence[Part], scores: Mapping[str, Any]) -> None:
    for part in parts:
        rows = [
            (field, measure, figures["texts"], *(_shown(figures.get(path)) for path in PATHS))
            for field, measures in scores[part.name].items()
            for measure, figures in measures.items()
        ]
        note = f" ({part.note})" if part.note else ""
        machine.table(f"{part.name}: {len(part.texts)} texts{note}", ("field", "measure", "of", *PATHS), rows)


def _shown(figure: Mapping[str, float] | None) -> str:
    return "-" if figure is None else f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


# What thresholds cost


def _costs(parts: Sequence[Part], found: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """By risk and threshold: what is missed, what is a false alarm, and both in false alarms (assessing.yaml)."""
    from integrations.classifier.fields import RISKS

    texts, right, spam = [], [], []
    for part in parts:
        if part.name not in ("own test set", "real rows", "held-back tenth"):
            continue
        answers = found[part.name].get("both", found[part.name]["light"])
        texts += part.texts
        right += [labels["risks"] for labels in part.right]
        spam += [answer["kind"] == "spam" for answer in answers]
    named, chances = paths.risk_chances(texts)
    made: dict[str, Any] = {}
    for number, risk in enumerate(RISKS):
        limit = paths.limits.risks[risk]

        def cost(threshold: float, number: int = number, risk: str = risk) -> dict[str, float]:
            missed = false = 0
            for holds, rules, likely, thrown in zip(right, named, chances, spam, strict=True):
                seen = not thrown and (risk in rules or likely[number] >= threshold)
                missed += risk in holds and not seen
                false += seen and risk not in holds
            price = paths.limits.risks[risk].missed_costs
            return {"from": threshold, "missed": missed, "false": false, "cost": round(missed * price + false, 1)}

        tried = [cost(threshold) for threshold in THRESHOLDS]
        made[risk] = {
            "texts": sum(risk in holds for holds in right),
            "missed_costs": limit.missed_costs,
            "rules_alone": cost(2.0),
            "shipped": cost(limit.found_from),
            "cheapest": min(tried, key=lambda one: (one["cost"], -one["from"])),
            "tried": tried,
        }
    return made


def _print_costs(costs: Mapping[str, Any]) -> None:
    rows = [
        (
            risk,
            one["texts"],
            f"{one['missed_costs']:g}",
            *(_priced(one[which]) for which in ("rules_alone", "shipped", "cheapest")),
            *(f"{tried['cost']:g}" for tried in one["tried"]),
        )
        for risk, one in costs.items()
    ]
    names = ("risk", "of", "a miss", "rules alone", "as shipped", "cheapest", *(f"{at:g}" for at in THRESHOLDS))
    machine.table(
        "What a threshold costs, in false alarms: missed x cost of a miss + false alarms (rules and model together; "
        "test set, real rows, held-back tenth)",
        names,
        rows,
    )


def _priced(one: Mapping[str, float]) -> str:
    start = "" if one["from"] > 1 else f"{one['from']:g}: "
    return f"{start}{one['cost']:g} ({one['missed']} missed, {one['false']} false)"


# Speed and memory


def _speed(options: argparse.Namespace) -> dict[str, Any]:
    texts = _speed_texts(options.data, options.seed)
    rounds: list[dict[str, Any]] = []
    from integrations.classifier.shipped import encoder_missing

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps(texts), encoding="utf-8")
        for number in range(options.rounds):
            _say(f"speed, round {number + 1} of {options.rounds}")
            names = [name for name in CHILDREN if name != "encoder" or not encoder_missing()]
            rounds.append({name: _child(name, file) for name in names})
        starts = {use: _starts(use, Path(folder)) for use in ("light", "full")}
    return {
        "texts": len(texts),
        "characters": round(sum(map(len, texts)) / max(1, len(texts))),
        "rounds": rounds,
        "middle": {name: _middle([one[name] for one in rounds]) for name in rounds[0]},
        "light_to_pipeline": {
            state: _median([one["light"][state] / one["pipeline"][state] for one in rounds])
            for state in ("cold", "warm")
        },
        "first_answer": starts,
    }


def _speed_texts(data: Path, seed: int) -> list[str]:
    """Real texts of some 180 characters, each another one; without the public sets, those of our own."""
    files = [data / name for name in ("smsa/train.csv", "prdect_id/all.csv", "hoasa/train.csv")]
    texts = [_text(row) for file in files if file.is_file() for row in _csv(file)]
    if not texts:
        from integrations.classifier.training.examples import own

        _say("speed is measured on messages of our own: the public ones are not there")
        texts = [example.text for example in own()]
    fitting = sorted({text for text in texts if LENGTHS[0] <= len(text) <= LENGTHS[1]})
    return random.Random(seed).sample(fitting, min(SPEED_TEXTS, len(fitting)))


def _child(name: str, file: Path) -> dict[str, float]:
    """One part, measured in a process of its own, on one thread."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.assess", "--child", name, "--texts", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _in_batches(texts: Sequence[str], work: Callable[[Sequence[str]], object]) -> dict[str, float]:
    """Texts a CPU second: of the first half, in a process that has read none, and of the other half after it."""
    half = len(texts) // 2
    found = {}
    for state, part in (("cold", texts[:half]), ("warm", texts[half:])):
        watch = machine.Stopwatch()
        for start in range(0, len(part), BATCH):
            work(part[start : start + BATCH])
        found[state] = round(len(part) / watch.cpu, 1)
    return found


def _memory() -> dict[str, float]:
    """What this process holds, and the most that it ever held; `ru_maxrss` would carry over what its parent held."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.is_file() else []
    most = [float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")]
    resident = machine.resident()
    return {"resident_mb": round(resident, 1), "peak_mb": round(max([resident, *most]), 1)}


def _pipeline(texts: Sequence[str]) -> dict[str, float]:
    """What one would write first: TF-IDF of words and letters, one head, scikit-learn as it comes."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    from integrations.classifier.training.examples import own

    known = own()[:FITTED]
    pipeline = make_pipeline(
        make_union(TfidfVectorizer(ngram_range=(1, 2)), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))),
        LogisticRegression(),
    )
    pipeline.fit([one.text for one in known], [one.labels["kind"] for one in known])
    return {**_in_batches(texts, pipeline.predict_proba), **_memory()}


def _rules_child(texts: Sequence[str]) -> dict[str, float]:
    return _assessor_child(texts, "off")


def _light_child(texts: Sequence[str]) -> dict[str, float]:
    return _assessor_child(texts, "light")


def _assessor_child(texts: Sequence[str], use: str) -> dict[str, float]:
    """The assessor as the desk opens it: all heads, what is decided, and the words it rests on."""
    from policy.assessment import Text

    assessor = _opened(use)
    return {**_in_batches(texts, lambda batch: assessor.assess([Text(text) for text in batch])), **_memory()}


def _encoder_child(texts: Sequence[str]) -> dict[str, float]:
    """The whole assessor in memory; of it the encoder alone at work, one text at a time."""
    from policy.assessment import Text

    assessor = _opened("full")
    assessor.assess([Text(text) for text in texts[:BATCH]])
    encoder = assessor._encoder
    part = texts[BATCH : BATCH + ENCODER_TEXTS]
    watch = machine.Stopwatch()
    for text in part:
        encoder.probabilities([text])
    return {"warm": round(len(part) / watch.cpu, 1), **_memory()}


def _opened(use: str) -> Any:
    from integrations.classifier.opening import Ground, open_assessor
    from integrations.classifier.use import Use
    from policy.loading import load_policy

    policy = load_policy()
    return open_assessor(Ground(policy.lexicon, policy.company, policy.assessing), Use(use))


CHILDREN: dict[str, Callable[[Sequence[str]], dict[str, float]]] = {
    "pipeline": _pipeline,
    "light": _light_child,
    "rules": _rules_child,
    "encoder": _encoder_child,
}


def _starts(use: str, home: Path) -> dict[str, Any]:
    """`tanggap assess` from its start to its first answer, several times."""
    env = {**os.environ, "TANGGAP_HOME": str(home / "home"), "TANGGAP_MODEL": use}
    line = json.dumps({"text": "paket saya belum sampai, kurirnya bilang alamat tidak ketemu"}) + "\n"
    walls, cpus, version = [], [], ""
    for _ in range(STARTS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "desk.cli", "assess"],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
            walls.append(time.perf_counter() - began)
            process.stdin.close()
            process.wait()  # ends at once: the CPU time that is read below is that of the answer
        if not answer:
            raise SystemExit("`tanggap assess` gave no answer; what it says of why stands above")
        version = json.loads(answer)["version"]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall": machine.spread(walls), "cpu": machine.spread(cpus), "version": version}


def _median(values: Sequence[float]) -> float:
    return round(machine.percentile(values, 0.5), 3)


def _middle(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: _median([one[name] for one in rounds]) for name in rounds[0]}


def _speed_goals(speed: Mapping[str, Any]) -> list[dict[str, Any]]:
    middle, goals = speed["middle"], []

    def least(name: str, value: float, wanted: float) -> None:
        goals.append(machine.judged(name, value, f">= {wanted}", value >= wanted))

    def most(name: str, value: float, wanted: float) -> None:
        goals.append(machine.judged(name, value, f"< {wanted}", value < wanted))

    for state in ("cold", "warm"):
        wanted = round(LIGHT_PER_SECOND / PIPELINE_PER_SECOND, 2)
        least(f"light path / plain pipeline, {state}", speed["light_to_pipeline"][state], wanted)
    for state in ("cold", "warm"):
        least(f"light path, texts a CPU second here, {state}", middle["light"][state], LIGHT_PER_SECOND)
    most("light path, most memory, MB", middle["light"]["peak_mb"], LIGHT_MB)
    if "encoder" in middle:
        ratio = round(middle["encoder"]["warm"] / middle["pipeline"]["warm"], 4)
        least("encoder / plain pipeline", ratio, round(ENCODER_PER_SECOND / PIPELINE_PER_SECOND, 4))
        least("encoder, texts a CPU second here, one at a time", middle["encoder"]["warm"], ENCODER_PER_SECOND)
    for use, found in speed["first_answer"].items():
        most(f"start to first answer, {use}, s", found["wall"]["median"], FIRST_ANSWER_S)
        most(f"… of it CPU, {use}, s", found["cpu"]["median"], FIRST_ANSWER_S)
    return goals


def _print_speed(speed: Mapping[str, Any]) -> None:
    ones = speed["middle"]["pipeline"]
    rows = []
    for name, found in speed["middle"].items():
        rates = [found.get(state) for state in ("cold", "warm")]
        ratios = [
            "-" if rate is None else f"{rate / ones[state]:.2f}"
            for state, rate in zip(("cold", "warm"), rates, strict=True)
        ]
        rows.append(
            (name, *("-" if rate is None else rate for rate in rates), *ratios, found["resident_mb"], found["peak_mb"])
        )
    machine.table(
        f"Texts a CPU second on one thread ({speed['characters']} characters on average, batches of {BATCH}; encoder "
        f"one at a time); middle of {len(speed['rounds'])} rounds",
        ("what", "cold", "warm", "/ pipeline", "/ pipeline", "MB after", "MB most"),
        rows,
    )
    ratio = speed["light_to_pipeline"]
    print(f"  light / pipeline, middle of the rounds' own ratios: cold {ratio['cold']}, warm {ratio['warm']}")
    rows = [
        (use, found["version"], *(found[which]["median"] for which in ("wall", "cpu")), found["wall"]["longest"])
        for use, found in speed["first_answer"].items()
    ]
    machine.table(
        f"`tanggap assess`, start to first answer, of {STARTS} starts",
        ("model", "version", "wall s, median", "CPU s, median", "wall s, longest"),
        rows,
    )


if __name__ == "__main__":
    main()
