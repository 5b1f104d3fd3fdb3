"""The guardrails against drafts that others labelled before these rules were written, and against our own variants."""

import csv
import json
import re
from pathlib import Path

import pytest
import yaml

from db.words import Kind, Visibility
from policy.channels import Channels
from policy.company import read_company
from policy.guard import DraftText, Finding, check, read_guardrails, worst
from policy.reading import read_rules

ROOT = Path(__file__).resolve().parents[2]
RAILS = read_guardrails(ROOT / "policy" / "guardrails")
COMPANY = read_company(ROOT / "policy" / "company.yaml")
CHANNELS = read_rules(ROOT / "policy" / "channels.yaml", Channels).channels
LABELLED = [json.loads(line) for line in (ROOT / "tests/data/drafts.jsonl").read_text("utf-8").splitlines()]
with (ROOT / "tests/data/guard_variants.tsv").open(encoding="utf-8") as lines:
    VARIANTS = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))

MOST_GOOD_ONES_BLOCKED = 0.02


def found_in(row) -> list[Finding]:
    draft = DraftText(
        text=row["text"],
        visibility=Visibility(row.get("visibility", "public")),
        channel=row.get("channel"),
        complaint=row.get("complaint"),
        lang=row.get("lang"),
        category=row.get("category"),
        risks=tuple(row.get("risks", ())),
        facts=tuple(row.get("facts", ())),
        statement=row.get("statement"),
        kind=Kind(row["kind"]) if row.get("kind") else None,
    )
    return check(draft, RAILS, COMPANY, CHANNELS)


def blocked_by(findings: list[Finding]) -> set[str]:
    return {found.rule for found in findings if found.level == "block"}


@pytest.mark.parametrize("article", sorted((ROOT / "policy" / "knowledge").glob("*.md")), ids=lambda file: file.name)
def test_nothing_that_an_article_says_is_blocked(article):
    head, body = article.read_text("utf-8").split("---", 2)[1:]
    said = [yaml.safe_load(head).get("answer") or "", *re.split(r"\n\s*\n", body)]

    assert [text for text in said if blocked_by(check(DraftText(text), RAILS, COMPANY)) - {"too_long"}] == []


def test_the_set_is_of_two_hundred_drafts_of_every_sort():
    assert len(LABELLED) >= 200
    assert {row["label"] for row in LABELLED} == {"block", "warn", "pass"}


@pytest.mark.parametrize("row", [row for row in LABELLED if row["label"] == "block"], ids=lambda row: row["id"])
def test_a_draft_labelled_block_is_blocked_by_the_rules_it_breaks(row):
    assert set(row["rules"]) <= blocked_by(found_in(row)), row["text"]


def test_at_most_two_of_a_hundred_good_drafts_are_blocked():
    good = [row for row in LABELLED if row["label"] != "block"]

    blocked = [(row["id"], blocked_by(found_in(row))) for row in good if worst(found_in(row)) == "block"]

    assert len(blocked) <= MOST_GOOD_ONES_BLOCKED * len(good), blocked


@pytest.mark.parametrize(
    ("rule", "text"), [(row["rule"], row["text"]) for row in VARIANTS if row["rule"] != "pass"], ids=str
)
def test_another_way_to_say_it_is_blocked_too(rule, text):
    assert rule in blocked_by(check(DraftText(text), RAILS, COMPANY))


@pytest.mark.parametrize("text", [row["text"] for row in VARIANTS if row["rule"] == "pass"])
def test_a_good_neighbour_of_what_is_blocked_passes(text):
    assert blocked_by(check(DraftText(text), RAILS, COMPANY)) == set()
