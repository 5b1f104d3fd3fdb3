"""Hostile texts are read in bounded steps: shown by the shape of the expressions and by counting, not by the clock."""

import random
import re
from importlib import import_module
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]

import pytest

from policy.company import read_company
from policy.guard import DraftText, check, checking, phrases, prepare, read_guardrails

ROOT = Path(__file__).resolve().parents[2]
RAILS = read_guardrails(ROOT / "policy" / "guardrails")
COMPANY = read_company(ROOT / "policy" / "company.yaml")
WIDEST = 3_000
"""Characters that one attempt may read at most: a constant, so that steps grow with the text and not faster."""

RUNS = [part for rule in RAILS.rules for tried in rule.tries for part in tried.parts if not tried.group.raw]
RUNS += [spare for rule in RAILS.rules for _, spare in rule.spares]
RUNS += [excuse for rule in RAILS.rules for group in rule.patterns for excuse in group.excuses]
MODULES = ("personal", "wording", "claims", "quoting", "folding", "lengths")
MODULES += tuple(f"contradiction.{file.stem}" for file in (ROOT / "policy/guard/contradiction").glob("[a-z]*.py"))


def compiled_in(module):
    return [
        (f"{module}.{name}", value)
        for name, value in vars(import_module(f"policy.guard.{module}")).items()
        if isinstance(value, re.Pattern)
    ]


def unbounded_within_repeats(tree, depth=0):
    """Repetitions without an end that stand inside of another repetition: only those can explode."""
    found = 0
    for operator, argument in tree:
        if operator in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _, most, inner = argument
            endless = most is _constants.MAXREPEAT
            found += endless and depth > 0
            found += unbounded_within_repeats(inner, depth + (most is _constants.MAXREPEAT or most > 1))
        elif operator in (_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP):
            continue
        elif operator is _constants.SUBPATTERN:
            found += unbounded_within_repeats(argument[-1], depth)
        elif operator is _constants.BRANCH:
            found += sum(unbounded_within_repeats(branch, depth) for branch in argument[1])
    return found


def test_every_phrase_reads_a_bounded_piece_of_text_at_a_time():
    widths = {run.pattern: _parser.parse(run.pattern, run.flags).getwidth()[1] for run in RUNS}

    assert {pattern[:80]: width for pattern, width in widths.items() if width > WIDEST} == {}


def test_no_plain_expression_of_a_rule_repeats_endlessly_within_a_repetition():
    plain = [run for rule in RAILS.rules for tried in rule.tries for run in tried.parts if tried.group.raw]

    assert [run.pattern for run in plain if unbounded_within_repeats(_parser.parse(run.pattern, run.flags))] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_expression_in_code_repeats_endlessly_within_a_repetition(module):
    exploding = [
        name
        for name, value in compiled_in(module)
        if unbounded_within_repeats(_parser.parse(value.pattern, value.flags))
    ]

    assert exploding == []


WORDS = sorted({piece for rule in RAILS.rules for tried in rule.tries for need in tried.needs for piece in need})
PIECES = ["0", "8 ", "1.", "+62", "@", " at ", "{", "[", "<", "(", "s.o.", "k a m i ", "!", "?", ", ", "\n", "“", "”"]


def hostile(seed, length):
    """Words that the rules look for, and signs that they look at, in any order."""
    chance = random.Random(seed)
    out = ""
    while len(out) < length:
        out += (
            chance.choice(WORDS) + chance.choice((" ", " ", " ", ", ", "-"))
            if chance.random() < 0.8
            else chance.choice(PIECES)
        )
    return out[:length]


def characters_tried(text, monkeypatch):
    """How many characters are given to expressions, over all of them and all copies of the text."""
    counted = 0
    places = checking._places

    def counting(tried, copy, low, high):
        nonlocal counted
        counted += (high - low) * len(tried.parts)
        for place in places(tried, copy, low, high):
            counted += (len(tried.parts) - 1) * 2 * tried.group.within
            yield place

    monkeypatch.setattr(checking, "_places", counting)
    check(DraftText(text, complaint="x", facts=("y",)), RAILS, COMPANY)
    return counted


@pytest.mark.parametrize("seed", range(4))
def test_twice_the_hostile_text_costs_twice_the_steps(seed, monkeypatch):
    text = hostile(seed, 5_000)
    once = characters_tried(text, monkeypatch)
    monkeypatch.undo()
    twice = characters_tried(f"{text}\n\n{text}", monkeypatch)

    assert twice <= 2.5 * once
    assert twice <= 10_000 * len(RUNS) * 3


@pytest.mark.parametrize(
    "piece", ["kalau puas ", "a", "0 ", "8 1 2 3 ", "{", "x1", "s.o.", "jalur hukum ", "jl a ", "+62 8"]
)
def test_one_thing_said_over_and_over_is_cheap_too(piece, monkeypatch):
    steps = characters_tried((piece * 10_000)[:10_000], monkeypatch)

    assert steps <= 10_000 * 300


def test_a_numbers_plan_is_asked_for_few_numbers_only(monkeypatch):
    from policy.guard import personal

    asked = []
    personal._dialled.cache_clear()
    monkeypatch.setattr(
        personal.phonenumbers,
        "parse",
        lambda number, region: (
            asked.append(number) or (_ for _ in ()).throw(personal.phonenumbers.NumberParseException(0, ""))
        ),
    )
    check(DraftText(("hubungi 0271 123456 " * 500)[:10_000]), RAILS, COMPANY)

    assert len(asked) <= 600
    assert max(map(len, asked)) <= 16


@pytest.mark.parametrize(
    ("phrase", "pieces"),
    [
        ("(ke)?salah(an)? anda", [{"salah"}, {"anda"}]),
        ("lapor(kan)? ~ (polisi|jaksa)", [{"polisi", "jaksa"}, {"lapor"}]),
        (r"\w+", []),
    ],
)
def test_a_phrase_knows_what_must_stand_in_a_text(phrase, pieces):
    assert sorted(map(sorted, phrases.needed(phrase))) == sorted(map(sorted, pieces))


def test_once_prepared_the_first_check_has_nothing_left_to_compile(monkeypatch: pytest.MonkeyPatch):
    rails = read_guardrails(ROOT / "policy" / "guardrails")
    prepare(rails, COMPANY)
    compiled, compiling = [], re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or compiling(*given))

    found = check(DraftText("Hapus ulasannya atau kami lapor p o l i s i. KTP 3174012509900001."), rails, COMPANY)

    assert {"legal_threat", "deletion_request"} <= {one.rule for one in found}
    assert compiled == []
