"""`tanggap complaint REF --why`: the path from the words to the gates."""

import pytest
from command_line import CommandLine
from factories import Life, person
from sqlalchemy import update

from db.tables import Assessment
from db.words import Risk
from integrations.record import Author, Metrics
from policy.assessment import Evidence
from policy.loading import SHIPPED, load_policy
from tasks.changes import new_metrics
from tasks.people import correct

SICK = "anak saya muntah setelah makan nasi kotak ini"


@pytest.fixture
def life(desk, clock) -> Life:
    life = Life(desk, clock)
    life.assessor.finds(
        SICK,
        risks=(Risk.INJURY,),
        confidence={"kind": 0.93, "risks": 0.81},
        evidence=(Evidence("risks", "muntah", 10, 16, "injury"), Evidence("kind", "setelah \x1b[31mmakan", 17, 30)),
    )
    return life


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


def why(tanggap: CommandLine, reference: str) -> str:
    ran = tanggap("complaint", reference, "--why")
    assert ran.code == 0, ran.err
    return ran.out


def test_the_path_goes_from_the_words_to_the_gates(life, tanggap):
    reference = life.comes(SICK, metrics=Metrics(views=1_200), author=Author(id="5", followers=900, tier="gold"))
    life.assess()

    told = why(tanggap, reference)

    for said in (
        f"{reference}  S1",
        "complaint  (93% sure)",
        "injury  (81% sure)",
        "injury: “muntah”",
        "with said by the test",
        "said in public",
        "1,200 views",
        "900 followers",
        "customer tier gold",
        "S1  somebody was hurt or fell ill, and it is said in public",
        "S2  somebody was hurt or fell ill",
        "executive",
        "severity S1 in public",
    ):
        assert said in told, said
    assert told.index("S1  somebody was hurt") < told.index("S2  somebody was hurt") < told.index("executive")
    assert "\x1b" not in told


def test_each_rule_is_shown_where_it_stands(life, tanggap):
    reference = life.comes(SICK)
    life.assess()

    (path,) = tanggap("complaint", reference, "--why", "--json").json["messages"]

    file, _, line = path["rules"][0]["stands"].rpartition(":")
    assert file == str(SHIPPED / "severities.yaml")
    assert (
        "when: {risks: [injury], visibility: public}"
        in (SHIPPED / "severities.yaml").read_text().splitlines()[int(line) - 1]
    )
    assert f"severities.yaml:{line}" in why(tanggap, reference)


def test_what_people_changed_is_told_with_who_and_why(life, tanggap):
    reference = life.comes(SICK)
    life.assess()
    correct(life.desk, reference, {"severity": "S2"}, person("cs-nia"), "sudah ditelepon, anaknya baik")

    told = why(tanggap, reference)

    assert "cs-nia set severity from S1 to S2: sudah ditelepon, anaknya baik" in told
    assert "stands as a person set it" in told
    assert tanggap("complaint", reference, "--why", "--json").json["decided_by"] is None


def test_of_several_messages_the_one_that_decides_is_named(life, tanggap):
    reference = life.comes(life.assessor.finds("kurang enak ya", breach=False, asks=True))
    life.assess()
    first = life.messages(reference)[0]
    life.record(life.message(SICK, in_reply_to=first.external_id))
    life.assess()

    found = tanggap("complaint", reference, "--why", "--json").json

    assert [path["severity"] for path in found["messages"]] == ["S3", "S1"]
    assert found["decided_by"] == found["messages"][1]["message"]
    assert "S1 – this one decides" in why(tanggap, reference)


def test_the_reach_is_told_as_it_was_at_the_last_assessment(life, tanggap):
    reference = life.comes(SICK, metrics=Metrics(views=10))
    life.assess()
    first = life.messages(reference)[0]
    life.later(hours=2)
    new_metrics(life.desk, first.channel, first.account, first.external_id, Metrics(views=150_000))
    life.assess()

    told = why(tanggap, reference)

    assert "150,000 views, 10 a day ago" in told
    assert "S2  a hundred thousand people or more have seen it (brings the risk virality)" in told


def test_a_message_that_no_rule_speaks_for_says_so(life, tanggap):
    reference = life.comes(life.assessor.finds("warnanya gitu ya", breach=False, asks=False))
    life.assess()

    told = why(tanggap, reference)

    assert "S4  a small matter or a question, nothing in it is dangerous (no rule speaks for more)" in told
    assert "No answer is due" in told


def test_what_was_not_assessed_yet_says_so(life, tanggap):
    reference = life.comes(SICK)

    assert "Nothing of it has been assessed yet." in why(tanggap, reference)


def test_rules_that_were_changed_since_are_told_as_changed(life, tanggap, tmp_path):
    reference = life.comes(SICK)
    life.assess()
    rules = (SHIPPED / "severities.yaml").read_text()
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "severities.yaml").write_text(
        rules.replace("because: somebody was hurt or fell ill, and it is said in public", "because: luka di depan umum")
    )
    life.desk = type(life.desk)(**{**vars(life.desk), "policy": load_policy(overlay=tmp_path / "overlay")})

    told = why(tanggap.at(life.desk), reference)

    assert "S1  somebody was hurt or fell ill, and it is said in public" in told
    assert "this rule has been changed since" in told
    assert "has been changed since)" in told


def test_an_assessment_from_before_facts_were_kept_shows_its_reasons(life, tanggap):
    reference = life.comes(SICK)
    life.assess()
    with life.desk.transaction() as session:
        session.execute(update(Assessment).values(grading=None))

    assert "somebody was hurt or fell ill, and it is said in public" in why(tanggap, reference)


def test_a_complaint_that_is_not_there_is_told_on_one_line(tanggap):
    ran = tanggap("complaint", "TG-9999", "--why")

    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)


def test_what_only_the_model_sees_is_called_a_guess(life, tanggap):
    life.assessor.finds(SICK, risks=(Risk.INJURY, Risk.MEDIA), guessed=(Risk.MEDIA,))
    reference = life.comes(SICK)
    life.assess()

    assert "injury, media; media: the model's guess" in why(tanggap, reference)


def test_a_complaint_shows_the_words_of_each_risk_under_its_name(life, tanggap):
    words = (Evidence("risks", "muntah", 10, 16, "injury"), Evidence("risks", "nasi", 31, 35, "media"))
    life.assessor.finds(SICK, risks=(Risk.INJURY, Risk.MEDIA), evidence=(*words, Evidence("kind", "muntah", 10, 16)))
    reference = life.comes(SICK)
    life.assess()

    told = tanggap("complaint", reference).out

    for line in ("injury: “muntah”", "media: “nasi”", "kind: “muntah”"):
        assert line in told
    assert "risks:" not in told


@pytest.mark.parametrize(("times", "said"), [(1, "edited 1 time"), (2, "edited 2 times")])
def test_edits_are_counted_in_the_right_number(times, said, life, tanggap):
    reference = life.comes(SICK)
    first = life.messages(reference)[0]
    for number in range(times):
        life.record(life.message(f"{SICK} {number}", external_id=first.external_id))

    assert f"{said}\n" in tanggap("complaint", reference).out
