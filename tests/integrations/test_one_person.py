"""Who may be one person on two channels: suggested, joined by a person, split again, and what follows of each."""

from typing import Any

import pytest
from factories import LATE, Life, person
from sqlalchemy import select, update
from sqlmodel import col

from db import trail
from db.people import everybody_like
from db.tables import (
    Complainant,
    Complaint,
    Delivery,
    Identity,
    Incident,
    Message,
    SamePerson,
    SameState,
)
from db.words import IncidentState, Kind, State, Visibility
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Author
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.follow_up import refuse_asks
from tasks.legal_hold import put_on
from tasks.one_person import confirm, pairs, refuse, split
from tasks.people import Mistake
from tasks.refusals import Refused
from tasks.same_person import EACH, to_compare

pytest_plugins = ("lives",)

NIA = person("cs-nia")
ORDER = "pesanan INV-20260301-88 sudah dua minggu belum sampai juga, tolong dicek ya kak"
HANDLE = Author(id="ig-77", handle="mira.home", name="Mira Lestari")
MAILBOX = Author(id="mira_home@contoh.id", name="Mira Lestari")


def comes(life: Life, text: str, channel: str, author: Author, **changes: Any) -> str:
    reference = life.comes(text, channel=channel, author=author, **changes)
    life.work()
    return reference


def on_two_channels(life: Life) -> tuple[str, str]:
    """One person who is likely the same: a handle and a mailbox of one name, about two things."""
    first = comes(life, ORDER, "instagram", HANDLE)
    second = comes(life, "tagihan bulan ini ditarik dua kali", "email", MAILBOX)
    return first, second


def suggested(life: Life) -> list[tuple[str, ...]]:
    return [one.reasons for one in pairs(life.desk)]


def pair(life: Life) -> int:
    (one,) = pairs(life.desk)
    return one.number


def people(life: Life, *references: str) -> list[int | None]:
    return [life.complaint(reference).complainant_id for reference in references]


def identity(life: Life, reference: str) -> Identity:
    with life.desk.transaction() as session:
        return session.get_one(Identity, life.messages(reference)[0].identity_id)


def states(life: Life) -> list[SameState]:
    with life.desk.transaction() as session:
        return list(session.execute(select(SamePerson.state).order_by(SamePerson.id)).scalars())  # type: ignore[call-overload]


# Suggested


def test_a_handle_and_a_mailbox_of_one_name_are_suggested(life):
    first, second = on_two_channels(life)

    (one,) = pairs(life.desk)

    assert one.reasons == ("same_handle", "same_name")
    assert {one.one.complaints, one.other.complaints} == {(first,), (second,)}
    assert people(life, first) != people(life, second)


def test_one_order_in_nearly_the_same_words_is_suggested_and_not_merged(life):
    comes(life, ORDER, "instagram", Author(id="ig-1", handle="akunsatu"))
    second = comes(life, ORDER + "!", "email", Author(id="lain@contoh.id"))

    assert suggested(life) == [("same_text", "same_number")]
    assert life.state(second) is not State.MERGED


def test_an_order_number_alone_suggests_nobody(life):
    comes(life, ORDER, "instagram", Author(id="ig-1", handle="akunsatu"))
    comes(life, "INV-20260301-88 kok tidak datang-datang sih", "email", Author(id="lain@contoh.id"))

    assert suggested(life) == []


def test_the_same_address_is_suggested_where_nothing_is_merged(life):
    comes(life, ORDER, "email", Author(id="mira@contoh.id"))
    comes(life, "aplikasinya macet terus", "web", Author(id="web-1", email="mira@contoh.id"))

    assert suggested(life) == [("same_email",)]


def test_nobody_is_suggested_twice(life):
    on_two_channels(life)
    comes(life, "kurirnya juga kasar sekali", "instagram", HANDLE)

    assert len(suggested(life)) == 1
    assert not life.watch().suggested


def test_a_better_reason_is_added_to_a_suggestion_that_waits(life):
    on_two_channels(life)
    comes(life, "INV-20260301-88 itu bagaimana kabarnya ya", "email", MAILBOX)

    assert suggested(life) == [("same_handle", "same_name", "same_number")]


def test_one_account_has_so_many_suggestions_at_most(life):
    for number, channel in enumerate(("instagram", "facebook", "x", "mastodon", "bluesky", "telegram")):
        comes(
            life,
            f"keluhan lain nomor {number} di sini",
            channel,
            Author(id=f"a-{number}", handle="mira.home", name="Mira Lestari"),
        )

    most = life.desk.policy.intake.same_person.at_most
    with life.desk.transaction() as session:
        rows = session.execute(select(SamePerson.one_id, SamePerson.other_id)).all()  # type: ignore[call-overload]
    waiting = [number for row in rows for number in row]
    assert max(waiting.count(number) for number in waiting) == most


def test_who_wrote_to_two_accounts_of_ours_on_one_platform_is_suggested(life):
    life.with_channel(SandboxChannel("x", "shop", clock=life.clock))
    comes(life, ORDER, "x", Author(id="4711"))
    comes(life, "aplikasinya macet terus", "x", Author(id="4711"), account="shop")

    assert suggested(life) == [("same_account",)]


def test_a_name_that_hundreds_have_makes_no_work_of_hundreds(life, monkeypatch):
    compared = []
    monkeypatch.setattr("tasks.same_person.suggest", lambda one, other, _: compared.append((one, other)))
    for number in range(60):
        life.comes(f"keluhan nomor {number} dari saya", author=Author(id=f"ig-{number}", name="Budi Santoso"))
    life.work()

    assert 0 < len(compared) <= 60 * EACH


def test_spam_is_compared_with_nobody(life):
    comes(life, ORDER, "instagram", HANDLE)
    comes(life, life.assessor.finds("promo judi", Kind.SPAM), "email", MAILBOX)

    assert suggested(life) == []


def test_who_wrote_is_compared_once(life):
    on_two_channels(life)

    with life.desk.transaction() as session:
        assert not to_compare(session)


def test_an_edit_is_found_by_the_order_that_it_names_now(life):
    comes(life, "paketnya belum sampai juga", "instagram", HANDLE, external_id="e-1")
    assert life.record(life.message(ORDER, author=HANDLE, external_id="e-1")).edited == 1

    with life.desk.transaction() as session:
        assert ["INV2026030188"] in session.execute(select(Message.numbers)).scalars().all()  # type: ignore[call-overload]


# Confirmed


def test_a_person_joins_them(life):
    first, second = on_two_channels(life)
    older = people(life, first)

    confirm(life.desk, pair(life), NIA)

    assert people(life, first) == people(life, second) == older
    assert {identity(life, first).complainant_id, identity(life, second).complainant_id} == set(older)
    assert states(life) == [SameState.CONFIRMED]
    assert pairs(life.desk) == []


def test_it_stands_on_the_timeline_of_both_without_a_name(life):
    first, second = on_two_channels(life)

    confirm(life.desk, pair(life), NIA)

    for reference, other in ((first, second), (second, first)):
        (event,) = life.events(reference, "same_person_confirmed")
        assert (event.by, event.data["others"]) == ("cs-nia", [other])
        assert event.data["reasons"] == ["same_handle", "same_name"]
        assert "mira" not in str(event.data).lower()
    with life.desk.transaction() as session:
        assert list(trail.verify(session)) == []


def test_only_whom_policy_lets_joins_people(life):
    on_two_channels(life)

    with pytest.raises(Refused, match="nobody in policy"):
        confirm(life.desk, pair(life), person("orang-lain"))
    assert states(life) == [SameState.SUGGESTED]


def test_who_is_joined_is_one_person_for_what_comes_next(life):
    first, _ = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)

    third = comes(life, "INV-20260301-88 mana ya, saya tunggu", "email", MAILBOX)

    assert life.complaint(third).merged_into == life.complaint(first).id


def test_who_refused_to_be_asked_is_asked_nothing_on_the_other_channel_either(life):
    first, second = on_two_channels(life)
    refuse_asks(life.desk, life.complaint(second).id)

    confirm(life.desk, pair(life), NIA)

    with life.desk.transaction() as session:
        assert session.get_one(Complainant, life.complaint(first).complainant_id).refused_asks


def test_who_is_joined_shares_the_budget_of_acknowledgements(life):
    first, _ = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)
    most = life.desk.policy.publishing.acknowledgements
    life.with_policy(
        publishing=life.desk.policy.publishing.model_copy(
            update={"acknowledgements": most.model_copy(update={"at_most": 2})}
        )
    )

    third = comes(life, "sepatu yang datang kebesaran", "email", MAILBOX)

    assert [event.data["why"] for event in life.events(third, "acknowledgement_withheld")] == ["sender_budget"]
    assert life.events(first, "acknowledgement_withheld") == []


def test_in_private_nobody_is_greeted_by_the_name_of_their_other_account(life):
    comes(life, ORDER, "email", MAILBOX)
    hidden = Author(id="ig-77", handle="mira.home", email="mira_home@contoh.id")
    comes(life, "tagihan ditarik dua kali", "instagram", hidden)
    confirm(life.desk, pair(life), NIA)

    again = comes(life, "aplikasi macet terus", "instagram", hidden, visibility=Visibility.PRIVATE)

    assert "Mira" not in life.delivery(again, "acknowledgement").text


def test_two_whom_a_person_told_apart_are_not_joined_by_a_third(life):
    on_two_channels(life)
    refuse(life.desk, pair(life), NIA)
    third = Author(id="x-9", handle="lain9", email="mira_home@contoh.id", phone="0811222333")
    comes(life, "kulkasnya bocor sejak kemarin", "web", third)
    confirm(life.desk, pair(life), NIA)
    comes(life, "teknisi tidak datang", "instagram", Author(id="ig-77", handle="mira.home", phone="0811222333"))

    assert pairs(life.desk) == []


# Refused


def test_who_was_refused_is_never_suggested_again(life):
    first, second = on_two_channels(life)
    refuse(life.desk, pair(life), NIA)

    comes(life, ORDER, "email", MAILBOX)

    assert pairs(life.desk) == []
    assert states(life) == [SameState.REFUSED]
    assert people(life, first) != people(life, second)
    assert [event.by for event in life.events(second, "same_person_refused")] == ["cs-nia"]


def test_two_people_behind_one_address_are_not_merged_once_a_person_said_so(life):
    address = "keluarga@contoh.id"
    comes(life, "aplikasinya macet terus", "web", Author(id="web-1", email=address))
    comes(life, ORDER, "email", Author(id=address))
    refuse(life.desk, pair(life), NIA)

    again = comes(life, "INV-20260301-88 belum datang juga", "web", Author(id="web-1", email=address))

    assert life.state(again) is not State.MERGED


def test_a_refusal_can_be_taken_back(life):
    first, second = on_two_channels(life)
    number = pair(life)
    refuse(life.desk, number, NIA)

    confirm(life.desk, number, NIA)

    assert people(life, first) == people(life, second)


def test_what_was_decided_is_not_refused(life):
    on_two_channels(life)
    number = pair(life)
    confirm(life.desk, number, NIA)

    with pytest.raises(Mistake, match="same split"):
        refuse(life.desk, number, NIA)
    with pytest.raises(Mistake, match="already"):
        confirm(life.desk, number, NIA)
    with pytest.raises(Mistake, match="no pair 99"):
        refuse(life.desk, 99, NIA)


# Split


@pytest.mark.parametrize("which", [0, 1])
def test_whoever_is_split_is_their_own_again_with_what_came_by_them(which, life):
    both = on_two_channels(life)
    before = people(life, *both)
    confirm(life.desk, pair(life), NIA)
    third = comes(life, "kulkasnya bocor sejak kemarin", "email", MAILBOX)

    split(life.desk, both[which], NIA)

    assert people(life, *both) == before
    assert people(life, third) == people(life, both[1])
    assert [identity(life, one).own_complainant_id for one in both] == [None, None]
    assert states(life) == [SameState.SPLIT]
    assert [event.data["complainant"] for event in life.events(both[1], "same_person_split")] == [before[1]]


def three_accounts(life: Life) -> tuple[str, str, str]:
    """One person on three channels, joined one after the other."""
    both = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)
    third = comes(life, "teknisi tidak datang", "facebook", Author(id="fb-1", handle="mirahome", name="Mira Lestari"))
    confirm(life.desk, pair(life), NIA)
    return (*both, third)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_of_three_the_other_two_stay_one_person(which, life):
    three = list(three_accounts(life))

    split(life.desk, str(identity(life, three[which]).id), NIA)

    alone = three.pop(which)
    assert len(set(people(life, *three))) == 1
    assert people(life, alone)[0] not in people(life, *three)
    comes(life, "kurirnya kasar", "instagram", HANDLE)
    assert pairs(life.desk) == []


def test_who_was_split_can_be_joined_again(life):
    three = three_accounts(life)
    split(life.desk, three[0], NIA)
    with life.desk.transaction() as session:
        number = (
            session.execute(select(SamePerson.id).where(col(SamePerson.state) == SameState.SPLIT)).scalars().first()
        )  # type: ignore[call-overload]

    confirm(life.desk, number, NIA)

    assert len(set(people(life, *three))) == 1
    assert set(states(life)) == {SameState.CONFIRMED}


def test_a_refusal_of_asks_stays_with_both(life):
    first, second = on_two_channels(life)
    refuse_asks(life.desk, life.complaint(second).id)
    confirm(life.desk, pair(life), NIA)

    split(life.desk, second, NIA)

    with life.desk.transaction() as session:
        assert all(session.get_one(Complainant, number).refused_asks for number in people(life, first, second))


def test_who_stands_alone_cannot_be_split(life):
    first, _ = on_two_channels(life)

    with pytest.raises(Mistake, match="nothing to split"):
        split(life.desk, first, NIA)


def test_what_was_merged_across_is_told(life):
    first, second = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)
    third = comes(life, "INV-20260301-88 mana ya, saya tunggu", "email", MAILBOX)

    told = split(life.desk, second, NIA)

    assert told.merged_across == (third,)
    assert life.complaint(third).merged_into == life.complaint(first).id


def test_under_a_legal_hold_a_person_stays_whole(life):
    first, second = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)
    put_on(life.desk, first, "perkara", person("legal-tono"))

    with pytest.raises(Refused, match="legal hold"):
        split(life.desk, second, NIA)

    assert people(life, first) == people(life, second)
    assert [event.data["why"] for event in life.events(first, "same_person_split_refused")] == ["legal_hold"]


# Forgotten and exported


def test_who_is_joined_is_forgotten_whole(life):
    first, second = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)

    erased = erase(life.desk, second, person("legal-tono"))

    assert set(erased.complaints) == {first, second}
    with life.desk.transaction() as session:
        assert session.execute(select(Identity)).first() is None
        assert session.execute(select(SamePerson)).first() is None
        assert [one.name for one in session.execute(select(Complainant)).scalars()] == [None, None]
        assert not any(session.execute(select(Message.numbers)).scalars())  # type: ignore[call-overload]


def test_a_complainant_who_was_joined_is_forgotten_by_the_number_they_had(life):
    first, second = on_two_channels(life)
    (_, had) = people(life, first, second)
    confirm(life.desk, pair(life), NIA)

    assert set(erase(life.desk, str(had), person("legal-tono")).complaints) == {first, second}


def test_who_was_told_apart_is_not_forgotten_along(life):
    address = "keluarga@contoh.id"
    first = comes(life, "aplikasinya macet terus", "web", Author(id="web-1", name="Tono", email=address))
    second = comes(life, ORDER, "email", Author(id=address, name="Mira"))
    refuse(life.desk, pair(life), NIA)

    assert erase(life.desk, first, person("legal-tono")).complaints == (first,)
    assert life.messages(second)[0].text == ORDER


def test_a_complaints_file_names_who_its_author_is(life):
    first, second = on_two_channels(life)
    confirm(life.desk, pair(life), NIA)

    (one,) = as_json(read_case(life.desk, first))["same_person"]

    assert (one["state"], one["account"]["complaints"], one["decided_by"]) == ("confirmed", [second], "cs-nia")


# Once per person and incident


@pytest.fixture
def outage(life) -> int:
    with life.desk.transaction() as session:
        incident = Incident(
            state=IncidentState.DECLARED,
            state_since=life.now(),
            title="mati",
            opened_at=life.now(),
            deadline=life.now(),
        )
        session.add(incident)
        session.flush()
        return incident.id


def joins(life: Life, outage: int, text: str, channel: str, author: Author) -> str:
    """A complaint that belongs to the incident before it is assessed."""
    reference = life.comes(text, channel=channel, author=author)
    with life.desk.transaction() as session:
        session.execute(
            update(Complaint).where(col(Complaint.id) == life.complaint(reference).id).values(incident_id=outage)
        )
    life.work()
    return reference


def acknowledged(life: Life, reference: str) -> bool:
    return any(one.kind == "acknowledgement" for one in life.deliveries(reference))


PHONE = Author(id="ig-5", handle="tono", phone="0811222333")
CHAT = Author(id="62811222333")


def test_one_person_is_acknowledged_once_for_one_incident(life, outage):
    first = joins(life, outage, "wifi putus sejak pagi", "instagram", PHONE)
    second = joins(life, outage, "halo, internet di rumah mati total", "whatsapp", CHAT)

    assert acknowledged(life, first)
    assert not acknowledged(life, second)
    assert [event.data["why"] for event in life.events(second, "acknowledgement_withheld")] == ["heard_of_incident"]


def test_two_people_are_each_acknowledged_for_one_incident(life, outage):
    first = joins(life, outage, "wifi putus sejak pagi", "instagram", PHONE)
    second = joins(life, outage, "halo, internet di rumah mati total", "whatsapp", Author(id="62899888777"))

    assert acknowledged(life, first)
    assert acknowledged(life, second)


def test_after_policys_time_one_incident_is_acknowledged_again(life, outage):
    joins(life, outage, "wifi putus sejak pagi", "instagram", PHONE)
    life.later(days=8)

    assert acknowledged(life, joins(life, outage, "internet di rumah mati total", "whatsapp", CHAT))


def test_one_person_is_acknowledged_for_each_matter_of_theirs(life, outage):
    joins(life, outage, "wifi putus sejak pagi", "instagram", PHONE)

    assert acknowledged(life, comes(life, LATE, "whatsapp", CHAT))


def test_who_is_certainly_one_person_is_found_both_ways(life):
    first = comes(life, "wifi putus sejak pagi", "instagram", PHONE)
    second = comes(life, LATE, "whatsapp", CHAT)
    numbers = set(people(life, first, second))

    with life.desk.transaction() as session:
        assert all(everybody_like(session, number) == numbers for number in numbers if number)
        assert session.execute(select(Delivery)).first() is not None
