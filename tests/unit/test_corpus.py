"""What the model learns from is enough of everything, says nothing twice, and holds nobody's data."""

import csv
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from db.words import Category, Kind, Remedy, Risk
from integrations.classifier.training.examples import digest
from policy.guard.draft import DraftText
from policy.guard.folding import fold
from policy.guard.personal import found as personal_data

CORPUS = files("integrations.classifier") / "corpus"
TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
LABELS = {"text", "kind", "category", "remedy", "risks", "anger", "language"}
SOURCES = {"smsa", "emot", "casa", "hoasa", "nusax_english", "banking77", "prdect_id"}
"""The public texts whose licences allow a model to be shipped that learned from them (NOTICE)."""

LIKE = 0.6
"""Two messages that share a larger part of their letter triples are one message, told twice."""

AT_ONCE = 500


def messages(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


CORPUS_MESSAGES = messages(CORPUS / "messages.jsonl")
TEST_MESSAGES = messages(TESTS / "data" / "assessed.jsonl")


def triples(text):
    plain = re.sub(r"\s+", " ", text.casefold())
    return {plain[at : at + 3] for at in range(max(1, len(plain) - 2))}


def alike(texts, others):
    """Pairs of places of texts that are too much alike; compared by blocks, as sparse rows of letter triples."""
    places: dict[str, int] = {}

    def table(rows):
        owners, columns = [], []
        for owner, text in enumerate(rows):
            for triple in triples(text):
                owners.append(owner)
                columns.append(places.setdefault(triple, len(places)))
        return owners, columns, len(rows)

    found = [table(texts), table(others)]
    first, second = (
        csr_matrix((np.ones(len(owners), np.int32), (owners, columns)), shape=(count, len(places)))
        for owners, columns, count in found
    )
    sizes, other_sizes = (np.asarray(rows.sum(axis=1)).ravel() for rows in (first, second))
    turned = second.T.tocsr()
    for start in range(0, len(texts), AT_ONCE):
        shared = (first[start : start + AT_ONCE] @ turned).toarray()
        whole = sizes[start : start + AT_ONCE, None] + other_sizes[None, :] - shared
        for one, other in zip(*np.nonzero(shared > LIKE * whole), strict=True):
            yield start + int(one), int(other)


def told(texts, others, pairs):
    return "\n".join(f"{texts[one]!r} ~ {others[other]!r}" for one, other in pairs)


def test_there_are_enough_messages_of_our_own():
    assert len(CORPUS_MESSAGES) >= 3_000
    assert len(TEST_MESSAGES) >= 300


@pytest.mark.parametrize("listed", [CORPUS_MESSAGES, TEST_MESSAGES], ids=["corpus", "test set"])
def test_every_label_is_a_word_of_the_desk(listed):
    for message in listed:
        complaint = message["kind"] == "complaint"
        assert message.keys() == LABELS
        assert message["text"].strip()
        assert message["kind"] in set(Kind)
        assert message["category"] in (set(Category) if complaint else {None}), message
        assert message["remedy"] in (set(Remedy) if complaint else {None}), message
        assert set(message["risks"]) <= set(Risk)
        assert len(set(message["risks"])) == len(message["risks"])
        assert message["anger"] in (0, 1, 2, 3)
        assert re.fullmatch("[a-z]{2}|mixed", message["language"])


@pytest.mark.parametrize(
    ("field", "words", "least"),
    [
        ("kind", Kind, 300),
        ("category", Category, 100),
        ("remedy", Remedy, 80),
        ("anger", (0, 1, 2, 3), 200),
        ("language", ("id", "en", "mixed"), 400),
    ],
)
def test_every_word_of_a_field_is_there_in_number(field, words, least):
    counted = Counter(message[field] for message in CORPUS_MESSAGES)

    assert {str(word): counted[word] for word in words if counted[word] < least} == {}


def test_every_risk_is_there_in_number():
    counted = Counter(risk for message in CORPUS_MESSAGES for risk in message["risks"])

    assert {str(risk): counted[risk] for risk in Risk if counted[risk] < 50} == {}


def test_the_data_card_counts_what_is_there():
    card = (CORPUS / "DATA-CARD.md").read_text("utf-8").splitlines()
    fields = [*((field, words) for field, words in (("kind", Kind), ("category", Category), ("remedy", Remedy)))]
    fields += [("anger", range(4)), ("language", ("id", "en", "mixed"))]
    tables = {field: (words, Counter(message[field] for message in CORPUS_MESSAGES)) for field, words in fields}
    tables["risk"] = (Risk, Counter(risk for message in CORPUS_MESSAGES for risk in message["risks"]))

    for field, (words, counted) in tables.items():
        start = card.index(f"| {field} | corpus | rows | test | real |")
        told = [line.split("|")[1:3] for line in card[start + 2 : start + 2 + len(tuple(words))]]
        assert [(name.strip(), int(count.replace(",", ""))) for name, count in told] == [
            (str(word), counted[word]) for word in words
        ]


def test_no_two_messages_are_alike():
    texts = [message["text"] for message in CORPUS_MESSAGES]

    pairs = [(one, other) for one, other in alike(texts, texts) if one < other]

    assert not pairs, told(texts, texts, pairs)


def test_no_message_of_the_test_set_was_learned():
    texts, learned = ([message["text"] for message in listed] for listed in (TEST_MESSAGES, CORPUS_MESSAGES))

    pairs = list(alike(texts, learned))

    assert not pairs, told(texts, learned, pairs)


EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
RESERVED = re.compile(r"@(?:[\w-]+\.)*example(?:\.(?:com|net|org))?$|555|0{4}")
"""Addresses that belong to nobody for ever (RFC 2606), and numbers that nobody has (555, 0000)."""


def test_no_message_holds_data_that_could_be_somebodys(policy):
    shown = []
    for text in (message["text"] for message in (*CORPUS_MESSAGES, *TEST_MESSAGES)):
        hits = personal_data(DraftText(text), fold(text), policy.company)
        shown += [text[hit.start : hit.end] for hit in hits if hit.what in ("phone", "identity", "card", "tax")]
        shown += EMAIL.findall(text)

    assert [written for written in shown if not RESERVED.search(written.casefold())] == []


def labels_of_rows(file):
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


ROWS = labels_of_rows(Path(str(CORPUS)) / "rows.csv")
REAL = labels_of_rows(ROOT / "bench" / "labels" / "real.csv")


@pytest.mark.parametrize("listed", [ROWS, REAL], ids=["learned", "measured"])
def test_labels_of_public_rows_carry_no_text(listed):
    for row in listed:
        complaint = row["kind"] == "complaint"
        assert list(row) == ["path", "row", "sha256", "kind", "category", "remedy", "risks", "anger", "language"]
        assert re.fullmatch(r"[0-9a-f]{16}", row["sha256"])
        assert row["kind"] in set(Kind)
        assert row["category"] in (set(Category) if complaint else {""})
        assert row["remedy"] in (set(Remedy) if complaint else {""})
        assert {risk for risk in row["risks"].split(",") if risk} <= set(Risk)
        assert row["anger"] in {"0", "1", "2", "3"}


def test_only_rows_that_may_be_learned_from_are_learned_from():
    assert {row["path"].partition("/")[0] for row in ROWS} <= SOURCES
    assert {row["path"].partition("/")[2] for row in ROWS} <= {"train.csv", "all.csv"}


def test_no_row_is_both_learned_from_and_measured_on():
    learned = {row["sha256"] for row in ROWS} | {digest(message["text"]) for message in CORPUS_MESSAGES}

    assert [row["path"] for row in REAL if row["sha256"] in learned] == []


def test_the_licences_of_what_was_learned_from_are_named():
    notice = (ROOT / "NOTICE").read_text("utf-8")

    for name in ("SmSA", "EmoT", "CASA", "HoASA", "NusaX", "BANKING77", "PRDECT-ID", "multilingual-e5-small"):
        assert name in notice
    for licence in ("MIT", "CC BY 4.0", "CC BY-SA 4.0"):
        assert licence in notice
