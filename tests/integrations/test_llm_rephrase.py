"""Answers worded anew by a language model: what stands, what falls back to ours, and what is written down of it."""

import time
from decimal import Decimal
from typing import Any

import pytest
from factories import Life, person
from llm_site import as_json, language_model, reply_in, use_model
from tiny_llm import tiny_server

from db.complaints import find
from db.tables import LlmCall
from db.words import Risk, State
from tasks.answer import compose_answers, due_for_answer, take_aim
from tasks.changes import taken_down
from tasks.erase import erase
from tasks.mask import mask_removed
from tasks.rephrase import reword

pytest_plugins = ["lives"]

LATE = "kak, paket saya WS-88123 belum sampai padahal sudah seminggu. hubungi 0812-3456-7890"
OPENED = "Hai"


def answered(life: Life, reference: str | None = None) -> str:
    """A complaint whose answer was drafted with the model's help."""
    found = reference or life.comes(LATE)
    life.assess()
    life.answer()
    return found


def same_with(change: str, instead: str) -> Any:
    """A model that repeats ours, but for some words."""
    return lambda asked: as_json([(text.replace(change, instead), on) for text, on in reply_in(asked)])


def with_a_word_more(asked: dict[str, Any]) -> str:
    """A model that says ours with a gentle word in the second sentence."""
    sentences = reply_in(asked)
    text, on = sentences[1]
    return as_json([sentences[0], (f"{text[:-1]} ya{text[-1]}", on), *sentences[2:]])


def test_a_new_wording_that_passes_every_check_is_drafted_and_marked(life):
    with language_model(life, with_a_word_more) as site:
        reference = answered(life)

    draft = life.drafts(reference)[-1]
    assert draft.model == "m"
    assert any(ground["ground"] == "model" and ground["ref"].startswith("part:") for ground in draft.grounds)
    assert reference in draft.text
    assert life.state(reference) is State.IN_REVIEW
    assert life.events(reference, "drafted")[-1].data["model"] == "m"
    assert site.outcomes() == [("answered", None)]


def test_neither_number_nor_name_of_the_customer_leaves_the_desk(life):
    with language_model(life, with_a_word_more) as site:
        reference = answered(life)

    left = str(site.asked[0]["messages"])
    for secret in ("88123", "0812", reference, "halo@"):
        assert secret not in left
    assert "belum sampai" in left


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("Maaf, saya tidak bisa membantu.", "no_json"),
        ('{"sentences": [{"sentence": "Halo", "rests_on"', "no_json"),
        ('{"sentences": "semua"}', "schema"),
        (as_json([("Kami akan laporkan Anda ke polisi.", [0])]), "left_out"),
        ({"choices": []}, "no_answer"),
        ({"choices": [{"finish_reason": "length", "message": {"content": "{"}}]}, "cut_off"),
        ({"choices": [{"finish_reason": "stop", "message": {"tool_calls": [{"id": "1"}]}}]}, "tool_call"),
    ],
)
def test_whatever_is_wrong_with_an_answer_ours_stands_and_the_ledger_says_why(life, said, why):
    with language_model(life, lambda _: said) as site:
        reference = answered(life)

    draft = life.drafts(reference)[-1]
    assert draft.model is None
    assert life.state(reference) is State.IN_REVIEW
    assert site.outcomes() == [("refused", why)]


def test_a_mistake_of_ours_in_looking_at_an_answer_keeps_no_draft_from_being_written(life, monkeypatch):
    def stumbles(*_: object) -> None:
        raise KeyError("somebody's words")

    monkeypatch.setattr("tasks.rephrase.check", stumbles)
    with language_model(life, with_a_word_more) as site:
        reference = answered(life)

    assert life.state(reference) is State.IN_REVIEW
    assert site.outcomes() == [("refused", "fault")]


def test_a_model_that_cannot_be_reached_leaves_the_answer_as_it_was(life):
    with language_model(life, with_a_word_more) as site:
        use_model(life, "http://127.0.0.1:9", price={"currency": "USD", "output": 10})
        reference = answered(life)

    assert life.drafts(reference)[-1].model is None
    assert life.state(reference) is State.IN_REVIEW
    assert [(call.why, call.cost) for call in site.calls()] == [("unreachable", 0)]


def test_what_touches_a_grave_matter_is_never_worded_by_a_model(life):
    text = life.assessor.finds("anak saya keracunan makanan kalian", risks=(Risk.INJURY,))
    with language_model(life, with_a_word_more, never_rephrased=("injury",)) as site:
        answered(life, life.comes(text))

    assert site.asked == []


def test_an_answer_that_came_too_late_for_an_erased_complaint_is_not_kept(life):
    reference = life.comes(LATE)

    def forgotten_meanwhile(asked: dict[str, Any]) -> str:
        erase(life.desk, reference, person("legal-tono"))
        return with_a_word_more(asked)

    with language_model(life, forgotten_meanwhile) as site:
        answered(life, reference)

    assert site.answers() == []
    assert life.drafts(reference) == []


def test_an_answer_that_came_too_late_for_words_that_were_masked_is_not_kept(life):
    reference = life.comes(LATE, channel="x", addressed=True, external_id="p-1")

    def masked_meanwhile(asked: dict[str, Any]) -> str:
        taken_down(life.desk, "x", "default", "p-1")
        life.later(hours=24)
        mask_removed(life.desk)
        return with_a_word_more(asked)

    with language_model(life, masked_meanwhile) as site:
        answered(life, reference)

    assert "masked" in life.names(reference)
    assert site.answers() == []


def test_erasing_a_complaint_deletes_what_the_model_answered_and_keeps_what_it_cost(life):
    with language_model(life, with_a_word_more) as site:
        reference = answered(life)
        assert len(site.answers()) == 1

        erase(life.desk, reference, person("legal-tono"))

    assert site.answers() == []
    assert len(site.calls()) == 1


def test_the_same_question_is_asked_once(life):
    with language_model(life, with_a_word_more) as site:
        life.comes(LATE)
        life.assess()
        aimed = take_aim(life.desk, due_for_answer(life.desk))
        once = reword(life.desk, compose_answers(life.desk, aimed))
        again = reword(life.desk, compose_answers(life.desk, aimed))

    assert once[0].composed == again[0].composed
    assert len(site.asked) == 1
    assert [outcome for outcome, _ in site.outcomes()] == ["answered", "cached"]


def test_a_call_costs_what_the_server_counted(life):
    price = {"currency": "USD", "input": 2, "output": 10}
    with language_model(life, with_a_word_more, price=price) as site:
        answered(life)

    assert site.calls()[0].cost == Decimal("0.007")
    assert site.calls()[0].counted


def test_a_spent_budget_asks_nobody_and_drafts_go_on(life):
    price = {"currency": "USD", "input": 0, "output": 1_000_000}
    with language_model(life, with_a_word_more, price=price, daily_budget=600, max_tokens=550) as site:
        first = answered(life)
        second = answered(life)
        assert [life.state(one) for one in (first, second)] == [State.IN_REVIEW] * 2

        life.later(days=1)
        answered(life)

    assert site.outcomes() == [("answered", None), ("skipped", "budget"), ("answered", None)]


def test_a_server_that_fails_time_and_again_is_left_alone_for_a_while(life):
    with language_model(life, lambda _: "x", pause={"after": 2, "length": "5m"}) as site:
        use_model(life, "http://127.0.0.1:9", pause={"after": 2, "length": "5m"})
        for _ in range(3):
            answered(life)
        life.later(minutes=6)
        answered(life)

    failed = ("failed", "unreachable")
    assert site.outcomes() == [failed, failed, ("skipped", "paused"), failed]


def test_no_more_questions_are_on_their_way_at_once_than_policy_allows(life):
    together, most = [0], [0]

    def counting(asked: dict[str, Any]) -> str:
        together[0] += 1
        most[0] = max(most[0], together[0])
        time.sleep(0.1)
        together[0] -= 1
        return with_a_word_more(asked)

    with language_model(life, counting, at_once=2) as site:
        for number in range(6):
            life.comes(f"{LATE} nomor {number}", handle=f"mira{number}")
        life.assess()
        life.answer()

    assert most[0] == 2
    assert site.outcomes() == [("answered", None)] * 6


def test_two_who_ask_at_once_do_not_both_spend_the_last_of_the_budget(life):
    price = {"currency": "USD", "input": 0, "output": 1_000_000}
    with language_model(life, with_a_word_more, price=price, daily_budget=600, max_tokens=550) as site:
        for number in range(2):
            life.comes(f"{LATE} nomor {number}", handle=f"mira{number}")
        life.assess()
        life.answer()

    assert sorted(site.outcomes()) == [("answered", None), ("skipped", "budget")]


def test_a_question_whose_asker_died_holds_up_the_others_only_for_a_moment(life):
    with language_model(life, with_a_word_more, at_once=1, timeout="3s") as site:
        reference = life.comes(LATE)
        number = int(reference.removeprefix("TG-"))
        with life.desk.transaction() as session:
            call = {"use": "rephrase", "model": "m", "prompt": "x", "outcome": "asked", "currency": "USD"}
            session.add(LlmCall(at=life.now(), complaint_id=number, **call))
        answered(life, reference)
        life.later(seconds=7)
        answered(life)

    assert site.outcomes() == [("asked", None), ("skipped", "busy"), ("answered", None)]


def test_nothing_of_anybodys_words_stands_in_the_ledger(life):
    with language_model(life, with_a_word_more) as site:
        answered(life)

    call = site.calls()[0]
    told = {value for value in call.model_dump().values() if isinstance(value, str)}
    assert told == {"m", "rephrase-1", "USD", "answered", "rephrase"}


@pytest.mark.slow
def test_a_real_model_that_knows_nothing_never_words_an_answer(life, tmp_path):
    with tiny_server(tmp_path) as server:
        use_model(life, server.endpoint, key=server.key, model=server.model, max_tokens=300, timeout="20s")
        for _ in range(3):
            reference = answered(life)
            assert life.drafts(reference)[-1].model is None
            assert life.state(reference) is State.IN_REVIEW

    with life.desk.transaction() as session:
        assert find(session, reference).reference == reference
