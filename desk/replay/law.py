"""What people of a story do where the law comes in, through the same steps as on the command line."""

from db import trail
from desk.replay import story as told
from tasks import breach, emergency, legal_hold, legal_road
from tasks.desk import Desk


def take_to_law(
    desk: Desk, reference: str, what: told.LegalRoad | told.Emergency | told.LegalHold | told.Breach
) -> None:
    """Do one of them."""
    by = trail.Author(what.by)
    match what:
        case told.LegalRoad():
            _walk(desk, reference, what, by)
        case told.Emergency(kind=None):
            emergency.acknowledge(desk, reference, by)
        case told.Emergency(kind=kind):
            assert kind is not None
            emergency.refer(desk, reference, kind, what.what, by, what.court_on)
        case told.LegalHold(hold=True):
            legal_hold.put_on(desk, reference, what.reason, by)
        case told.LegalHold():
            legal_hold.take_off(desk, reference, what.reason, by)
        case told.Breach(notified=str(whom)):
            breach.notified(desk, reference, whom, by)
        case told.Breach(dismiss=str(reason)):
            breach.dismiss(desk, reference, reason, by)
        case told.Breach():
            breach.start(desk, reference, by)


def _walk(desk: Desk, reference: str, road: told.LegalRoad, by: trail.Author) -> None:
    if road.open is not None:
        legal_road.open_legal_road(desk, reference, road.open, by)
    for question, answer in road.answers.items():
        legal_road.answer_question(desk, reference, question, answer, by)
    if road.text is not None:
        legal_road.propose(desk, reference, road.text, road.outcome, by)
    if road.withdraw is not None:
        legal_road.withdraw(desk, reference, road.withdraw, by)
