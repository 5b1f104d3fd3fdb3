"""What an approval belongs to: the SHA-256 of text, target, visibility and attachments.

A long answer may be a short public text and a full private one beside it, its companion. The companion rides on the
draft as an attachment, so one approval covers both; each leaves as a delivery of its own, with the draft's hash.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from db.tables import Delivery
from db.words import Visibility

_COMPANION, _COMPANION_TO = "companion", "companion_to"

Attachments = Sequence[Mapping[str, Any]]


def fingerprint(
    text: str,
    *,
    channel: str,
    account: str,
    target: Mapping[str, Any],
    visibility: Visibility,
    attachments: Attachments = (),
) -> str:
    """The hash that binds a decision, and later a delivery, to exactly this."""
    said = {
        "text": text,
        "channel": channel,
        "account": account,
        "target": dict(target),
        "visibility": visibility.value,
        "attachments": [dict(attachment) for attachment in attachments],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def fingerprint_of(delivery: Delivery) -> str:
    """The hash of what a delivery carries: its own, or, for a companion, that of the draft it was approved with."""
    text, visibility, attachments = delivery.text, delivery.visibility, delivery.attachments
    public = _found(attachments, _COMPANION_TO)
    if public is not None:
        text, visibility, attachments = public, Visibility.PUBLIC, [companion(delivery.text)]
    return fingerprint(
        text,
        channel=delivery.channel,
        account=delivery.account,
        target=delivery.target,
        visibility=visibility,
        attachments=attachments,
    )


def companion(text: str) -> dict[str, Any]:
    """The private text that goes out beside a public one, as the draft's attachment."""
    return {_COMPANION: text}


def companion_to(text: str) -> dict[str, Any]:
    """The public text beside which a private one goes out, as the companion's attachment."""
    return {_COMPANION_TO: text}


def companion_in(attachments: Attachments) -> str | None:
    """The private text that rides on a draft."""
    return _found(attachments, _COMPANION)


def is_companion(delivery: Delivery) -> bool:
    """Whether this is the private text beside a public answer."""
    return _found(delivery.attachments, _COMPANION_TO) is not None


def _found(attachments: Attachments, name: str) -> str | None:
    return next((str(attachment[name]) for attachment in attachments if name in attachment), None)
