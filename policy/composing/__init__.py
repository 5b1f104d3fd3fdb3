"""Answers composed from tested parts: each sentence knows what it rests on, each text fits where it will stand."""

from policy.composing.case import Case, Cited, Register, Stage, Talk
from policy.composing.composing import Composed, compose, would_cite
from policy.composing.parts import Parts, read_parts
from policy.composing.sentences import Ground, Sentence
from policy.composing.topics import Topic, TopicFinder

__all__ = [
    "Case",
    "Cited",
    "Composed",
    "Ground",
    "Parts",
    "Register",
    "Sentence",
    "Stage",
    "Talk",
    "Topic",
    "TopicFinder",
    "compose",
    "read_parts",
    "would_cite",
]
