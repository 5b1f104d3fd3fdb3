"""The law on the command line: what people see of it, and what they are told when it is not their turn."""

import pytest
from command_line import CommandLine
from factories import Life, grave, person

from db.tables import EmergencyKind
from db.words import Risk
from tasks.breach import start
from tasks.emergency import refer
from tasks.legal_road import answer_question

pytest_plugins = ("lives",)

REASON = "Tuduhannya tidak benar dan terus disebar."
THREAT = "Mohon maaf. Jika unggahan ini tidak dihapus, kami akan mengirim somasi lewat kuasa hukum kami."
ANSWER = "Rina menelepon hari Senin dan Selasa, dua kali diangkat."


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life: Life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


def test_before_anybody_opens_a_road_they_read_what_it_cost_others(life, tanggap):
    reference = life.responded()

    told = tanggap("legal-road", reference).out
    in_indonesian = tanggap("legal-road", reference, "--language", "id").out

    for said in ("Prita", "Es Teh", "Eiger", "went to prison", "[ ] talked_privately", "--open"):
        assert said in told, said
    assert "Ia dipenjara" in in_indonesian


def test_a_road_is_walked_step_by_step(life, tanggap, tmp_path):
    reference = life.responded()
    letter = tmp_path / "surat.txt"
    letter.write_text(THREAT, encoding="utf-8")

    opened = tanggap("legal-road", reference, "--open", "--reason", REASON, "--as", "pr-sari")
    early = tanggap("legal-road", reference, "--draft", letter, "--as", "legal-tono")
    answered = tanggap("legal-road", reference, "--answer", f"talked_privately={ANSWER}", "--as", "cs-nia", "--json")
    for question in answered.json["missing"]:
        answer_question(life.desk, reference, question, ANSWER, person("cs-nia"))
    life.later(hours=72)
    threatening = tanggap("legal-road", reference, "--draft", letter, "--as", "legal-tono")
    letter.write_text("Mohon maaf atas pengalaman Kakak. Kami ingin mendengar cerita Kakak langsung.", encoding="utf-8")
    clean = tanggap("legal-road", reference, "--draft", letter, "--as", "legal-tono")
    listed = tanggap("legal-road", "--json").json

    assert "nobody can shorten that" in opened.out
    assert (early.code, "Nobody can shorten" in early.err) == (1, True)
    assert answered.json["state"] == "open"
    assert (threatening.code, "guardrails block" in threatening.err) == (1, True)
    assert "three different people" in clean.out
    assert [(line["reference"], line["cooled"], line["missing"]) for line in listed] == [(reference, True, [])]


def test_a_blocked_threat_tells_of_the_legal_road(life, tanggap, tmp_path):
    reference = life.in_review()
    text = tmp_path / "ancaman.txt"
    text.write_text("Kami akan mengirim somasi lewat kuasa hukum kami.", encoding="utf-8")

    assert "tanggap legal-road" in tanggap("draft", reference, text, "--as", "pr-sari").err


@pytest.mark.parametrize(
    "words",
    [
        ("legal-road", "{}", "--open", "--reason", "x"),
        ("legal-road", "{}", "--open", "--withdraw", "--as", "cs-nia"),
        ("legal-road", "--open", "--reason", "x", "--as", "cs-nia"),
        ("emergency", "{}", "--kind", "extortion", "--what", "x"),
        ("legal-hold", "{}", "--on", "--off", "--as", "cs-nia"),
        ("breach", "{}", "--notified", "authority"),
        ("breach", "{}", "--since", "kemarin", "--as", "cs-nia"),
    ],
)
def test_words_that_do_not_fit_are_wrong_usage(life, tanggap, words):
    reference = life.responded()
    ran = tanggap(*(word.replace("{}", reference) for word in words))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("command", ["legal-road", "emergency", "legal-hold", "breach"])
def test_a_complaint_that_is_not_there_is_told_on_one_line(tanggap, command):
    ran = tanggap(command, "TG-9999")
    assert (ran.code, ran.err.count("\n")) == (1, 1)


def test_the_inbox_begins_with_what_cannot_wait(life, tanggap):
    leak = life.in_review(grave(life.assessor, "data saya bocor", Risk.PRIVACY), handle="bocor")
    threat = life.in_review(handle="ancam")
    refer(life.desk, threat, EmergencyKind.THREAT_TO_STAFF, "Akan datang ke gerai.", person("cs-nia"))

    told = tanggap("inbox").out
    reviews = tanggap("inbox", "--json").json

    assert told.index(f"{threat}  EMERGENCY") < told.index(f"{leak}  BREACH NOTICE running") < told.index("(wording)")
    assert {line["reference"] for line in reviews} == {leak, threat}
    assert "EMERGENCY" not in tanggap("inbox", "--gate", "cs").out


def test_an_emergency_is_referred_then_acknowledged_by_each_gate(life, tanggap):
    reference = life.in_review()

    called = tanggap("emergency", reference, "--kind", "threat-to-staff", "--what", "Akan datang", "--as", "cs-nia")
    legal = tanggap("emergency", reference, "--acknowledge", "--as", "legal-tono")
    executive = tanggap("emergency", reference, "--acknowledge", "--note", "Polisi dihubungi", "--as", "exec-hadi")
    (line,) = tanggap("emergency", reference, "--json").json

    assert "legal-lead and exec-duty are called" in called.out
    assert "still to answer: executive" in legal.out
    assert executive.code == 0
    assert [one["by"] for one in line["acknowledged"]] == ["legal-tono", "exec-hadi"]
    assert tanggap("emergency").out == "No emergency waits for an acknowledgement.\n"


def test_a_held_complaint_is_not_forgotten_and_says_so(life, tanggap):
    reference = life.responded()
    tanggap("legal-hold", reference, "--on", "--reason", "Gugatan", "--as", "legal-tono")

    erased = tanggap("erase", reference, "--as", "legal-tono", "--yes")

    assert (erased.code, f"tanggap legal-hold {reference} --off" in erased.err) == (1, True)
    assert [line["reference"] for line in tanggap("legal-hold", "--json").json] == [reference]
    assert "Legal hold" in tanggap("complaint", reference).out


def test_a_breach_notice_tells_whose_word_its_term_rests_on(life, tanggap):
    reference = life.in_review()
    start(life.desk, reference, person("cs-nia"))

    told = tanggap("breach", reference).out
    tanggap("breach", reference, "--notified", "authority", "--as", "legal-tono")
    tanggap("breach", reference, "--notified", "data_subject", "--as", "legal-tono")

    assert "UU 27/2022" in told
    assert "to be confirmed by counsel" in told
    assert tanggap("breach", "--json").json == []
    assert [line["state"] for line in tanggap("breach", "--all", "--json").json] == ["notified"]
