"""The encoder never holds intake up: what waits is assessed quickly first, and looked at again when nothing waits."""

from dataclasses import replace

import pytest
from factories import Life, SaidByTheTest, person

from db.complaints import find
from db.words import Category
from policy.loading import Policy
from tasks.assess import due_for_assessment, take_second_looks
from tasks.desk import Desk
from tasks.listing import Wanted, complaints
from tasks.people import correct

SHORT = "duh, gini amat"


class Thorough(SaidByTheTest):
    """Finds another category where it has the time."""

    def assess(self, batch, *, hurried=False):
        found = super().assess(batch)
        if not hurried:
            return found
        return [replace(one, category=Category.OTHER, unsure=("category",), second_look=True) for one in found]


@pytest.fixture
def life(desk, clock) -> Life:
    return Life(allowing(desk, waiting=1), clock, assessor=Thorough())


def allowing(desk: Desk, *, waiting: int) -> Desk:
    """A desk that takes its time as long as no more than so many messages wait."""
    policy: Policy = desk.policy
    limits = policy.assessing.second_opinion.model_copy(update={"waiting_at_most": waiting})
    return replace(
        desk, policy=replace(policy, assessing=policy.assessing.model_copy(update={"second_opinion": limits}))
    )


def category(life: Life, reference: str) -> Category | None:
    with life.desk.transaction() as session:
        return find(session, reference).category


def unsure(life: Life) -> list[str]:
    return [line.reference for line in complaints(life.desk, Wanted(unsure=True))]


def test_with_little_waiting_the_assessor_takes_its_time(life):
    reference = life.comes(SHORT)
    life.assess()
    assert category(life, reference) is Category.DELIVERY
    assert take_second_looks(life.desk) == 0


def test_with_much_waiting_messages_are_assessed_in_a_hurry(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(3)]
    life.assess()
    assert [category(life, reference) for reference in references] == [Category.OTHER] * 3


def test_what_was_assessed_in_a_hurry_is_looked_at_again(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(3)]
    life.assess()
    assert take_second_looks(life.desk, limit=1) == 1
    life.assess()
    assert category(life, references[0]) is Category.DELIVERY
    assert len(due_for_assessment(life.desk)) == 0


def test_what_a_person_decides_is_listed(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(3)]
    life.assess()
    assert sorted(unsure(life)) == sorted(references)


def test_a_corrected_field_is_off_the_list(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(3)]
    life.assess()
    correct(life.desk, references[0], {"category": "billing"}, person("cs-nia"), "biaya admin")
    assert sorted(unsure(life)) == sorted(references[1:])


def test_a_second_look_that_is_sure_takes_a_complaint_off_the_list(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(2)]
    life.assess()
    assert take_second_looks(life.desk, limit=1) == 1
    life.assess()
    assert unsure(life) == references[1:]


def test_a_second_look_leaves_a_person_s_correction_alone(life):
    references = [life.comes(f"{SHORT} {number}", handle=f"orang{number}") for number in range(2)]
    life.assess()
    correct(life.desk, references[0], {"category": "billing"}, person("cs-nia"), "biaya admin")
    take_second_looks(life.desk)
    life.assess()
    assert category(life, references[0]) is Category.BILLING
