"""Articles: found by what customers write, cited where they answer for certain, kept by people, learned from answers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from command_line import CommandLine
from factories import Life
from sqlalchemy import select
from sqlmodel import col

from bench.knowledge import cases_of, cited, complaint_of, recall, rows_of
from db import trail
from db.tables import Article, ArticleOrigin, ArticleState, Event
from db.words import Category, Gate, Risk
from policy.knowledge import Article as Written
from policy.knowledge import read_article
from tasks.article_acts import list_articles, propose, publish, withdraw
from tasks.article_proposals import propose_articles
from tasks.articles import bring_in_articles
from tasks.decide import Decision, Verdict, decide_gate
from tasks.desk import Desk
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.follow_up import resolve
from tasks.knowledge import article_for, search
from tasks.people import Mistake

pytest_plugins = ["lives"]

PARKING = """---
title: Parkir di gerai
category: service
language: id
asks: [parkir mobil bayar ga]
valid_from: 2026-01-01
owner: cs-dewi
public: true
answer: Parkir di semua gerai gratis selama Anda makan di tempat.
---

Tunjukkan struk kepada petugas parkir.
"""
NIA, SARI = trail.Author("cs-nia"), trail.Author("pr-sari")


@pytest.fixture
def at(life: Life) -> Desk:
    return life.desk


def file_of(tmp_path: Path, text: str = PARKING, name: str = "parking.id.md") -> Written:
    (tmp_path / name).write_text(text)
    return read_article(tmp_path / name)


def with_files(desk: Desk, *files: Written) -> Desk:
    """The desk under a policy with these articles and no others."""
    version = "-".join(file.version for file in files)
    return replace(desk, policy=replace(desk.policy, knowledge=files, version=version))


def slugs(desk: Desk, text: str = "parkir mobil bayar ga?", **how: object) -> list[str]:
    return [article.slug for article in search(desk, text, **how)]  # type: ignore[arg-type]


def rows(desk: Desk) -> Sequence[Article]:
    with desk.transaction() as session:
        return session.execute(select(Article).order_by(col(Article.id))).scalars().all()


# Searching


def test_what_customers_ask_finds_its_article_among_the_first_three(at: Desk) -> None:
    questions = rows_of("questions.tsv")
    places = []
    for question, slug in questions:
        found = slugs(at, question, public_only=True, limit=3)
        places.append(found.index(slug) + 1 if slug in found else 0)

    assert len(questions) == 40
    assert recall(places, 3) >= 0.95
    assert recall(places, 1) >= 0.85


def test_no_reply_cites_an_article_that_does_not_answer(at: Desk) -> None:
    right, wrong = cited(at, cases_of(at))

    assert wrong == 0
    assert right >= 18


def test_a_misspelled_word_is_found_by_its_letters(at: Desk) -> None:
    assert {"refund-time", "refund-status"} & set(slugs(at, "kapan pengembalain dnanya?", limit=2))


def test_only_what_holds_on_the_day_is_found(at: Desk, tmp_path: Path) -> None:
    desk = with_files(at, file_of(tmp_path, PARKING.replace("owner:", "valid_until: 2026-06-30\nowner:")))

    assert slugs(desk, on=date(2026, 6, 30)) == ["parking"]
    assert slugs(desk, on=date(2026, 7, 1)) == []
    assert slugs(desk, on=date(2025, 12, 31)) == []


def test_an_internal_article_is_found_by_people_alone(at: Desk, tmp_path: Path) -> None:
    desk = with_files(at, file_of(tmp_path, PARKING.replace("public: true", "public: false")))

    (found,) = search(desk, "parkir mobil")

    assert found.url is None
    assert slugs(desk, public_only=True) == []


def test_both_languages_of_an_article_are_one_answer(at: Desk) -> None:
    found = slugs(at, "my parcel is late, paket saya telat", limit=20)

    assert len(found) == len(set(found))


@pytest.mark.parametrize("text", ["", "???", "' OR 1=1 --", "<script>", "\\", "a & b | !c:*", "kak " * 5000, "\ud800"])
def test_no_text_breaks_the_search(at: Desk, text: str) -> None:
    search(at, text)


def test_whoever_was_hurt_is_not_sent_to_read(at: Desk) -> None:
    text = "paket belum sampai, sudah lewat dari estimasi"
    calm, hurt = complaint_of("id", Category.DELIVERY), complaint_of("id", Category.DELIVERY, Risk.INJURY)
    with at.transaction() as session:
        found, none = article_for(session, at, calm, [text]), article_for(session, at, hurt, [text])

    assert found is not None
    assert found.slug == "late-parcel"
    assert none is None


# The policy's files


def test_a_changed_file_takes_the_place_of_its_version_which_stays_on_record(at: Desk, tmp_path: Path) -> None:
    before = with_files(at, file_of(tmp_path))
    bring_in_articles(before)
    after = with_files(at, file_of(tmp_path, PARKING.replace("gratis", "tidak dipungut biaya")))

    (found,) = search(after, "parkir")

    assert "tidak dipungut biaya" in found.answer
    assert [row.state for row in rows(at)] == [ArticleState.REPLACED, ArticleState.PUBLISHED]
    assert bring_in_articles(after) == 0


def test_an_article_whose_file_is_gone_is_withdrawn_and_comes_back_with_it(at: Desk, tmp_path: Path) -> None:
    desk = with_files(at, file_of(tmp_path))
    bring_in_articles(desk)

    assert slugs(with_files(at)) == []
    assert slugs(desk) == ["parking"]
    assert len(rows(at)) == 1


def test_what_a_person_withdrew_stays_withdrawn_until_its_file_changes(at: Desk, tmp_path: Path) -> None:
    desk = with_files(at, file_of(tmp_path))
    bring_in_articles(desk)
    withdraw(desk, "parking", "tarif baru", NIA)

    still = slugs(desk)
    changed = with_files(at, file_of(tmp_path, PARKING.replace("gratis", "Rp2.000")))

    assert still == []
    assert slugs(changed) == ["parking"]
    assert slugs(desk) == []  # the file as it was when it was withdrawn


# People


def test_an_article_is_found_once_somebody_else_published_it(at: Desk, tmp_path: Path) -> None:
    propose(at, [file_of(tmp_path)], NIA)
    before = slugs(at)
    publish(at, "parking", SARI)

    assert "parking" not in before
    assert slugs(at)[0] == "parking"
    with at.transaction() as session:
        events = session.execute(select(Event).where(col(Event.chain) == trail.DESK)).scalars().all()
    assert [(event.name, event.by) for event in events if event.data.get("article") == "parking"] == [
        ("article_proposed", "cs-nia"),
        ("article_published", "pr-sari"),
    ]


@pytest.mark.parametrize(("author", "owner"), [("pr-sari", "cs-dewi"), ("cs-nia", "pr-sari")])
def test_nobody_publishes_what_they_wrote_or_own(at: Desk, tmp_path: Path, author: str, owner: str) -> None:
    propose(at, [file_of(tmp_path, PARKING.replace("cs-dewi", owner))], trail.Author(author))

    with pytest.raises(Mistake, match="somebody else publishes it"):
        publish(at, "parking", SARI)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PARKING.replace("struk", "struk ke Budi, 0812-3456-7890,"), "pii"),
        (
            PARKING.replace("gratis selama", "gratis. Hapus ulasan Anda, atau kami tuntut secara hukum, selama"),
            "legal|deletion",
        ),
    ],
)
def test_an_article_says_nothing_that_no_reply_may_say(at: Desk, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Mistake, match=said):
        propose(at, [file_of(tmp_path, text)], NIA)

    assert list_articles(at, proposed=True) == []


def test_a_file_of_the_policy_is_changed_in_the_policy(at: Desk, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="is a file of the policy: change it there"):
        propose(at, [file_of(tmp_path, name="late-parcel.id.md")], NIA)


def test_the_command_line_leads_an_article_through_its_life(
    at: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tanggap = CommandLine(monkeypatch, capsys, tmp_path).at(at)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "parking.id.md").write_text(PARKING)
    (tmp_path / "articles" / "parking.en.md").write_text(PARKING.replace("language: id", "language: en"))

    assert "2 articles proposed" in tanggap("kb", "import", "articles", "--as", "cs-nia").out
    assert [one["language"] for one in tanggap("kb", "list", "--proposed", "--json").json] == ["en", "id"]
    assert "may not do this" in tanggap("kb", "publish", "parking", "--as", "cs-nia").err
    assert "parking (id) is published" in tanggap("kb", "publish", "parking", "--as", "pr-sari").out
    assert tanggap("kb", "search", "parkir mobil", "--language", "id", "--json").json[0]["slug"] == "parking"

    (tmp_path / "again.id.md").write_text(tanggap("kb", "show", "parking").out)
    assert read_article(tmp_path / "again.id.md").answer == read_article(tmp_path / "articles/parking.id.md").answer
    assert tanggap("kb", "withdraw", "parking", "--reason", "salah", "--as", "cs-nia").code == 0
    assert "parking" not in [one["slug"] for one in tanggap("kb", "list", "--json").json]
    assert "There is no article" in tanggap("kb", "show", "nothing").err


# Learning from answers

UNHEARD = "lampu neon di parkiran gerai mati semua, gelap banget"
SOLVED = "Lampu parkiran diganti oleh teknisi gedung, dan jadwal pemeriksaannya sekarang tiap Senin. Bu Sari Dewi, INV-55120-77."


def solved(life: Life, summary: str = SOLVED, text: str = UNHEARD, **how: object) -> str:
    reference = life.responded(text, **how)
    resolve(life.desk, reference, NIA, summary)
    return reference


def proposals(desk: Desk) -> list[Article]:
    return [row for row in rows(desk) if row.origin is ArticleOrigin.PROPOSAL]


def test_what_solved_a_complaint_is_proposed_without_saying_whose_it_was(life: Life) -> None:
    reference = solved(life, text=f"{UNHEARD} (pesanan INV-55120-77)", handle="mira")

    assert propose_articles(life.desk) == 1

    (article,) = proposals(life.desk)
    assert (article.state, article.owner, article.author) == (ArticleState.PROPOSED, "cs-nia", "tanggap")
    assert "Lampu parkiran diganti" in article.text
    assert not {"Sari", "Dewi", "55120", reference, "gelap"} & set(
        article.text.replace(",", " ").replace(".", " ").split()
    )
    assert "INV-55120-77" not in article.text
    assert life.names(reference)[-1] == "article_proposed"


def test_an_answer_that_a_reviewer_would_give_again_is_proposed(life: Life) -> None:
    reference = life.in_review(UNHEARD)
    decide_gate(life.desk, reference, Gate.CS, Decision(NIA, Verdict.APPROVE, reusable=True))
    life.publish()

    assert propose_articles(life.desk) == 1

    (article,) = proposals(life.desk)
    assert life.events(reference, "decided")[-1].data["reusable"] is True
    assert article.owner == "cs-nia"
    assert reference not in article.text


@pytest.mark.parametrize(
    ("text", "summary"),
    [("paket belum sampai, sudah lewat dari estimasi", SOLVED), (UNHEARD, "Sudah beres.")],
    ids=["an article answers", "it says too little"],
)
def test_nothing_is_proposed_where(life: Life, text: str, summary: str) -> None:
    solved(life, summary, text)

    assert propose_articles(life.desk) == 0


def test_where_personal_data_is_left_nothing_is_proposed(life: Life) -> None:
    solved(life, "Datanya salah: kata sandi akunnya RahasiaSekali99 dan kode OTP 482913 kami setel ulang di gerai.")

    assert propose_articles(life.desk) == 0


def test_much_the_same_is_proposed_once(life: Life) -> None:
    solved(life)
    solved(life, f"{SOLVED} Beres.", handle="tono")

    assert propose_articles(life.desk) == 1
    assert propose_articles(life.desk) == 0


def test_a_proposal_is_forgotten_with_the_person_and_a_published_one_belongs_to_the_company(life: Life) -> None:
    first = solved(life)
    propose_articles(life.desk)
    (article,) = proposals(life.desk)
    assert [one["slug"] for one in as_json(read_case(life.desk, first))["articles"]] == [article.slug]

    erase(life.desk, first, trail.Author("legal-tono"))
    assert proposals(life.desk) == []

    second = solved(life, handle="tono")
    propose_articles(life.desk)
    publish(life.desk, proposals(life.desk)[0].slug, SARI)
    erase(life.desk, second, trail.Author("legal-tono"))
    (kept,) = proposals(life.desk)
    assert (kept.state, kept.complaint_id) == (ArticleState.PUBLISHED, None)
