"""The guardrails: what no reply may say, and what its author should think about twice."""

from policy.guard.checking import check, check_examples, prepare, worded, worst
from policy.guard.draft import ChannelLimits, DraftText, EarlierText, Finding, Limits, Owner
from policy.guard.lengths import length_on
from policy.guard.rules import RULE_NAMES, Guardrails, Rule, read_guardrails

__all__ = [
    "RULE_NAMES",
    "ChannelLimits",
    "DraftText",
    "EarlierText",
    "Finding",
    "Guardrails",
    "Limits",
    "Owner",
    "Rule",
    "check",
    "check_examples",
    "length_on",
    "prepare",
    "read_guardrails",
    "worded",
    "worst",
]
