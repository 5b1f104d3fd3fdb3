"""How much the public pages take from one visitor, and how long they wait for one."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class WebRules:
    """The limits of the public pages. Lengths are in characters as people count them (code points)."""

    text: int = 20_000
    """A complaint or a message."""
    line: int = 200
    """A name, an order number, a contact."""
    comment: int = 2_000
    """What is said beside a survey's score."""
    body: int = 512 * 1024
    """Bytes of a request: twice the longest text in the widest encoding of a form."""
    call: int = 5 * 1024 * 1024
    """Bytes of a platform's call. Meta's have up to 3 MB (developers.facebook.com/docs/whatsapp/cloud-api/webhooks),
    other systems' signed records up to 5 MB (`integrations.channels.webhook`)."""
    complaints_per_address: int = 5
    address_window: timedelta = timedelta(minutes=10)
    searches_per_address: int = 60
    """In the help pages, and by the form while somebody types."""
    search_window: timedelta = timedelta(minutes=1)
    found: int = 8
    """Articles that a search shows."""
    suggested: int = 3
    """Articles that the form suggests before a complaint is sent."""
    suggested_from: float = 0.15
    """How much of what was typed must stand in the best of them (0 to 1)."""
    suggested_beside: float = 0.6
    """And how near to the best the others come."""
    found_beside: float = 0.25
    """How near to the best what a search shows comes."""
    messages_per_complaint: int = 20
    complaint_window: timedelta = timedelta(minutes=10)
    quickest: timedelta = timedelta(seconds=2)
    """Nobody reads the form and writes a complaint in less."""
    form_lasts: timedelta = timedelta(days=1)
    board_page: int = 20
    excerpt: int = 400
    """How much of a text stands in the board's list."""
    fresh_for: timedelta = timedelta(minutes=10)
    """So long a tracking page greets its complaint as just received."""
    waits_for_acknowledgement: timedelta = timedelta(seconds=60)
    """So long a tracking page refreshes itself."""
