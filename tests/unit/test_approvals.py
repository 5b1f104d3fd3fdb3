"""What leaves without a review was approved, by name, in exactly this wording."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from policy.approvals import approve, read_approvals, unapproved
from policy.reading import PolicyError
from policy.templates import PRE_APPROVED, read_templates

POLICY = Path(__file__).resolve().parents[2] / "policy"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    shutil.copytree(POLICY / "templates", tmp_path / "templates")
    shutil.copy(POLICY / "approvals.yaml", tmp_path)
    return tmp_path


def problems(directory: Path) -> list[str]:
    found = unapproved(read_templates(directory / "templates"), read_approvals(directory / "approvals.yaml"))
    return [str(problem) for problem in found]


def change(directory: Path, key: str) -> None:
    file = directory / "templates" / f"{key}.txt.j2"
    file.write_text(file.read_text() + "Satu kata lagi.\n")


def test_the_shipped_texts_are_approved() -> None:
    assert problems(POLICY) == []
    assert len(read_approvals(POLICY / "approvals.yaml").approvals) == 2 * len(PRE_APPROVED)


def test_a_changed_text_is_named_with_the_command_that_mends_it(policy: Path) -> None:
    change(policy, "id/holding")

    (said,) = problems(policy)

    assert "id/holding.txt.j2:1:" in said
    assert "`tanggap policy approve id/holding --as PERSON`" in said


def test_a_statement_needs_no_approval_beforehand(policy: Path) -> None:
    change(policy, "id/statement_holding")

    assert problems(policy) == []


def test_approving_mends_it_and_leaves_the_rest_as_it_was(policy: Path) -> None:
    before = (policy / "approvals.yaml").read_text().splitlines()
    change(policy, "id/holding")

    approve(policy, "id/holding", "pr-sari", "2026-12-01")

    after = (policy / "approvals.yaml").read_text().splitlines()
    assert problems(policy) == []
    assert len([line for line, was in zip(after, before, strict=True) if line != was]) == 3


def test_the_same_approvals_give_the_same_file(policy: Path) -> None:
    approve(policy, "survey", "pr-sari", date(2026, 12, 1))
    first = (policy / "approvals.yaml").read_bytes()

    approve(policy, "survey", "pr-sari", date(2026, 12, 1))

    assert (policy / "approvals.yaml").read_bytes() == first


def test_a_first_approval_makes_the_file(policy: Path) -> None:
    (policy / "approvals.yaml").unlink()

    approved = approve(policy, "id/ask", 'pr-"sari"', "2026-12-01")

    assert approved.by == 'pr-"sari"'
    assert read_approvals(policy / "approvals.yaml").approvals == (approved,)


@pytest.mark.parametrize(
    ("name", "by"), [("id/nothing", "pr-sari"), ("statement_holding", "pr-sari"), ("holding", " ")]
)
def test_what_cannot_be_approved_is_refused(policy: Path, name: str, by: str) -> None:
    with pytest.raises(PolicyError):
        approve(policy, name, by, "2026-12-01")


def test_an_approval_of_nothing_is_named(policy: Path) -> None:
    file = policy / "approvals.yaml"
    file.write_text(file.read_text().replace("template: id/ask", "template: id/asks"))

    assert any("`id/asks` is approved, but" in said for said in problems(policy))


def test_a_template_approved_twice_is_refused(policy: Path) -> None:
    file = policy / "approvals.yaml"
    file.write_text(file.read_text().replace("template: id/ask\n", "template: en/ask\n"))

    with pytest.raises(PolicyError, match="twice"):
        read_approvals(file)
