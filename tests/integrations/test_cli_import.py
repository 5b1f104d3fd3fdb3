"""`tanggap import`, the rules' own commands, and what the command line says when the ground is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from command_line import CommandLine
from factories import Life
from sqlalchemy import func, select

from db.tables import Quarantined
from desk.postgres import scratch_database

ROOT = Path(__file__).resolve().parents[2]
KEYS = ["accepted", "known", "edited", "left_out", "quarantined", "warnings"]


@pytest.fixture
def life(desk, clock) -> Life:
    return Life(desk, clock)


@pytest.fixture
def alone(monkeypatch, capsys, tmp_path) -> CommandLine:
    """The command line without a desk beneath it."""
    return CommandLine(monkeypatch, capsys, tmp_path)


@pytest.fixture
def tanggap(alone, life) -> CommandLine:
    return alone.at(life.desk)


def line(external_id: str, **fields: object) -> bytes:
    given = {
        "channel": "x",
        "external_id": external_id,
        "text": "paket belum sampai",
        "posted_at": "2026-03-02T08:00:00+07:00",
    }
    return json.dumps({**given, **fields}).encode() + b"\n"


# Taking in


def test_an_import_says_what_became_of_each_record(tanggap, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(line("a") + line("a") + b"nope\n" + line("b", metrics={"views": "viele"}))

    ran = tanggap("import", "in.jsonl", "--json")

    assert ran.code == 0
    assert list(ran.json) == KEYS
    assert ran.json == dict(zip(KEYS, (2, 1, 0, 0, 1, 1), strict=True))
    assert "in.jsonl:3: the line is not JSON" in ran.err


def test_the_same_file_again_changes_nothing_and_an_edit_counts_as_one(tanggap, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(line("a") + line("b"))
    tanggap("import", file)

    again = tanggap("import", file, "--json").json
    file.write_bytes(line("a") + line("b", text="paket belum sampai, tolong!"))
    edited = tanggap("import", file, "--json").json

    assert (again["accepted"], again["known"]) == (0, 2)
    assert (edited["known"], edited["edited"]) == (1, 1)


def test_a_file_that_is_missing_does_not_stop_the_others(tanggap, tmp_path):
    (tmp_path / "good.csv").write_text(
        "external_id;text;posted_at\nc1;barang rusak;2026-03-02T08:00:00+07:00\n", encoding="utf-8"
    )

    ran = tanggap("import", "gone.jsonl", tmp_path, "good.csv", "--channel", "email")

    assert ran.code == 1
    assert "1 accepted" in ran.out
    assert "There is no file gone.jsonl." in ran.err
    assert "is a directory" in ran.err


def test_standard_input_is_a_file_too(tanggap, life):
    ran = tanggap("import", "-", "--channel", "web", stdin=line("a", channel=None))

    assert (ran.code, life.complaint("TG-1001").channel) == (0, "web")


def test_strict_minds_what_was_quarantined(tanggap):
    assert tanggap("import", "-", stdin=b"nope\n").code == 0
    assert tanggap("import", "-", "--strict", stdin=b"nope\n").code == 1


def test_an_unknown_channel_is_wrong_usage(tanggap):
    ran = tanggap("import", "-", "--channel", "mars", stdin=line("a"))

    assert ran.code == 2
    assert "mars" in ran.err


def test_only_the_first_reasons_are_told(tanggap, life):
    ran = tanggap("import", "-", stdin=b"".join(b"nope %d\n" % number for number in range(1200)))

    assert ran.err.count("is not JSON") == 10
    assert "1,190 more" in ran.err
    with life.desk.transaction() as session:
        assert session.execute(select(func.count()).select_from(Quarantined)).scalar_one() == 1200


def test_a_mended_record_leaves_the_quarantine(tanggap, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(line("a", posted_at="2026-03-02T08:00:00"))
    tanggap("import", file)
    assert len(tanggap("complaints", "--quarantined", "--json").json) == 1

    file.write_bytes(line("a"))
    tanggap("import", file)

    assert tanggap("complaints", "--quarantined", "--json").json == []


# The ground


def test_a_database_that_is_down_is_told_on_one_line(alone, monkeypatch):
    monkeypatch.setenv("TANGGAP_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:9/desk")

    ran = alone("complaints")

    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "cannot be reached" in ran.err
    assert "secret" not in ran.err


def test_a_database_of_ones_own_is_migrated_only_when_asked(alone, monkeypatch, postgres):
    with scratch_database(postgres) as url:
        monkeypatch.setenv("TANGGAP_DATABASE_URL", url)

        behind = alone("complaints")
        asked = alone("db", "upgrade")
        again = alone("db", "upgrade")
        then = alone("complaints", "--json")

    assert behind.code == 1
    assert "Run `tanggap db upgrade`." in behind.err
    assert (asked.code, again.code) == (0, 0)
    assert "already" in again.out
    assert (then.code, then.json) == (0, [])


def test_settings_that_cannot_be_used_are_named_each(alone, monkeypatch):
    monkeypatch.setenv("TANGGAP_PREFECT_PORT", "many")
    monkeypatch.setenv("TANGGAP_DATABASE_URL", "mysql://x")

    ran = alone("complaints")
    doctor = alone("doctor", "--json")

    assert ran.code == 1
    assert "TANGGAP_PREFECT_PORT" in ran.err
    assert "TANGGAP_DATABASE_URL" in ran.err
    assert doctor.code == 1
    assert doctor.json["broken"] == 2


# The rules


def test_the_shipped_rules_are_good(alone):
    ran = alone("policy", "check")

    assert ran.code == 0, ran.err
    assert "can be used" in ran.out


def test_ones_own_rules_are_copied_checked_and_approved(alone, monkeypatch, tmp_path):
    assert alone("policy", "init", "rules").code == 0
    rules = tmp_path / "rules"
    monkeypatch.setenv("TANGGAP_POLICY_DIR", str(rules))
    ask = rules / "templates" / "id" / "ask.txt.j2"
    ask.write_text(ask.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    overwritten = alone("policy", "init", "rules")
    changed = alone("policy", "check")
    refused = alone("policy", "approve", "id/ask", "--as", "cs-nia")
    stranger = alone("policy", "approve", "id/ask", "--as", "stranger")
    approved = alone("policy", "approve", "id/ask", "--as", "pr-sari")
    good = alone("policy", "check")

    assert overwritten.code == 1
    assert "not overwritten" in overwritten.err
    assert changed.code == 1
    assert "ask.txt.j2:1: this text was changed" in changed.err
    assert "may not approve" in refused.err
    assert "nobody" in stranger.err
    assert (approved.code, good.code) == (0, 0)
    assert "approved by pr-sari" in approved.out


def test_a_case_of_severity_that_comes_out_otherwise_is_told_with_its_file_and_line(alone, monkeypatch, tmp_path):
    alone("policy", "init", "rules")
    severities = tmp_path / "rules" / "severities.yaml"
    was = "views: 100_000, severity: S2}"
    written = severities.read_text(encoding="utf-8")
    severities.write_text(written.replace(was, "views: 100_000, severity: S3}"), encoding="utf-8")
    monkeypatch.setenv("TANGGAP_POLICY_DIR", str(tmp_path / "rules"))

    ran = alone("policy", "check")

    number = 1 + next(index for index, line in enumerate(written.splitlines()) if was in line)
    assert ran.code == 1
    assert f"severities.yaml:{number}: this case comes to S2" in ran.err


def test_a_rule_that_is_wrong_is_told_with_its_file_and_line(alone, monkeypatch, tmp_path):
    alone("policy", "init", "rules")
    people = tmp_path / "rules" / "people.yaml"
    people.write_text(people.read_text(encoding="utf-8").replace("stand_in: pr", "stand_in: nobody"), encoding="utf-8")
    monkeypatch.setenv("TANGGAP_POLICY_DIR", str(tmp_path / "rules"))

    ran = alone("policy", "check")
    listed = alone("policy", "check", "--json")
    used = alone("complaints")

    number = 1 + people.read_text(encoding="utf-8").splitlines().index("    stand_in: nobody")
    assert ran.code == listed.code == used.code == 1
    assert f"people.yaml:{number}:" in ran.err
    assert f"people.yaml:{number}:" in used.err
    assert [problem["line"] for problem in listed.json["problems"]] == [number]


# Words


def test_without_a_command_there_is_help_and_no_success(alone):
    ran = alone()

    assert ran.code == 2
    assert "import" in ran.out
    assert alone("--version").out.startswith("tanggap ")
    assert alone("policy").code == 2
    assert alone("--help").code == alone("decide", "--help").code == 0


# Processes


def tanggap_process(home: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TANGGAP_")}
    return subprocess.run(
        [sys.executable, "-m", "desk.cli", *words],
        cwd=home,
        input=stdin,
        capture_output=True,
        timeout=300,
        check=False,
        env={**kept, "PYTHONPATH": str(ROOT), "TANGGAP_HOME": str(home / "state"), "LC_ALL": "C"},
    )


def test_a_bare_home_takes_complaints_in_and_keeps_no_process(tmp_path):
    taken = tanggap_process(
        tmp_path, "import", "-", "--json", stdin=line("a", text="paket belum sampai – é") + b"nope\n"
    )
    listed = tanggap_process(tmp_path, "complaints", "--json")

    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout)["accepted"] == 1
    assert [one["text"] for one in json.loads(listed.stdout.decode("utf-8"))] == ["paket belum sampai – é"]
    assert not servers_of(tmp_path)


def servers_of(home: Path) -> list[str]:
    """The processes whose words name this home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(home) in words and process.pid != os.getpid():
            found.append(words)
    return found


def test_a_reader_that_leaves_is_no_trouble(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "desk.cli", "check"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b'{"text": "halo"}\n' * 1000)
        process.stdin.close()
        said = process.stderr.read()

    assert said == b""


@pytest.mark.slow
def test_a_flow_runs_without_anything_being_up(tmp_path):
    tanggap_process(tmp_path, "import", "-", stdin=line("a"))

    ran = tanggap_process(tmp_path, "run", "intake")
    wrong = tanggap_process(tmp_path, "run", "intake", "--param", "length=3")
    listed = tanggap_process(tmp_path, "complaints", "--json")

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"assessed": 1}
    assert wrong.returncode == 2
    assert b"no parameter 'length'" in wrong.stderr
    assert json.loads(listed.stdout)[0]["state"] != "new"
    assert not servers_of(tmp_path)
