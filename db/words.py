"""The field's words (ISO 10002:2018) as the desk uses them everywhere: in tables, YAML, code, command line and docs.

The tokens are a contract with everything outside; more may be added, none changes its meaning.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What a message is."""

    COMPLAINT = "complaint"
    QUESTION = "question"
    PRAISE = "praise"
    OTHER = "other"
    SPAM = "spam"


ANSWERABLE = frozenset({Kind.COMPLAINT, Kind.QUESTION})
"""What somebody waits for an answer to."""


class Category(StrEnum):
    """What a complaint is about."""

    PRODUCT = "product"
    SERVICE = "service"
    BILLING = "billing"
    DELIVERY = "delivery"
    OUTAGE = "outage"
    SAFETY = "safety"
    PRIVACY = "privacy"
    FRAUD = "fraud"
    OTHER = "other"


class Remedy(StrEnum):
    """What the complainant seeks."""

    REFUND = "refund"
    REPLACEMENT = "replacement"
    REPAIR = "repair"
    COMPENSATION = "compensation"
    APOLOGY = "apology"
    EXPLANATION = "explanation"
    RESPONSE = "response"
    ACTION = "action"
    NONE = "none"


class Risk(StrEnum):
    """What makes a complaint dangerous."""

    INJURY = "injury"
    LEGAL_THREAT = "legal_threat"
    REGULATOR = "regulator"
    MEDIA = "media"
    FRAUD = "fraud"
    PRIVACY = "privacy"
    DISCRIMINATION = "discrimination"
    CHURN = "churn"
    REPEAT = "repeat"
    DISTRESS = "distress"
    VIRALITY = "virality"


class Severity(StrEnum):
    """How grave: S1 (people harmed or in danger, or the company's name at stake) to S4."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"

    @property
    def rank(self) -> int:
        """1 for the gravest."""
        return int(self.value[1])

    def at_least(self, other: "Severity") -> bool:
        """Whether this one is as grave as the other, or graver."""
        return self.rank <= other.rank


class Gate(StrEnum):
    """A kind of check that a draft passes."""

    CS = "cs"
    PR = "pr"
    LEGAL = "legal"
    EXECUTIVE = "executive"


ESCALATED_GATES = frozenset({Gate.PR, Gate.LEGAL, Gate.EXECUTIVE})
"""A round with one of these open has a flow run of its own."""


class Visibility(StrEnum):
    """Who can read a message."""

    PUBLIC = "public"
    PRIVATE = "private"


class DeliveryKind(StrEnum):
    """What a text that goes out is for."""

    ACKNOWLEDGEMENT = "acknowledgement"
    HOLDING = "holding"
    REPLY = "reply"
    STATEMENT = "statement"
    SURVEY = "survey"
    ASK = "ask"
    THANKS = "thanks"
    NOTICE = "notice"
    """A word that the complaint is handled under another reference, or a warning to protect one's own data."""


class Verdict(StrEnum):
    """What a reviewer decides."""

    APPROVE = "approve"
    CHANGES = "changes"
    REJECT = "reject"


class State(StrEnum):
    """Where a complaint stands in its life."""

    NEW = "new"
    ASSESSED = "assessed"
    NOTED = "noted"
    SPAM = "spam"
    MONITORING = "monitoring"
    MERGED = "merged"
    DRAFTING = "drafting"
    IN_REVIEW = "in_review"
    HELD = "held"
    APPROVED = "approved"
    RESPONDED = "responded"
    IN_CONVERSATION = "in_conversation"
    RESOLVED = "resolved"
    CLOSED = "closed"


class IncidentState(StrEnum):
    """Where an incident stands."""

    SUSPECTED = "suspected"
    DECLARED = "declared"
    DISMISSED = "dismissed"
    CLOSED = "closed"


CHANNELS = (
    "file",
    "web",
    "x",
    "instagram",
    "facebook",
    "whatsapp",
    "youtube",
    "google_play",
    "mastodon",
    "bluesky",
    "email",
    "rss",
    "telegram",
    "webhook",
    "request_tracker",
)
"""Every channel that a record may name; packages add more through `policy/channels.yaml`."""


class LlmUse(StrEnum):
    """What a language model may be asked to do."""

    REPHRASE = "rephrase"
    """Word a composed draft anew."""
    TRANSLATE = "translate"
    """Show reviewers in their language what stands in another one."""
