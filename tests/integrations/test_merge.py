"""One person's same complaint on two channels is one case; two people's never are."""

from datetime import UTC, datetime

import pytest
from factories import Life, grave, person
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from db.complaints import final, lock_with_final
from db.tables import Complaint, DeliveryState
from db.words import Kind, State
from integrations.channels.manual import ManualChannel
from integrations.record import Author
from policy.intake import Likeness, Told, same_thing
from tasks.follow_up import resolve
from tasks.people import Mistake, merge, unmerge

pytest_plugins = ("lives",)

MAIL = "mira@contoh.id"
NUMBERED = "pesanan INV-20260301-88 belum sampai, tolong dicek"
OTHERWISE = "INV-20260301-88 kok tidak datang-datang sih"


def by_mail(life: Life, text: str = NUMBERED, mail: str = MAIL, **changes: object) -> str:
    reference = life.comes(text, channel="email", author=Author(id=mail, name="Mira"), **changes)
    life.work()
    return reference


def by_form(
    life: Life, text: str = OTHERWISE, mail: str | None = MAIL, phone: str | None = None, **changes: object
) -> str:
    """The web form gives contact data along."""
    author = Author(id=f"web-{mail or phone}", name="Mira", email=mail, phone=phone)
    reference = life.comes(text, **({"channel": "web", "author": author} | changes))
    life.work()
    return reference


def test_the_same_person_about_the_same_order_on_another_channel_is_merged(life):
    first, second = by_mail(life), by_form(life)
    assert life.state(second) is State.MERGED
    assert life.complaint(second).merged_into == life.complaint(first).id


def test_the_same_words_on_another_channel_are_merged_without_a_number(life):
    words = "kurirnya marah-marah lalu paket saya dilempar ke halaman"
    by_mail(life, words)
    assert life.state(by_form(life, words)) is State.MERGED


def test_the_same_phone_number_tells_one_person_however_it_is_written(life):
    first = life.comes(NUMBERED, channel="whatsapp", author=Author(id="+62811222333"))
    life.work()
    second = by_form(life, mail=None, phone="0811-222-333")
    assert life.complaint(second).merged_into == life.complaint(first).id


def test_two_people_who_name_the_same_order_are_two_cases(life):
    first, second = by_mail(life), by_form(life, mail="orang.lain@contoh.id")
    assert {life.state(first), life.state(second)} == {State.IN_REVIEW}


def test_another_order_of_the_same_person_is_another_case(life):
    by_mail(life)
    assert life.state(by_form(life, "pesanan INV-20260214-11 isinya salah")) is State.IN_REVIEW


def test_the_same_order_long_afterwards_is_another_case(life):
    by_mail(life)
    life.later(days=31)
    assert life.state(by_form(life)) is not State.MERGED


def test_the_merged_channel_is_told_the_first_reference_and_nothing_more(life):
    first, second = by_mail(life), by_form(life)
    (notice,) = life.deliveries(second)
    assert notice.state is DeliveryState.SENT
    assert first in notice.text
    assert len(notice.text) < 200


def test_a_merged_complaint_is_on_both_timelines(life):
    first, second = by_mail(life), by_form(life)
    assert life.events(second, "merged")[0].data["into"] == first
    assert life.events(first, "merged_in")[0].data["merged"] == second


def test_what_was_in_review_is_drafted_anew_with_what_the_other_channel_said(life):
    first = by_mail(life)
    by_form(life)
    assert [round_.why for round_ in life.rounds(first)] == ["merged_in", None]


def test_nobody_watches_the_time_of_a_merged_complaint(life):
    by_mail(life)
    second = by_form(life)
    life.run_for(days=5)
    assert life.events(second, "deadline_escalated") == []
    assert [delivery.kind for delivery in life.deliveries(second)] == ["acknowledgement"]


def test_list_mail_is_merged_without_a_word(life):
    by_form(life)
    second = by_mail(life, list_mail=True)
    assert life.state(second) is State.MERGED
    assert life.deliveries(second) == []


def test_where_a_person_posts_a_merged_complaint_is_told_nothing_by_program(life):
    by_mail(life)
    life.with_channel(ManualChannel("web"))
    assert life.deliveries(by_form(life)) == []


def test_a_closed_complaint_takes_nothing_in(life):
    first = by_mail(life)
    life.approve_all(first)
    life.work()
    life.run_for(days=1)
    resolve(life.desk, first, person("cs-nia"), "beres")
    life.run_for(days=15)
    assert life.state(first) is State.CLOSED
    assert life.state(by_form(life)) is State.IN_REVIEW


# By hand


def test_a_person_merges_what_the_machine_only_suggests(life):
    first, second = by_mail(life), by_form(life, mail="orang.lain@contoh.id")
    merge(life.desk, second, first, person("cs-nia"))
    assert life.complaint(second).merged_into == life.complaint(first).id
    assert life.events(second, "merged")[0].by == "cs-nia"


def test_who_was_acknowledged_before_a_person_merged_is_told_too(life):
    first, second = by_mail(life), by_form(life, mail="orang.lain@contoh.id")
    merge(life.desk, second, first, person("cs-nia"))
    life.work()
    acknowledgement, notice = life.deliveries(second)
    assert (acknowledgement.state, notice.state) == (DeliveryState.SENT, DeliveryState.SENT)
    assert first in notice.text


def test_an_acknowledgement_that_has_not_left_gives_way_to_the_notice(life):
    first = by_mail(life)
    second = life.comes("hal lain", handle="orang.lain")
    life.assess()
    merge(life.desk, second, first, person("cs-nia"))
    assert [delivery.state for delivery in life.deliveries(second)] == [DeliveryState.CANCELLED, DeliveryState.QUEUED]


def test_a_merge_is_undone(life):
    by_mail(life)
    second = by_form(life)
    unmerge(life.desk, second, person("cs-nia"))
    life.work()
    complaint = life.complaint(second)
    assert (complaint.state, complaint.merged_into) == (State.IN_REVIEW, None)


def test_what_is_not_merged_cannot_be_unmerged(life):
    with pytest.raises(Mistake, match="not merged"):
        unmerge(life.desk, by_mail(life), person("cs-nia"))


def test_nothing_is_merged_into_itself(life):
    reference = by_mail(life)
    with pytest.raises(Mistake, match="into itself"):
        merge(life.desk, reference, reference, person("cs-nia"))


def test_nothing_is_merged_into_what_is_merged(life):
    by_mail(life)
    merged = by_form(life)
    third = life.in_review(handle="orang.lain")
    with pytest.raises(Mistake, match="nothing can be merged into it"):
        merge(life.desk, third, merged, person("cs-nia"))


def test_what_is_merged_twice_over_is_handled_under_the_last(life):
    first, second, third = life.in_review(handle="a"), life.in_review(handle="b"), life.in_review(handle="c")
    merge(life.desk, first, second, person("cs-nia"))
    merge(life.desk, second, third, person("cs-nia"))
    with life.desk.transaction() as session:
        assert final(session, session.get_one(Complaint, life.complaint(first).id)).reference == third


def test_who_writes_on_a_merged_complaint_holds_the_one_it_is_handled_under_too(life):
    first, second = life.complaint(by_mail(life)).id, life.complaint(by_form(life)).id
    with life.desk.transaction() as session, life.desk.transaction() as another:
        assert set(lock_with_final(session, [second])) == {first, second}
        with pytest.raises(OperationalError, match="could not obtain lock"):
            another.execute(select(Complaint).where(col(Complaint.id) == first).with_for_update(nowait=True))
        another.rollback()


def test_praise_of_the_same_order_is_merged_nowhere(life):
    by_mail(life)
    praise = by_form(life, life.assessor.finds("INV-20260301-88 sudah datang, makasih!", Kind.PRAISE))
    assert life.state(praise) is State.NOTED


def test_a_dangerous_complaint_is_merged_into_the_first_all_the_same(life):
    by_mail(life)
    assert life.state(by_form(life, grave(life.assessor, f"{OTHERWISE}, saya tuntut"))) is State.MERGED


# A number alone never merges two people, whatever the texts are


@settings(max_examples=150)
@given(
    one=st.text(max_size=60),
    other=st.text(max_size=60),
    same_channel=st.booleans(),
    identities=st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["c", "d", None])),
)
def test_two_people_are_never_merged(one, other, same_channel, identities, policy):
    at = datetime(2026, 3, 2, tzinfo=UTC)
    numbered = "pesanan INV-20260301-88 "
    first = Told(numbered + one, "x", at, identity=identities[0], emails=frozenset({"satu@contoh.id"}))
    second = Told(
        numbered + other,
        "x" if same_channel else "web",
        at,
        identity=identities[1],
        emails=frozenset({"dua@contoh.id"}),
    )
    assert same_thing(first, second, policy.intake).likeness not in (Likeness.SAME, Likeness.MERGE)
