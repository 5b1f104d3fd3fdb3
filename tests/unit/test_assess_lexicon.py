"""The lexicon: it is read with its problems' file and line, keeps its own examples, and is as wide as it says."""

import pytest

from policy.assess.examples import check_examples
from policy.assess.lexicon import read_lexicon
from policy.reading import PolicyError
from tests.unit.assessing import SHIPPED, shipped, written

GOOD = {"name": "late", "gives": {"category.delivery": 2.0}, "phrases": ["belum (juga)? sampai"]}


def problems_of(directory):
    with pytest.raises(PolicyError) as error:
        read_lexicon(directory)
    return error.value.problems


def test_the_shipped_lexicon_keeps_its_examples():
    assert check_examples(shipped()) == []


def test_the_shipped_lexicon_is_wide():
    assert len(shipped().vocabulary) > 4000
    assert len(shipped().spelling.means) > 500


def test_a_lexicon_is_read_from_any_number_of_files(tmp_path):
    lexicon = read_lexicon(
        written(tmp_path, [GOOD], more="entries:\n- {name: lost, gives: {breach: 2}, phrases: [hilang]}\n")
    )

    assert {compiled.entry.name for compiled in lexicon.entries} == {"late", "lost"}


@pytest.mark.parametrize(
    ("phrase", "says"),
    [
        ("belum (sampai", "not closed"),
        ("belum sampai)", "too many"),
        ("{nosuch} sampai", "no word list `nosuch`"),
        ("<nosuch> sampai", "no kind of token"),
        ("belum ~99 sampai", "a gap is"),
        ("(belum)?", "matches nothing"),
        ("? belum", "stands after nothing"),
        ("be*um sampai", "at least three letters"),
        ("belum !", "is no word"),
    ],
)
def test_a_bad_pattern_is_told_with_its_line(tmp_path, phrase, says):
    text = f"entries:\n- name: bad\n  gives: {{breach: 1}}\n  phrases:\n  - sampai\n  - '{phrase}'\n"

    (problem,) = problems_of(written(tmp_path, [GOOD], bad=text))

    assert says in problem.message
    assert (problem.file.name, problem.line) == ("bad.yaml", 6)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("entries:\n- name: late\n  phrases: [telat]\n", 2, "stands twice (first in bad.yaml:2)|stands twice"),
        ("entries:\n- name: x\n  gives:\n    risk.bad: 2\n  phrases: [telat]\n", 4, "nothing that an entry can give"),
        ("entries:\n- name: x\n  hides: [bad]\n  phrases: [telat]\n", 3, "can hide"),
        ("entries:\n- name: x\n  gives: {breach: 99}\n  phrases: [telat]\n", 3, "less than or equal"),
        ("entries:\n- name: x\n  phrases: []\n", 3, "at least 1"),
        ("words:\n  a: ['{a}']\n", 2, "contains itself"),
        ("entires: []\n", 1, "not a setting"),
    ],
)
def test_a_bad_entry_is_told_with_its_line(tmp_path, text, line, says):
    problems = problems_of(written(tmp_path, [GOOD], bad=text))

    assert any(part in problem.message for problem in problems for part in says.split("|"))
    assert line in {problem.line for problem in problems} or "stands twice" in says


def test_all_problems_are_told_at_once(tmp_path):
    text = "entries:\n- {name: a, gives: {nope: 1}, phrases: ['(']}\n- {name: b, phrases: ['~0 x']}\n"

    assert len(problems_of(written(tmp_path, [GOOD], bad=text))) == 3


def test_a_missing_file_is_told(tmp_path):
    directory = written(tmp_path, [GOOD])
    (directory / "normalise.yaml").unlink()

    (problem,) = problems_of(directory)

    assert "is missing" in problem.message


def test_an_example_that_is_not_kept_is_told(tmp_path):
    entry = {**GOOD, "examples": ["sudah sampai"], "not": ["belum sampai"]}

    problems = check_examples(read_lexicon(written(tmp_path, [entry])))

    assert [problem.line for problem in problems] == [2, 2] or len(problems) == 2
    assert "does not find" in problems[0].message
    assert "must not" in problems[1].message


def test_the_version_changes_with_any_file(tmp_path):
    before = read_lexicon(written(tmp_path, [GOOD])).version
    after = read_lexicon(written(tmp_path, [{**GOOD, "phrases": ["telat"]}])).version

    assert before != after


def test_the_shipped_lexicon_stands_beside_the_code():
    assert (SHIPPED / "risks.yaml").is_file()
