"""Who may decide at a gate now: named people, members of its Slack user group while Slack vouches for them, and covers."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from factories import Life, grave, person
from slack_api import SlackApi, slack_api
from slack_server import CHANNELS, TEAM, USERS
from sqlalchemy import select

from db.tables import SlackGroup
from db.words import Gate, State, Verdict
from integrations.slack.workspace import Workspace
from policy.people import People
from policy.slack import SlackRules
from tasks.decide import Decision, Refused, decide, draft_by_person, edit, refuse
from tasks.listing import inbox
from tasks.membership import forget_group, gates_of, knows, may_decide, other_member, refresh_groups
from tasks.people import assign, note
from tasks.slack_people import identify

pytest_plugins = ("lives", "slack_fixtures")

GROUP = "S0LEGAL"
MEMBER, OTHER = "U0GROUP1", "U0GROUP2"
NAMED = "u0group1"
"""What somebody is called whom only Slack knows."""
CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


@pytest.fixture
def api() -> Iterator[SlackApi]:
    with slack_api() as running:
        running.groups[GROUP] = [MEMBER]
        running.has(MEMBER)
        yield running


@pytest.fixture
def life(life: Life) -> Life:
    """A desk whose legal gate has a user group."""
    gates = {gate: {"channel": channel} for gate, channel in CHANNELS.items()}
    gates["legal"] |= {"group": GROUP}
    life.with_policy(slack=SlackRules.model_validate({"gates": gates, "people": USERS}))
    return life


def read(life: Life, api: SlackApi) -> None:
    """Ask Slack now."""
    refresh_groups(life.desk, api.slack(), older_than=None)


def group(life: Life) -> SlackGroup:
    with life.desk.transaction() as session:
        return session.execute(select(SlackGroup)).scalar_one()


def decides(life: Life, name: str, gate: Gate = Gate.LEGAL) -> bool:
    with life.desk.transaction() as session:
        return may_decide(session, life.desk, name, gate, life.now())


def known(life: Life, name: str) -> bool:
    with life.desk.transaction() as session:
        return knows(session, life.desk, name, life.now())


def another(life: Life, gate: Gate, *excluding: str) -> bool | None:
    with life.desk.transaction() as session:
        return other_member(session, life.desk, gate, excluding, life.now())


def legal_review(life: Life) -> tuple[str, int]:
    reference = life.in_review(grave(life.assessor))
    return reference, next(one.id for one in life.open_reviews(reference) if one.gate is Gate.LEGAL)


def refusal(life: Life, review: int, by: str, typed_by: str | None = None) -> Refused:
    with pytest.raises(Refused) as refused:
        decide(life.desk, review, Decision(person(by, typed_by), Verdict.APPROVE))
    return refused.value


# Members of a group


def test_whom_the_policy_names_decides_without_any_group(life):
    assert decides(life, "legal-tono")


def test_a_member_of_the_group_decides_at_its_gate_only(life, api):
    read(life, api)
    with life.desk.transaction() as session:
        assert gates_of(session, life.desk, NAMED, life.now()) == [Gate.LEGAL]


def test_a_member_who_has_a_name_on_the_desk_is_called_by_it(life, api):
    api.groups[GROUP] = [USERS["pr-sari"]]
    read(life, api)
    with life.desk.transaction() as session:
        assert gates_of(session, life.desk, "pr-sari", life.now()) == [Gate.PR, Gate.LEGAL]
    assert not decides(life, USERS["pr-sari"].lower())


def test_a_member_whom_only_slack_knows_is_a_person_of_the_desk(life, api):
    read(life, api)
    reference, review = legal_review(life)
    decide(life.desk, review, Decision(person(NAMED, f"slack:{MEMBER}"), Verdict.APPROVE))
    note(life.desk, reference, "sudah dicek", person(NAMED, f"slack:{MEMBER}"))
    assign(life.desk, reference, NAMED, person("legal-tono"))
    assert life.events(reference, "decided")[0].by == NAMED
    assert life.complaint(reference).owner == NAMED


def test_whoever_is_not_in_the_group_is_a_stranger(life, api):
    read(life, api)
    _, review = legal_review(life)
    assert refusal(life, review, OTHER.lower()).why == "unknown_person"


def test_a_person_of_another_gate_who_is_not_in_the_group_does_not_belong(life, api):
    read(life, api)
    _, review = legal_review(life)
    assert refusal(life, review, "pr-sari").why == "not_a_member"


def test_a_member_finds_their_reviews_in_the_inbox(life, api):
    read(life, api)
    reference, _ = legal_review(life)
    assert [(one.reference, one.gate) for one in inbox(life.desk, person=NAMED)] == [(reference, Gate.LEGAL)]


def test_actions_that_policy_keeps_for_a_gate_are_open_to_its_group(life, api):
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | {"actions": {"note": ["legal"]}}))
    reference, _ = legal_review(life)
    with pytest.raises(Refused) as refused:
        note(life.desk, reference, "catatan", person(NAMED))
    assert refused.value.why == "cannot_tell"
    read(life, api)
    note(life.desk, reference, "catatan", person(NAMED))


def test_actions_of_a_gate_are_kept_from_others_in_slack(life, api):
    shipped = life.desk.policy.people.model_dump(mode="json")
    life.with_policy(people=People.model_validate(shipped | {"actions": {"note": ["pr"]}}))
    read(life, api)
    reference, _ = legal_review(life)
    with pytest.raises(Refused) as refused:
        note(life.desk, reference, "catatan", person(NAMED))
    assert (refused.value.why, refused.value.facts["action"]) == ("not_allowed", "note")


# How long Slack's word holds


def test_a_group_that_was_never_read_vouches_for_nobody(life):
    _, review = legal_review(life)
    assert refusal(life, review, NAMED).why == "cannot_tell"
    assert not known(life, NAMED)


def test_a_group_vouches_for_as_long_as_policy_says(life, api):
    read(life, api)
    life.later(minutes=10)
    assert decides(life, NAMED)


def test_a_group_that_was_read_too_long_ago_vouches_for_nobody(life, api):
    read(life, api)
    reference, review = legal_review(life)
    life.later(minutes=10, seconds=1)
    refused = refusal(life, review, NAMED)
    assert refused.why == "cannot_tell"
    assert "Slack could not say" in str(refused)
    assert life.events(reference, "decision_refused")[-1].data["why"] == "cannot_tell"
    assert life.state(reference) is State.IN_REVIEW


def test_a_person_of_another_gate_may_be_in_the_group_so_it_cannot_be_told(life):
    _, review = legal_review(life)
    assert refusal(life, review, "pr-sari").why == "cannot_tell"


def test_somebody_who_is_not_in_slack_is_in_no_group_of_it(life):
    _, review = legal_review(life)
    assert refusal(life, review, "cs-tanpa-slack").why == "not_a_member"


def test_whom_the_policy_names_decides_whatever_slack_says(life):
    reference, review = legal_review(life)
    decide(life.desk, review, Decision(person("legal-tono"), Verdict.APPROVE))
    assert life.events(reference, "decided")[0].by == "legal-tono"


# Reading it


def test_a_group_that_was_read_lately_is_not_read_again(life, api):
    read(life, api)
    life.later(seconds=50)
    refresh_groups(life.desk, api.slack(), older_than=timedelta(seconds=60))
    assert api.calls("usergroups.users.list") == 1
    life.later(seconds=11)
    refresh_groups(life.desk, api.slack(), older_than=timedelta(seconds=60))
    assert api.calls("usergroups.users.list") == 2


def test_whoever_left_the_group_decides_no_more(life, api):
    read(life, api)
    api.groups[GROUP] = [OTHER]
    read(life, api)
    assert not decides(life, NAMED)
    assert decides(life, OTHER.lower())


def test_while_slack_is_away_its_last_word_holds_until_it_is_too_old(life, api):
    read(life, api)
    api.refuses("usergroups.users.list", "service_unavailable", 503)
    life.later(minutes=5)
    read(life, api)
    assert decides(life, NAMED)
    assert group(life).why == "service_unavailable"
    life.later(minutes=6)
    assert not decides(life, NAMED)


@pytest.mark.parametrize("error", ["missing_scope", "no_such_subteam", "invalid_auth"])
def test_a_group_that_slack_refuses_to_show_vouches_for_nobody(error, life, api):
    read(life, api)
    api.refuses("usergroups.users.list", error)
    read(life, api)
    assert not decides(life, NAMED)
    assert (group(life).read_at, group(life).why) == (None, error)


def test_a_group_that_is_shown_again_vouches_again(life, api):
    api.refuses("usergroups.users.list", "missing_scope")
    read(life, api)
    api.heals()
    read(life, api)
    assert decides(life, NAMED)
    assert group(life).why is None


def test_a_forgotten_group_vouches_for_nobody_until_it_is_read(life, api):
    read(life, api)
    forget_group(life.desk, GROUP)
    assert not decides(life, NAMED)
    refresh_groups(life.desk, api.slack(), older_than=timedelta(minutes=1))
    assert decides(life, NAMED)


def test_an_answer_that_a_change_overtook_is_not_believed(life, api):
    read(life, api)

    def changes(method: str) -> None:
        if api.calls(method) == 2:
            forget_group(life.desk, GROUP)

    api.at_asking = changes
    answers = iter([[MEMBER], [OTHER]])
    api.groups = _Answering(answers)
    read(life, api)
    assert api.calls("usergroups.users.list") == 3
    assert decides(life, OTHER.lower())
    assert not decides(life, NAMED)


class _Answering(dict):
    """Groups that say something else each time."""

    def __init__(self, answers: Iterator[list[str]]) -> None:
        self.answers = answers

    def __contains__(self, group: object) -> bool:
        return group == GROUP

    def __getitem__(self, group: str) -> list[str]:
        return next(self.answers)


# Speaking in Slack


def test_in_slack_everybody_speaks_for_themselves_alone(life):
    _, review = legal_review(life)
    assert refusal(life, review, "legal-tono", f"slack:{USERS['legal-ani']}").why == "may_not_speak_for"


def test_in_slack_the_speakers_of_the_command_line_do_not_count(life):
    assert life.desk.policy.people.may_speak(f"slack:{OTHER}", "legal-tono")
    _, review = legal_review(life)
    assert refusal(life, review, "legal-tono", f"slack:{OTHER}").why == "may_not_speak_for"


def test_who_clicked_is_written_beside_the_name(life):
    reference, review = legal_review(life)
    by = person("legal-tono", f"slack:{USERS['legal-tono']}")
    decide(life.desk, review, Decision(by, Verdict.APPROVE))
    assert life.events(reference, "decided")[0].typed_by == f"slack:{USERS['legal-tono']}"


# Another member, and the stand-in


def only(life: Life, *members: str) -> None:
    """The legal gate with these named members, and its group."""
    shipped = life.desk.policy.people.model_dump(mode="json")
    legal = shipped["gates"]["legal"] | {"members": members, "escalation": []}
    life.with_policy(people=People.model_validate(shipped | {"gates": shipped["gates"] | {"legal": legal}}))


def test_another_named_member_is_enough(life):
    only(life, "legal-tono", "legal-ani")
    assert another(life, Gate.LEGAL, "legal-tono") is True


def test_another_member_of_the_group_is_enough(life, api):
    only(life, "legal-tono")
    read(life, api)
    assert another(life, Gate.LEGAL, "legal-tono") is True
    assert another(life, Gate.LEGAL, "legal-tono", NAMED) is False


def test_whether_there_is_another_is_not_known_where_slack_cannot_tell(life):
    only(life, "legal-tono")
    assert another(life, Gate.LEGAL, "legal-tono") is None


def test_the_group_looks_at_what_the_only_named_member_wrote(life, api):
    only(life, "legal-tono")
    read(life, api)
    reference, review = legal_review(life)
    edit(life.desk, review, CLEAN, person("legal-tono"))
    assert Gate.LEGAL in life.open_gates(reference)


def test_where_the_group_holds_nobody_else_the_stand_in_looks(life, api):
    only(life, "legal-tono")
    api.groups[GROUP] = [USERS["legal-tono"]]
    read(life, api)
    reference, review = legal_review(life)
    edit(life.desk, review, CLEAN, person("legal-tono"))
    assert {one.gate: one.stands_in_for for one in life.open_reviews(reference)}[Gate.EXECUTIVE] is Gate.LEGAL


def test_where_slack_cannot_tell_the_gate_keeps_its_review(life):
    only(life, "legal-tono")
    reference, review = legal_review(life)
    edit(life.desk, review, CLEAN, person("legal-tono"))
    assert Gate.LEGAL in life.open_gates(reference)


def test_a_member_of_the_group_does_not_approve_their_own_words(life, api):
    read(life, api)
    reference, _ = legal_review(life)
    draft_by_person(life.desk, reference, CLEAN, person(NAMED))
    review = next(one.id for one in life.open_reviews(reference) if one.gate is Gate.LEGAL)
    assert refusal(life, review, NAMED).why == "own_words"


# Who somebody in Slack is


def whoever(life: Life, workspace: Workspace, user: str = MEMBER, team: str | None = TEAM) -> str:
    """Their name, or why they are nobody."""
    try:
        return identify(life.desk, workspace, user, team).name
    except Refused as refused:
        return refused.why


def test_somebody_of_the_workspace_speaks_by_their_slack_id(life, api):
    api.has(USERS["pr-sari"])
    by = identify(life.desk, api.workspace(), USERS["pr-sari"], TEAM)
    assert (by.name, by.typed_by) == ("pr-sari", f"slack:{USERS['pr-sari']}")


def test_the_same_on_a_slack_server_of_somebody_elses(life, slack):
    assert whoever(life, Workspace(slack), USERS["pr-sari"]) == "pr-sari"
    assert whoever(life, Workspace(slack), "U0NOBODY") == "not_of_this_workspace"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"is_restricted": True}, "guest"),
        ({"is_ultra_restricted": True}, "guest"),
        ({"is_bot": True}, "bot"),
        ({"is_workflow_bot": True}, "bot"),
        ({"deleted": True}, "left"),
        ({"is_stranger": True}, "not_of_this_workspace"),
        ({"team_id": "T0OTHER"}, "not_of_this_workspace"),
        ({"team_id": "T0HOME", "enterprise_user": {"teams": [TEAM]}}, NAMED),
    ],
)
def test_guests_bots_strangers_and_those_who_left_are_nobody_here(facts, why, life, api):
    api.has(MEMBER, **facts)
    assert whoever(life, api.workspace()) == why


def test_a_user_whom_slack_does_not_know_is_nobody_here(life, api):
    assert whoever(life, api.workspace(), "U0NOBODY") == "not_of_this_workspace"


def test_a_click_from_another_workspace_is_nobodys(life, api):
    assert whoever(life, api.workspace(), team="T0OTHER") == "not_of_this_workspace"
    assert api.calls("users.info") == 0


@pytest.mark.parametrize("method", ["users.info", "auth.test"])
@pytest.mark.parametrize(("error", "status"), [("service_unavailable", 503), ("missing_scope", 200)])
def test_where_slack_cannot_say_who_it_is_nobody_decides(method, error, status, life, api):
    api.refuses(method, error, status)
    with pytest.raises(Refused) as refused:
        identify(life.desk, api.workspace(), MEMBER, TEAM)
    assert (refused.value.why, refused.value.facts["because"]) == ("cannot_tell", error)


def test_a_policy_that_names_a_guest_makes_no_colleague_of_them(life, api):
    api.has(USERS["pr-sari"], is_restricted=True)
    assert whoever(life, api.workspace(), USERS["pr-sari"]) == "guest"


def test_who_joins_a_group_decides_at_once(life, api):
    api.groups[GROUP] = []
    read(life, api)
    api.groups[GROUP] = [MEMBER]
    life.later(seconds=61)
    _, review = legal_review(life)
    by = identify(life.desk, api.workspace(), MEMBER, TEAM)
    decide(life.desk, review, Decision(by, Verdict.APPROVE))


def test_a_stranger_who_clicks_on_and_on_costs_one_question_a_minute(life, api):
    api.has(OTHER)
    workspace = api.workspace()
    for _ in range(5):
        identify(life.desk, workspace, OTHER, TEAM)
    assert api.calls("usergroups.users.list") == 1


def test_for_people_whom_the_desk_knows_slack_is_asked_only_what_is_too_old(life, api):
    api.has(USERS["pr-sari"])
    read(life, api)
    workspace = api.workspace()
    life.later(minutes=9)
    identify(life.desk, workspace, USERS["pr-sari"], TEAM)
    assert api.calls("usergroups.users.list") == 1
    life.later(minutes=2)
    identify(life.desk, workspace, USERS["pr-sari"], TEAM)
    assert api.calls("usergroups.users.list") == 2


def test_without_groups_slack_is_not_asked_for_any(life, api):
    life.with_policy(slack=SlackRules())
    identify(life.desk, api.workspace(), MEMBER, TEAM)
    assert api.calls("usergroups.users.list") == 0


def test_a_refusal_of_a_guest_stands_on_the_timeline(life, api):
    api.has(MEMBER, is_restricted=True)
    reference, review = legal_review(life)
    with pytest.raises(Refused) as refused:
        identify(life.desk, api.workspace(), MEMBER, TEAM)
    stranger = person(f"slack:{MEMBER}", f"slack:{MEMBER}")
    refuse(life.desk, review, refused.value, Decision(stranger, Verdict.APPROVE))
    (written,) = life.events(reference, "decision_refused")
    assert (written.data["why"], written.data["gate"], written.typed_by) == ("guest", "legal", f"slack:{MEMBER}")


def test_a_refusal_about_no_review_is_written_nowhere(life):
    refuse(life.desk, 4711, Refused("guest", "x"), Decision(person("slack:U1"), Verdict.APPROVE))
