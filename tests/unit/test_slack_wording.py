"""The desk's own words in Slack: the same in both languages, all of them used, and one for every token."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_drawing import NOW

from db.tables import Way
from db.words import CHANNELS, Category, DeliveryKind, Gate, Kind, Remedy, Risk, Severity, State, Verdict, Visibility
from integrations.slack.blocks import BUTTON, TITLE
from integrations.slack.wording import (
    LANGUAGES,
    Language,
    address,
    link,
    moment,
    named,
    number,
    reason,
    say,
    texts,
    who,
)
from policy.composing import Ground

HOME = Path(__file__).resolve().parents[2]
SPEAKING = ("integrations/slack", "desk/slack", "desk/gateway", "tasks")
FAMILIES: dict[str, tuple[str, ...]] = {
    "gate": tuple(Gate),
    "severity": tuple(Severity),
    "kind": tuple(Kind),
    "category": tuple(Category),
    "remedy": tuple(Remedy),
    "risk": tuple(Risk),
    "anger": ("0", "1", "2", "3"),
    "channel": CHANNELS,
    "visibility": tuple(Visibility),
    "language": ("id", "en", "mixed"),
    "draft": tuple(DeliveryKind),
    "ground": tuple(Ground),
    "state": tuple(State),
    "verdict": tuple(Verdict),
    "fact": ("amount", "date", "time", "term", "cause", "promise", "answer"),
    "way": tuple(Way),
    "outcome": ("open", "void", "withdrawn", *Verdict),
}


def _sources() -> Iterator[ast.AST]:
    for folder in SPEAKING:
        for file in sorted((HOME / folder).rglob("*.py")):
            yield ast.parse(file.read_text(encoding="utf-8"))


def _calls(name: str) -> Iterator[ast.Call]:
    for tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name in (
                getattr(node.func, "id", None),
                getattr(node.func, "attr", None),
            ):
                yield node


def _strings(node: ast.AST) -> Iterator[str]:
    return (one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_texts() -> None:
    assert list(texts("id")) == list(texts("en"))


def test_both_languages_ask_for_the_same_values() -> None:
    differing = [key for key, text in texts("id").items() if _placeholders(text) != _placeholders(texts("en")[key])]

    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_said_twice_in_the_file(language: Language) -> None:
    file = HOME / "integrations/slack/texts" / f"{language}.yaml"
    keys = [key.value for key, _ in yaml.compose(file.read_text(encoding="utf-8")).value]

    assert len(keys) == len(set(keys))
    assert all(isinstance(text, str) and text.strip() for text in texts(language).values())


def test_every_text_is_used() -> None:
    said: set[str] = set()
    families: set[str] = set()
    for tree in _sources():
        said |= set(_strings(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                families.add(str(node.values[0].value))
    families |= {f"{family}_" for call in [*_calls("named"), *_calls("named_all")] for family in _strings(call)}
    families = {family for family in families if family.endswith("_")}

    unused = [
        key
        for key in texts("en")
        if not {key, key.removesuffix("_one")} & said and not any(key.startswith(family) for family in families)
    ]

    assert unused == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_token_has_a_name(family: str) -> None:
    assert [token for token in FAMILIES[family] if f"{family}_{token}" not in texts("en")] == []


def _third_of(name: str) -> set[str]:
    return {
        argument.value
        for call in _calls(name)
        for argument in call.args[2:3]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_every_reason_for_which_a_round_is_void_has_words() -> None:
    assert {why for why in _third_of("void") if f"void_{why}" not in texts("en")} == set()


def test_every_refusal_has_words() -> None:
    whys = {
        first.value
        for call in _calls("Refused")
        for first in call.args[:1]
        if isinstance(first, ast.Constant) and isinstance(first.value, str)
    }

    assert whys
    assert {why for why in whys if f"refused_{why}" not in texts("en")} == set()


def test_every_event_of_a_complaint_has_a_name() -> None:
    events = _third_of("append") | {
        keyword.value.value
        for call in _calls("move")
        for keyword in call.keywords
        if keyword.arg == "event" and isinstance(keyword.value, ast.Constant)
    }

    assert {"voided", "decided", "drafting"} <= events
    assert {event for event in events if f"event_{event}" not in texts("en")} == set()


def _reasons(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from (found[key] for key in ("because", "facts") if isinstance(found.get(key), str))
        for inner in found.values():
            yield from _reasons(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _reasons(inner)


@pytest.mark.parametrize("file", ["severities.yaml", "routing.yaml"])
def test_every_reason_of_the_shipped_policy_is_told_in_indonesian(file: str) -> None:
    shipped = set(_reasons(yaml.safe_load((HOME / "policy" / file).read_text(encoding="utf-8"))))

    assert shipped
    assert {because for because in shipped if reason("id", because) == because} == set()


def test_a_companys_own_reason_is_told_as_it_wrote_it() -> None:
    assert reason("id", "harga naik <mendadak>") == "harga naik &lt;mendadak&gt;"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_on_buttons_and_titles_fits_there(language: Language) -> None:
    for key, text in texts(language).items():
        assert len(text) <= BUTTON or not key.startswith("button_"), key
        assert len(text) <= TITLE or not key.startswith("title_"), key


def test_one_thing_is_said_in_the_singular() -> None:
    assert say("en", "messages", count=1) == "1 message in all"
    assert say("en", "messages", count=12_400) == "12,400 messages in all"


MANY = {"cut", "approve_rest", "edit_too_long", "text_cut"}
"""Said only of more characters than a screen shows."""


@pytest.mark.parametrize(
    "key", [key for key, text in texts("en").items() if re.search(r"\{count\}\*? [a-z]+s\b", text)]
)
def test_whatever_is_counted_has_a_singular(key: str) -> None:
    assert f"{key}_one" in texts("en") or key.endswith("_one") or key in MANY


def test_numbers_are_written_as_their_readers_write_them() -> None:
    assert (number(1_234_567, "id"), number(1_234_567, "en")) == ("1.234.567", "1,234,567")


def test_a_text_that_is_not_there_says_so() -> None:
    with pytest.raises(KeyError):
        say("en", "no_such_text")
    with pytest.raises(KeyError):
        say("en", "field_word")


def test_a_moment_is_live_and_falls_back_to_utc() -> None:
    assert moment(NOW) == "<!date^1772416800^{date_short_pretty} {time}|2026-03-02 02:00 UTC>"


def test_colleagues_on_slack_are_mentioned_and_others_named() -> None:
    assert who("en", "U0123ABCD") == "<@U0123ABCD>"
    assert who("en", "pr-sari") == "pr-sari"
    assert who("en", "tanggap") == "Tanggap (machine)"
    assert who("en", "<!here>") == "&lt;!here&gt;"


def test_a_token_that_nobody_named_is_shown_as_it_is() -> None:
    assert named("en", "channel", "toko_sebelah") == "toko sebelah"


@pytest.mark.parametrize(
    "url", [None, "", "javascript:alert(1)", "https://a b", "https://a|b", "https://a>b", "ftp://a"]
)
def test_what_is_no_web_address_is_no_link(url: str | None) -> None:
    assert address(url) is None
    assert link(url, "Kartu") is None


def test_a_link_carries_its_whole_address() -> None:
    assert link("https://a.example/?b=1&c=2", "Kartu") == "<https://a.example/?b=1&amp;c=2|Kartu>"
