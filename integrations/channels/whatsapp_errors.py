"""What WhatsApp's error codes mean: for a refused request, and for a text that was taken and then not delivered.

Source: developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
"""

from typing import Literal

from integrations.channels.base import ChannelError, LockedOut, Never, TryAgain, Unknown, Why
from integrations.channels.graph import Fault, graph_error
from integrations.http import Answer, wait_asked_for
from integrations.intake.text import shown

Meaning = Literal["wait", "locked", "unknown"] | Why

A_MINUTE = 60.0
PAIR_SECONDS = 6.0
"""Between two messages to the same person (bursts of up to 45 are taken, and paid for with waiting afterwards)."""

CODES: dict[int, tuple[Meaning, str]] = {
    0: ("locked", "the access token is not taken; make a new one"),
    4: ("wait", "our app calls it too often"),
    368: ("locked", "the business account is restricted for a breach of its policy; see the account quality page"),
    80007: ("wait", "the business account calls it too often"),
    130403: ("not_allowed", "it does not let us write to this person"),
    130429: ("wait", "our number sends faster than it may"),
    130472: ("not_allowed", "this person is part of an experiment of Meta's and gets no such messages for now"),
    130497: ("not_allowed", "our account may not write to people in that country"),
    131000: ("unknown", "something went wrong there"),
    131005: ("locked", "the token may not do this: it needs whatsapp_business_messaging"),
    131008: ("other", "the request lacks something"),
    131009: ("other", "the request holds something that it does not take"),
    131016: ("wait", "its service is away for the moment"),
    131021: ("not_allowed", "sender and receiver are the same number"),
    131026: (
        "blocked",
        "it cannot be delivered: the number is not on WhatsApp, its owner blocked us, or their WhatsApp is too old",
    ),
    131030: ("not_allowed", "our test number may write only to the numbers on its list"),
    131031: ("locked", "the business account is locked; see the account quality page"),
    131037: ("locked", "our number's display name is not approved yet"),
    131042: ("locked", "there is a problem with the payment for the business account"),
    131045: ("locked", "our number is not registered rightly; register it again"),
    131047: (
        "window",
        "more than 24 hours have passed since the customer last wrote: only an approved template may be sent",
    ),
    131048: ("wait", "too many of our messages were blocked or reported, so it slows our number down"),
    131049: ("not_allowed", "Meta holds it back, since this person got too many marketing messages of late"),
    131050: ("blocked", "this person wants no marketing messages from us"),
    131056: ("wait", "too many messages to the same person in too short a time"),
    131057: ("wait", "our number is under maintenance there"),
    131062: ("not_allowed", "this kind of message needs the telephone number, which this person hides"),
    132000: ("other", "the template has another number of slots than the settings say"),
    132001: ("other", "there is no approved template of that name and language"),
    132005: ("too_long", "the template with its slots filled is too long"),
    132007: ("not_allowed", "the template breaks WhatsApp's policy"),
    132012: ("other", "a slot of the template is of another kind than the settings say"),
    132015: ("not_allowed", "the template is paused, since people disliked it; write a better one"),
    132016: ("not_allowed", "the template is switched off, since people disliked it too often"),
    132018: ("other", "what fills the template's slots holds line breaks, tabs or many spaces"),
    133004: ("wait", "its server is away for the moment"),
    133010: ("locked", "our number is not registered there; register it"),
}
_WAITS = {131056: PAIR_SECONDS, 131016: A_MINUTE, 131057: A_MINUTE, 133004: A_MINUTE, 131048: 60 * A_MINUTE}


def refusal_of(answer: Answer, *, safe: bool) -> ChannelError | None:
    """What a refusal means; None where its body says nothing."""
    fault = Fault.of(answer)
    if fault is None:
        return None
    if fault.subcode == 33 or fault.code == 33:
        return LockedOut(
            f"WhatsApp refused the request (error {fault.number}): there is no such number, or our token may not use"
            " it; correct `phone_number_id`, or give the token's user the business account"
        )
    if fault.code not in CODES:
        return graph_error(answer, safe)
    meaning, why = CODES[fault.code]
    said = f"WhatsApp refused the request (error {fault.number}): {why}"
    match meaning:
        case "locked":
            return LockedOut(said)
        case "wait":
            asked = wait_asked_for(answer.headers)
            return TryAgain(said, asked if asked is not None else _WAITS.get(fault.code))
        case "unknown":
            if safe:
                return TryAgain(said)
            return Unknown(f"{said}; nobody knows whether it sent the text")
        case kind:
            return Never(said, kind)


def why_not_delivered(code: int | None, title: str) -> str:
    """The same for a text that it had taken, in a sentence for a person. `title`: Meta's word for a code of no list."""
    if code is None:
        return "WhatsApp did not deliver it and does not say why"
    known = CODES.get(code)
    return f"WhatsApp did not deliver it (error {code}): {known[1] if known else shown(title, 120) or 'see its list'}"
