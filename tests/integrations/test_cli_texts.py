"""`tanggap assess` and `tanggap check`: JSON lines in, JSON lines out, nothing stored, no database, no Prefect."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]
THREAT = "Hapus postingan Anda sekarang atau kami tempuh jalur hukum."
FIELDS = {
    "id",
    "kind",
    "category",
    "remedy",
    "risks",
    "anger",
    "language",
    "severity",
    "confidence",
    "unsure",
    "evidence",
    "version",
}


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path)


def lines(*records: object) -> bytes:
    return b"".join(
        record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode() + b"\n"
        for record in records
    )


def test_an_assessment_has_every_field_and_rests_on_words_of_the_text(tanggap):
    text = "😡 Pesanan saya belum sampai padahal sudah seminggu, tolong dikirim!"

    ran = tanggap("assess", stdin=lines({"id": "a", "text": text}))

    (found,) = ran.lines
    assert ran.code == 0
    assert set(found) == FIELDS
    assert (found["id"], found["kind"], found["category"], found["language"]) == ("a", "complaint", "delivery", "id")
    assert found["evidence"]
    assert all(text[one["start"] : one["end"]] == one["quote"] for one in found["evidence"])


def test_what_is_no_complaint_has_neither_category_nor_remedy(tanggap):
    (found,) = tanggap("assess", stdin=lines({"text": "Terima kasih, pengirimannya cepat sekali!"})).lines

    assert (found["id"], found["kind"], found["category"], found["remedy"]) == (None, "praise", None, None)


def test_reach_makes_a_text_graver(tanggap):
    text = "aplikasi error terus, kecewa"

    quiet, loud, followed = tanggap(
        "assess",
        stdin=lines(
            {"text": text, "metrics": {"views": 12}},
            {"text": text, "metrics": {"views": 2_000_000}},
            {"text": text, "author": {"handle": "seleb", "followers": 150_000}},
        ),
    ).lines

    assert quiet["severity"] in ("S3", "S4")
    assert (loud["severity"], followed["severity"]) == ("S1", "S2")
    assert "virality" in loud["risks"]


def test_who_writes_makes_a_text_graver(tanggap):
    text = "warna logonya kok gitu ya"

    anybody, press, feed, valued = tanggap(
        "assess",
        stdin=lines(
            {"text": text, "author": {"handle": "si_anu"}},
            {"text": "paket saya belum sampai", "author": "@detikcom"},
            {"text": "paket saya belum sampai", "url": "https://news.detik.com/1"},
            {"text": "paket saya belum sampai", "author": {"tier": "gold"}},
        ),
    ).lines

    assert anybody["severity"] == "S4"
    assert (press["severity"], feed["severity"], valued["severity"]) == ("S2", "S2", "S3")
    assert "media" in press["risks"]


def test_a_bad_line_gets_its_error_in_its_place(tanggap):
    ran = tanggap(
        "assess",
        stdin=lines(
            {"id": 1, "text": "halo"}, b"not json\n", b"\n", {"id": 2}, {"id": 3, "text": 7}, b"\xff\xfe{\n", b"[]\n",
            {"id": 4, "text": "x" * 100_001}, {"id": 5, "text": "halo", "addressed": "yes"}, {"id": 6, "text": "halo"},
        ),
    )  # fmt: skip

    assert ran.code == 0
    assert ["error" in found for found in ran.lines] == [False, *[True] * 7, False]
    assert [found["id"] for found in ran.lines] == [1, None, 2, 3, None, None, 4, 5, 6]
    assert "standard input:2:" in ran.err


def test_strict_minds_a_bad_line(tanggap):
    assert tanggap("assess", "--strict", stdin=b"nope\n").code == 1


def test_a_threat_is_blocked_where_it_stands(tanggap):
    text = f"Kak, {THREAT}"

    (found,) = tanggap("check", "-", stdin=lines({"id": "x", "text": text})).lines

    assert (found["id"], found["level"]) == ("x", "block")
    assert {one["rule"] for one in found["findings"]} >= {"legal_threat", "deletion_request"}
    assert all(text[one["start"] : one["end"]] == one["quote"] for one in found["findings"])
    assert set(found["findings"][0]) == {"rule", "level", "start", "end", "quote", "message", "suggestion"}


def test_check_ends_well_unless_it_is_strict(tanggap):
    assert tanggap("check", stdin=lines({"text": THREAT})).code == 0
    assert tanggap("check", "--strict", stdin=lines({"text": THREAT})).code == 1
    assert tanggap("check", "--strict", stdin=lines({"text": "Halo, terima kasih sudah menghubungi kami."})).code == 0


def test_the_company_file_says_what_is_ours(tanggap, tmp_path):
    company = tmp_path / "company.yaml"
    company.write_text("names: [Kopi Jaya]\nhotlines: ['0800 111 2222']\n", encoding="utf-8")
    draft = lines({"text": "Hubungi kami di 0800 111 2222 ya.", "visibility": "public"})

    strangers = tanggap("check", stdin=draft).lines[0]["findings"]
    ours = tanggap("check", "--company", company, stdin=draft).lines[0]["findings"]

    assert "pii" in {one["rule"] for one in strangers}
    assert "pii" not in {one["rule"] for one in ours}


def test_a_company_file_that_is_missing_is_named(tanggap, tmp_path):
    ran = tanggap("check", "--company", tmp_path / "none.yaml", stdin=lines({"text": "halo"}))

    assert ran.code == 1
    assert "none.yaml" in ran.err


def test_a_file_that_is_missing_is_named_on_one_line(tanggap):
    ran = tanggap("assess", "nowhere.jsonl")

    assert (ran.code, ran.out, ran.err) == (1, "", "There is no file nowhere.jsonl.\n")


def test_a_program_can_talk_line_by_line(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "desk.cli", "check"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = []
        for number in range(2):
            process.stdin.write(lines({"id": f"é{number}", "text": "Halo kak"}))
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline().decode("utf-8"))["id"])
        process.stdin.close()

    assert answers == ["é0", "é1"]


def test_neither_prefect_nor_a_database_is_imported_to_judge_a_text(tmp_path):
    script = (
        "import sys; from desk.cli import main; code = main(['check']);"
        "print([m for m in ('prefect', 'sqlmodel', 'sqlalchemy', 'psycopg', 'requests', 'rich') if m in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        input=lines({"text": "Halo"}),
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.decode().splitlines()[-1] == "[] 0"
