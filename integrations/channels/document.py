"""A text on its way out as a JSON document, the same for every channel that hands one to another system."""

from typing import Any

from integrations.channels.base import Outgoing


def document_of(out: Outgoing) -> dict[str, Any]:
    """What the other side needs to post it, and nothing that is ours alone."""
    return {
        "key": out.key,
        "channel": out.channel,
        "account": out.account,
        "reference": out.reference,
        "kind": out.kind.value,
        "visibility": out.visibility.value,
        "in_reply_to": out.target.external_id,
        "to": {
            "id": out.target.author_id,
            "handle": out.target.author_handle,
            "email": out.target.email,
            "thread": out.target.thread,
            "url": out.target.url,
        },
        "subject": out.subject,
        "text": out.text,
    }
