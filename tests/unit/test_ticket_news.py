"""What a ticket is told of its complaint, and that no two texts are the same."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.words import State, Visibility
from policy.ticket_news import Answered, Language, News, Stands, ticket_news

NOON = datetime(2026, 3, 2, 5, tzinfo=UTC)
JAKARTA = ZoneInfo("Asia/Jakarta")


def news(*stands: Stands, answers: tuple[Answered, ...] = (), told: tuple[str, ...] = (), language: Language = "en"):
    return ticket_news(stands, answers, told, language=language, zone=JAKARTA)


def texts(found: list[News]) -> list[str]:
    return [one.text for one in found]


def stands(state: State, **changes: object) -> Stands:
    return Stands(**{"reference": "TG-1042", "state": state, "since": NOON, **changes})


def test_an_answer_elsewhere_is_told_with_its_address() -> None:
    answer = Answered(7, "TG-1042", "x", Visibility.PUBLIC, NOON, "https://x.example/status/9")

    assert texts(news(stands(State.RESPONDED), answers=(answer,))) == [
        "TG-1042, 2026-03-02 12:00: answered on x, in public\nhttps://x.example/status/9"
    ]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.CLOSED, "ditutup"),
        (State.SPAM, "dinilai sebagai spam; tidak dijawab"),
        (State.NOTED, "dicatat saja; tidak dijawab"),
    ],
)
def test_the_end_of_a_complaint_is_told(state: State, said: str) -> None:
    assert texts(news(stands(state), language="id")) == [f"TG-1042, 2026-03-02 12:00: {said}"]


@pytest.mark.parametrize("state", [state for state in State if state not in (State.CLOSED, State.SPAM, State.NOTED)])
def test_nothing_is_told_while_it_is_on_its_way(state: State) -> None:
    assert news(stands(state)) == []


def test_a_solution_is_told_in_the_words_of_whoever_found_it_and_its_closing_is_no_news() -> None:
    solved = {"resolved_at": NOON, "resolution": "Paket\n sudah {diantar}."}
    while_open = news(stands(State.RESOLVED, **solved))
    afterwards = news(stands(State.CLOSED, **solved | {"since": NOON + timedelta(days=9)}))

    assert texts(while_open) == ["TG-1042, 2026-03-02 12:00: called solved: Paket sudah {diantar}."]
    assert afterwards == while_open


def test_what_it_was_merged_into_is_told_with_what_becomes_of_that_one() -> None:
    answer = Answered(7, "TG-1007", "email", Visibility.PRIVATE, NOON + timedelta(hours=1))
    found = news(
        stands(State.MERGED, into="TG-1007"),
        stands(State.RESPONDED, reference="TG-1007", since=NOON + timedelta(hours=1)),
        answers=(answer,),
    )

    assert texts(found) == [
        "TG-1042, 2026-03-02 12:00: handled as TG-1007 from now on",
        "TG-1007, 2026-03-02 13:00: answered on email, in private",
    ]


def test_what_it_was_told_it_is_not_told_again() -> None:
    answers = (
        Answered(7, "TG-1042", "x", Visibility.PUBLIC, NOON),
        Answered(8, "TG-1042", "x", Visibility.PUBLIC, NOON),
    )
    before = news(stands(State.RESPONDED), answers=answers[:1])

    after = news(stands(State.RESPONDED), answers=answers, told=tuple(one.key for one in before))

    assert [one.key for one in after] == ["answer:8"]


def test_a_second_end_is_told_in_other_words_than_the_first() -> None:
    (first,) = news(stands(State.CLOSED))
    (second,) = news(stands(State.CLOSED, since=NOON + timedelta(days=1)), told=(first.key,))

    assert second.text != first.text
