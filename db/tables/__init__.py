"""Every table of the desk; importing this package fills `SQLModel.metadata`."""

from db.tables.answers import MACHINE, Draft, Review, ReviewState, Round, RoundState
from db.tables.channels import ChannelCharge, ChannelCost, ChannelState, Way
from db.tables.complaints import Assessment, Complaint, Correction, Note
from db.tables.deliveries import Delivery, DeliveryState, PublishingStop, RateUse
from db.tables.duty import Duty
from db.tables.facts import FactChange, FactOf
from db.tables.follow_ups import FollowUp, FollowUpState
from db.tables.guards import GUARDS
from db.tables.incidents import Incident, IncidentMember, Statement
from db.tables.intake import Cursor, Quarantined
from db.tables.knowledge import Article, ArticleOrigin, ArticleState
from db.tables.legal import (
    Breach,
    BreachState,
    Emergency,
    EmergencyCall,
    EmergencyKind,
    LegalAnswer,
    LegalHold,
    LegalRoad,
    RoadState,
)
from db.tables.llm import LlmAnswer, LlmCall, LlmOutcome
from db.tables.messages import Direction, Message, MessageRevision
from db.tables.models import Model, ModelAct, ModelChange, ModelState, ShadowFinding
from db.tables.people import Complainant, Identity, SamePerson, SameState
from db.tables.slack import (
    Absence,
    NoticeKind,
    NoticeState,
    SlackCard,
    SlackGroup,
    SlackHome,
    SlackNotice,
    SlackReceipt,
)
from db.tables.tickets import Ticket
from db.tables.trail import Anchor, Event
from db.tables.web import WebPost

__all__ = [
    "GUARDS",
    "MACHINE",
    "Absence",
    "Anchor",
    "Article",
    "ArticleOrigin",
    "ArticleState",
    "Assessment",
    "Breach",
    "BreachState",
    "ChannelCharge",
    "ChannelCost",
    "ChannelState",
    "Complainant",
    "Complaint",
    "Correction",
    "Cursor",
    "Delivery",
    "DeliveryState",
    "Direction",
    "Draft",
    "Duty",
    "Emergency",
    "EmergencyCall",
    "EmergencyKind",
    "Event",
    "FactChange",
    "FactOf",
    "FollowUp",
    "FollowUpState",
    "Identity",
    "Incident",
    "IncidentMember",
    "LegalAnswer",
    "LegalHold",
    "LegalRoad",
    "LlmAnswer",
    "LlmCall",
    "LlmOutcome",
    "Message",
    "MessageRevision",
    "Model",
    "ModelAct",
    "ModelChange",
    "ModelState",
    "Note",
    "NoticeKind",
    "NoticeState",
    "PublishingStop",
    "Quarantined",
    "RateUse",
    "Review",
    "ReviewState",
    "RoadState",
    "Round",
    "RoundState",
    "SamePerson",
    "SameState",
    "ShadowFinding",
    "SlackCard",
    "SlackGroup",
    "SlackHome",
    "SlackNotice",
    "SlackReceipt",
    "Statement",
    "Ticket",
    "Way",
    "WebPost",
]
