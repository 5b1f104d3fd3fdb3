"""Who is away: somebody covers them, is called in their place, and decides at their gates; nobody loses a right."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from command_line import CommandLine
from factories import Life, grave, person
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.tables import Absence, Event
from db.words import Gate, State, Verdict
from policy.people import People
from tasks.absences import absence_of, away_now, come_back, go_away, who_acts
from tasks.decide import Refused, draft_by_person, edit
from tasks.listing import inbox
from tasks.membership import gates_of, may_decide
from tasks.people import Mistake, assign

pytest_plugins = ("lives",)

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."
BLOCKED = "Kami akan menuntut Anda sesuai UU ITE bila unggahan ini tidak segera dihapus."


def away(life: Life, name: str, cover: str | None = None, **length: float) -> Absence:
    """Somebody is away for so long, by default for ten days."""
    return go_away(life.desk, person(name), life.now() + timedelta(**(length or {"days": 10})), cover)


def with_people(life: Life, **changes: object) -> None:
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | changes))


def strict(life: Life) -> None:
    """Named people only: budi of CS may stand in for sari, PR's own, and for tono, Legal's own."""
    shipped = life.desk.policy.people.model_dump(mode="json")["gates"]
    with_people(
        life,
        gates=shipped
        | {
            "cs": shipped["cs"] | {"members": ["cs-nia", "cs-budi"]},
            "pr": shipped["pr"] | {"members": ["pr-sari", "pr-lina"]},
            "legal": shipped["legal"] | {"members": ["legal-tono"]},
        },
        covers={"pr-sari": ["cs-budi"], "pr-lina": ["cs-budi"], "legal-tono": ["cs-budi"], "pr-lead": ["pr"]},
    )


def review_at(life: Life, reference: str, gate: Gate) -> int:
    return next(one.id for one in life.open_reviews(reference) if one.gate is gate)


def acts(life: Life, name: str) -> str:
    with life.desk.transaction() as session:
        return who_acts(session, life.desk, name, life.now())


def decides(life: Life, name: str, gate: Gate) -> bool:
    with life.desk.transaction() as session:
        return may_decide(session, life.desk, name, gate, life.now())


def refusal(life: Life, reference: str, gate: Gate, by: str) -> Refused:
    with pytest.raises(Refused) as refused:
        life.decide(reference, gate, by=by)
    return refused.value


# Away and back


def test_somebody_is_away_until_their_time_is_over(life):
    away(life, "pr-sari", days=3)
    with life.desk.transaction() as session:
        assert absence_of(session, "pr-sari", life.now()).until == life.now() + timedelta(days=3)
        assert absence_of(session, "pr-sari", life.now() + timedelta(days=3)) is None
        assert absence_of(session, "pr-lina", life.now()) is None


def test_whoever_is_back_before_is_away_no_more(life):
    away(life, "pr-sari")
    ended = come_back(life.desk, person("pr-sari"))
    assert ended.ended_at == life.now()
    assert away_now(life.desk) == []


def test_whoever_is_not_away_cannot_come_back(life):
    with pytest.raises(Mistake, match="pr-sari is not away"):
        come_back(life.desk, person("pr-sari"))


def test_a_new_absence_replaces_the_one_that_stands(life):
    away(life, "pr-sari", "pr-lina")
    life.later(hours=1)
    away(life, "pr-sari", days=1)
    (standing,) = away_now(life.desk)
    assert (standing.cover, standing.until) == (None, life.now() + timedelta(days=1))


def test_of_two_absences_told_at_once_one_stands(life):
    start = threading.Barrier(6)

    def tell(day: int) -> None:
        start.wait()
        away(life, "pr-sari", days=day)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tell, range(1, 7)))
    assert len(away_now(life.desk)) == 1


def test_the_desks_timeline_says_who_is_away_and_back(life):
    until = away(life, "pr-sari", "pr-lina").until
    come_back(life.desk, person("pr-sari"))
    with life.desk.transaction() as session:
        query = select(Event).where(col(Event.chain) == trail.DESK).order_by(col(Event.number))
        gone, back = session.execute(query).scalars()
        assert list(trail.verify(session)) == []
    assert (gone.name, gone.by, gone.data) == ("away", "pr-sari", {"until": until.isoformat(), "cover": "pr-lina"})
    assert (back.name, back.by) == ("back", "pr-sari")


@pytest.mark.parametrize("length", [timedelta(0), -timedelta(hours=1)])
def test_nobody_is_away_until_a_time_that_passed(length, life):
    with pytest.raises(Mistake, match="is past"):
        go_away(life.desk, person("pr-sari"), life.now() + length)


def test_nobody_is_away_for_more_than_a_year(life):
    with pytest.raises(Mistake, match="more than a year ahead"):
        away(life, "pr-sari", days=367)


@pytest.mark.parametrize(
    ("cover", "why"),
    [("pr-sari", "cannot stand in for pr-sari"), ("legal-tono", "may not stand in for pr-sari")],
)
def test_not_everybody_covers_everybody(cover, why, life):
    with pytest.raises(Mistake, match=why):
        away(life, "pr-sari", cover)
    assert away_now(life.desk) == []


def test_a_stranger_covers_nobody(life):
    with pytest.raises(Refused) as refused:
        away(life, "pr-sari", "orang-asing")
    assert refused.value.why == "unknown_person"


def test_whoever_is_away_covers_nobody_else(life):
    away(life, "pr-lina")
    with pytest.raises(Mistake, match="pr-lina is away too, until"):
        away(life, "pr-sari", "pr-lina")


def test_policy_says_who_may_be_away(life):
    with_people(life, actions={"away": ["legal"]})
    with pytest.raises(Refused) as refused:
        away(life, "pr-sari")
    assert refused.value.why == "not_allowed"


# Who acts


def test_somebody_who_is_there_acts_themselves(life):
    assert acts(life, "pr-sari") == "pr-sari"


def test_the_cover_acts_while_somebody_is_away(life):
    away(life, "pr-sari", "pr-lina", days=1)
    assert acts(life, "pr-sari") == "pr-lina"
    life.later(days=1)
    assert acts(life, "pr-sari") == "pr-sari"


def test_without_a_cover_the_absent_person_stays_who_acts(life):
    away(life, "pr-sari")
    assert acts(life, "pr-sari") == "pr-sari"


def test_a_cover_who_is_away_too_acts_for_nobody(life):
    away(life, "pr-sari", "pr-lina")
    away(life, "pr-lina")
    assert acts(life, "pr-sari") == "pr-sari"


def test_a_cover_whom_policy_allows_no_more_acts_for_nobody(life):
    away(life, "pr-sari", "pr-lina")
    with_people(life, covers={})
    assert acts(life, "pr-sari") == "pr-sari"


# Deciding


def test_the_cover_decides_at_the_gates_of_the_absent(life):
    strict(life)
    assert not decides(life, "cs-budi", Gate.PR)
    away(life, "pr-sari", "cs-budi")
    assert decides(life, "cs-budi", Gate.PR)
    assert not decides(life, "cs-budi", Gate.LEGAL)
    with life.desk.transaction() as session:
        assert gates_of(session, life.desk, "cs-budi", life.now()) == [Gate.CS, Gate.PR]


def test_a_decision_of_the_cover_bears_their_own_name_and_says_for_whom(life):
    strict(life)
    away(life, "pr-sari", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="cs-budi")
    review = next(one for one in life.reviews(reference) if one.gate is Gate.PR)
    (decided,) = life.events(reference, "decided")
    assert (review.decided_by, decided.by, decided.data["in_place_of"]) == ("cs-budi", "cs-budi", "pr-sari")


def test_who_decides_by_their_own_right_decides_in_nobodys_place(life):
    away(life, "pr-sari", "pr-lina")
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-lina")
    assert "in_place_of" not in life.events(reference, "decided")[0].data


def test_somebody_who_is_away_still_decides(life):
    away(life, "pr-sari", "pr-lina")
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    assert life.events(reference, "decided")[0].by == "pr-sari"


@pytest.mark.parametrize("ends", ["time", "return", "policy"])
def test_a_cover_decides_no_more_when_the_absence_is_over(ends, life):
    strict(life)
    away(life, "pr-sari", "cs-budi", days=1)
    reference = life.in_review(grave(life.assessor))
    if ends == "time":
        life.later(days=1)
    elif ends == "return":
        come_back(life.desk, person("pr-sari"))
    else:
        with_people(life, covers={})
    assert refusal(life, reference, Gate.PR, "cs-budi").why == "not_a_member"


def test_a_cover_covers_only_whom_they_were_named_for(life):
    strict(life)
    away(life, "pr-sari")
    assert not decides(life, "cs-budi", Gate.PR)


def test_the_cover_does_not_pass_the_words_of_whom_they_cover(life):
    strict(life)
    reference = life.in_review(grave(life.assessor))
    edit(life.desk, review_at(life, reference, Gate.PR), CLEAN, person("pr-sari"))
    away(life, "pr-sari", "cs-budi")
    refused = refusal(life, reference, Gate.PR, "cs-budi")
    assert (refused.why, refused.facts["who"], refused.facts["because"]) == ("own_words", "pr-sari", "stands_in")
    assert str(refused).endswith("cs-budi would decide only in the place of pr-sari.")


def test_whoever_covers_two_passes_the_words_of_one_in_the_place_of_the_other(life):
    strict(life)
    reference = life.in_review(grave(life.assessor))
    edit(life.desk, review_at(life, reference, Gate.PR), CLEAN, person("pr-sari"))
    away(life, "pr-sari", "cs-budi")
    away(life, "pr-lina", "cs-budi")
    life.decide(reference, Gate.PR, by="cs-budi")
    assert life.events(reference, "decided")[0].data["in_place_of"] == "pr-lina"


def test_the_cover_of_somebody_barred_decides_nothing_for_them(life):
    strict(life)
    reference = life.in_review(grave(life.assessor))
    draft_by_person(life.desk, reference, BLOCKED, person("pr-sari"))
    away(life, "pr-sari", "cs-budi")
    assert refusal(life, reference, Gate.PR, "cs-budi").why == "barred"


def test_the_cover_does_not_pass_their_own_words_in_anothers_place(life):
    strict(life)
    away(life, "pr-sari", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    draft_by_person(life.desk, reference, CLEAN, person("cs-budi"))
    assert refusal(life, reference, Gate.PR, "cs-budi").why == "own_words"


def test_one_cover_does_not_decide_two_gates_for_two_absent(life):
    strict(life)
    away(life, "pr-sari", "cs-budi")
    away(life, "legal-tono", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="cs-budi")
    assert refusal(life, reference, Gate.LEGAL, "cs-budi").why == "second_gate"


def test_what_the_absent_decided_is_not_decided_again_in_their_place_at_another_gate(life):
    strict(life)
    shipped = life.desk.policy.people.model_dump(mode="json")["gates"]
    with_people(life, gates=shipped | {"legal": shipped["legal"] | {"members": ["legal-tono", "pr-sari"]}})
    away(life, "pr-sari", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    life.decide(reference, Gate.PR, by="pr-sari")
    assert refusal(life, reference, Gate.LEGAL, "cs-budi").why == "second_gate"


def test_the_cover_edits_in_the_place_of_the_absent(life):
    strict(life)
    away(life, "pr-sari", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    edit(life.desk, review_at(life, reference, Gate.PR), CLEAN, person("cs-budi"))
    assert life.drafts(reference)[-1].author == "cs-budi"


def test_the_cover_finds_the_reviews_of_the_absent_in_their_inbox(life):
    strict(life)
    away(life, "pr-sari", "cs-budi")
    reference = life.in_review(grave(life.assessor))
    assert [(one.reference, one.gate) for one in inbox(life.desk, person="cs-budi")] == [(reference, Gate.PR)]
    assert inbox(life.desk, person="cs-nia") == []


def test_the_inbox_of_a_cover_leaves_out_what_the_absent_may_not_decide(life):
    strict(life)
    reference = life.in_review(grave(life.assessor))
    edit(life.desk, review_at(life, reference, Gate.PR), CLEAN, person("pr-sari"))
    away(life, "pr-sari", "cs-budi")
    assert {one.gate for one in inbox(life.desk, person="cs-budi")} == {Gate.CS}


# Called


def called(life: Life, reference: str, gate: Gate) -> list[tuple[str, str | None]]:
    events = life.events(reference, "deadline_escalated")
    return [
        (event.data["to"], event.data.get("instead_of")) for event in events if event.data.get("gate") == gate.value
    ]


def overdue(life: Life, gate: Gate = Gate.PR) -> str:
    """A grave complaint whose first name is being called."""
    reference = life.in_review(grave(life.assessor))
    deadline = next(one.deadline for one in life.open_reviews(reference) if one.gate is gate)
    life.run_for(seconds=(deadline - life.now()).total_seconds() + 60)
    return reference


def test_the_cover_is_called_in_the_place_of_the_absent(life):
    away(life, "pr-lead", "pr-lina")
    reference = overdue(life)
    assert called(life, reference, Gate.PR)[0] == ("pr-lina", "pr-lead")
    assert next(one for one in life.open_reviews(reference) if one.gate is Gate.PR).escalated_to == "pr-lina"
    life.decide(reference, Gate.PR, by="pr-lina")


def test_without_a_cover_the_next_name_is_called(life):
    away(life, "pr-lead")
    assert called(life, overdue(life), Gate.PR)[0] == ("exec-duty", "pr-lead")


def test_a_cover_who_is_away_too_is_passed_over(life):
    away(life, "pr-lead", "pr-lina")
    away(life, "pr-lina")
    assert called(life, overdue(life), Gate.PR)[0] == ("exec-duty", "pr-lead")


def test_where_everybody_is_away_the_name_itself_is_called(life):
    away(life, "pr-lead")
    away(life, "exec-duty")
    assert called(life, overdue(life), Gate.PR)[0] == ("pr-lead", None)


def test_who_came_back_is_called_again(life):
    away(life, "pr-lead", "pr-lina")
    come_back(life.desk, person("pr-lead"))
    assert called(life, overdue(life), Gate.PR)[0] == ("pr-lead", None)


def about_the_answer(life: Life, reference: str, name: str) -> list[dict]:
    return [event.data for event in life.events(reference, name) if event.data.get("what") == "answer"]


def test_a_late_answer_is_the_covers(life):
    away(life, "cs-lead", "cs-nia")
    reference = life.in_review()
    life.run_for(hours=24, minutes=1)
    (first, *_) = about_the_answer(life, reference, "deadline_escalated")
    assert (first["to"], first["instead_of"]) == ("cs-nia", "cs-lead")
    assert life.complaint(reference).owner == "cs-nia"


def test_whoever_covers_the_owner_is_reminded(life):
    reference = life.in_review()
    assign(life.desk, reference, "cs-nia", person("cs-lead"))
    away(life, "cs-nia", "cs-budi")
    life.run_for(hours=9)
    (reminded, *_) = about_the_answer(life, reference, "deadline_reminded")
    assert (reminded["to"], reminded["instead_of"]) == ("cs-budi", "cs-nia")


def held_with(life: Life) -> str:
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    assert life.complaint(reference).owner == "cs-lead"
    return reference


def held_too_long(life: Life, reference: str) -> str | None:
    life.clock.set(life.complaint(reference).held_until)
    life.watch()
    assert life.state(reference) is State.HELD
    return life.complaint(reference).owner


def test_what_is_held_too_long_goes_to_whoever_covers_the_next_name(life):
    reference = held_with(life)
    away(life, "pr-lead", "pr-lina")
    assert held_too_long(life, reference) == "pr-lina"
    held = [event.data for event in life.events(reference, "deadline_escalated") if event.data["what"] == "held"]
    assert [(data["to"], data["instead_of"]) for data in held] == [("pr-lina", "pr-lead")]


def test_what_a_cover_holds_too_long_goes_on_along_the_list(life):
    reference = held_with(life)
    away(life, "cs-lead", "cs-nia")
    assign(life.desk, reference, "cs-nia", person("cs-nia"))
    assert held_too_long(life, reference) == "pr-lead"


# On the command line


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


def test_an_absence_is_told_on_the_command_line(life, tanggap):
    ran = tanggap("away", "--until", "friday", "--cover", "pr-lina", "--as", "pr-sari")
    assert ran.out == "pr-sari is away until Fri 6 Mar 2026 08:00 WIB; pr-lina decides in that place.\n"
    assert acts(life, "pr-sari") == "pr-lina"


def test_who_is_away_is_listed(life, tanggap):
    assert tanggap("absences").out == "Nobody is away.\n"
    tanggap("away", "--until", "3d", "--as", "pr-sari")
    (one,) = tanggap("absences", "--json").json
    assert (one["person"], one["cover"]) == ("pr-sari", None)
    assert datetime.fromisoformat(one["until"]) == life.now() + timedelta(days=3)
    assert "pr-sari" in tanggap("absences").out


def test_who_is_back_says_so(life, tanggap):
    tanggap("away", "--until", "3d", "--as", "pr-sari")
    assert tanggap("back", "--as", "pr-sari").out == "pr-sari is back.\n"
    assert away_now(life.desk) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "kapan-kapan"), "is no moment. Write 2026-12-01"),
        (("--until", "2026-01-01"), "is past"),
        (("--until", "2030-01-01"), "more than a year ahead"),
        (("--until", "3d", "--cover", "legal-tono"), "may not stand in for pr-sari"),
        (("--until", "3d", "--cover", "siapa"), "is nobody in policy/people.yaml"),
    ],
)
def test_what_cannot_be_is_one_line_on_the_command_line(words, said, tanggap):
    ran = tanggap("away", *words, "--as", "pr-sari")
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert said in ran.err
