"""`tanggap same`: who may be one person, as people see it and say it."""

import pytest
from command_line import CommandLine
from factories import Life

from integrations.record import Author

HANDLE = Author(id="ig-77", handle="mira.home", name="Mira Lestari")
MAILBOX = Author(id="mira_home@contoh.id", name="Mira Lestari")


@pytest.fixture
def life(desk, clock) -> Life:
    return Life(desk, clock)


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


@pytest.fixture
def both(life) -> tuple[str, str]:
    first = life.comes("paket belum sampai juga", author=HANDLE)
    second = life.comes("tagihan ditarik dua kali", channel="email", author=MAILBOX)
    life.work()
    return first, second


def number(tanggap: CommandLine) -> str:
    (one,) = tanggap("same", "--json").json
    return str(one["number"])


def test_what_waits_is_listed_with_its_reasons(both, tanggap):
    listed = tanggap("same").out

    for said in (*both, "mira.home", "mira_home@contoh.id", "same_handle, same_name", "suggested"):
        assert said in listed, said
    (one,) = tanggap("same", "--json").json
    assert (one["state"], one["reasons"], one["decided_by"]) == ("suggested", ["same_handle", "same_name"], None)


def test_nothing_to_look_at_is_said(tanggap):
    assert tanggap("same").out == "Nobody is suggested to be the same person.\n"
    assert tanggap("same", "--json").json == []


def test_a_complaint_names_whose_it_may_be_too(both, tanggap):
    told = " ".join(tanggap("complaint", both[0]).out.split())

    assert f"May be the one of {both[1]}" in told
    assert f"tanggap same confirm|refuse {number(tanggap)}" in told


def test_a_person_confirms(both, tanggap):
    ran = tanggap("same", "confirm", number(tanggap), "--as", "cs-nia")

    assert ran.code == 0, ran.err
    assert f"{both[0]}, {both[1]}: one person" in ran.out
    assert "says cs-nia" in tanggap("complaint", both[0]).out
    assert tanggap("same", "--json").json == []
    assert [one["decided_by"] for one in tanggap("same", "--all", "--json").json] == ["cs-nia"]


def test_a_person_refuses(both, tanggap):
    ran = tanggap("same", "refuse", number(tanggap), "--as", "cs-nia")

    assert (ran.code, "not one person" in ran.out) == (0, True)
    assert "May be" not in tanggap("complaint", both[0]).out


def test_a_person_splits_again_by_a_complaint(both, tanggap):
    tanggap("same", "confirm", number(tanggap), "--as", "cs-nia")

    ran = tanggap("same", "split", both[1], "--as", "cs-nia")

    assert (ran.code, "two people again" in ran.out) == (0, True)
    assert "Same person" not in tanggap("complaint", both[0]).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("confirm", "77", "--as", "cs-nia"), "no pair 77"),
        (("confirm", "1", "--as", "orang"), "nobody in policy/people.yaml"),
        (("split", "TG-9999", "--as", "cs-nia"), "no complaint TG-9999"),
        (("split", "9999", "--as", "cs-nia"), "no account 9999"),
        (("split", "TG-1001", "--as", "cs-nia"), "nothing to split"),
    ],
)
def test_what_cannot_be_done_is_told_on_one_line(both, tanggap, words, said):
    ran = tanggap("same", *words)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert said in ran.err


def test_nobody_decides_without_a_name(both, tanggap):
    ran = tanggap("same", "confirm", "1")

    assert ran.code == 2
    assert "--as PERSON" in ran.err
