"""What an approval belongs to: the SHA-256 of text, target, visibility and attachments."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from db.words import Visibility


def fingerprint(
    text: str,
    *,
    channel: str,
    account: str,
    target: Mapping[str, Any],
    visibility: Visibility,
    attachments: Sequence[Mapping[str, Any]] = (),
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
