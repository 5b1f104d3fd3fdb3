"""Whether a language model's wording says what ours says. Strict on purpose: a refusal costs nothing but the wording.

Facts are compared by their tokens. The words around them are held against ours by what cannot be said in passing: no
name, term, promise or denial that ours do not have, and nothing of the customer's own wording.
"""

import re
import unicodedata
from collections.abc import Sequence

from policy.answered import Unusable
from policy.guard.language import language_of
from policy.rewording.asking import Ours, Rewording
from policy.rewording.facts import NUMBER_WORD, TOKEN, tokens_in
from policy.rewording.words import ADDRESSING, CLAIMING, DENYING, OPENING

LONGER, SHORTER = 1.3, 0.5
"""How much longer or shorter than ours it may be, without its facts."""
LEAST_SHARED = 0.34
"""Of a sentence's telling words, those that stand in the sentences that it rests on."""
FEW_WORDS = 3
RUN_OF_CUSTOMER = 4
"""So many words in a row are the customer's wording."""
_STEM = 5
_SAYS_LITTLE = OPENING | DENYING

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_MARKUP = re.compile(r"[`*_#<>{}|~\\\[\]=^]|://|www\.|@|&\w+;|\w\.\w{2,}")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:]\s+|[\"“(]\s*)\s*$")


def check(rewording: Rewording, ours: Sequence[Ours], customer: str, language: str) -> None:
    """Let it pass if it says what ours says.

    Raises:
        Unusable: with what is wrong first.
    """
    _check_order(rewording, ours)
    _check_facts(rewording, ours)
    said = " ".join(one.text for one in ours)
    vocabulary = _stems(said)
    for one in rewording.sentences:
        sources = [ours[number] for number in one.rests_on]
        if any(source.keep for source in sources):
            continue
        bare = TOKEN.sub(" ", one.sentence)
        source = " ".join(each.text for each in sources)
        _check_signs(bare, said)
        _check_names(one.sentence, vocabulary)
        _check_claims(bare, source, said)
        _check_share(bare, source, vocabulary)
    whole = " ".join(one.sentence for one in rewording.sentences)
    _check_length(whole, said)
    _check_customer(whole, said, customer)
    found = language_of(TOKEN.sub(" ", whole))
    if language in ("id", "en") and found not in (None, language):
        raise Unusable("language")


def _check_order(rewording: Rewording, ours: Sequence[Ours]) -> None:
    """Every sentence of ours is said, in order, and what must be kept is kept."""
    rested: set[int] = set()
    last = 0
    for one in rewording.sentences:
        if len(set(one.rests_on)) != len(one.rests_on) or not all(0 <= number < len(ours) for number in one.rests_on):
            raise Unusable("rests_on")
        if min(one.rests_on) < last:
            raise Unusable("order")
        last = min(one.rests_on)
        rested.update(one.rests_on)
        kept = [number for number in one.rests_on if ours[number].keep]
        if kept and (len(one.rests_on) > 1 or _plain(one.sentence) != _plain(ours[kept[0]].text)):
            raise Unusable("kept_sentence")
    if rested != set(range(len(ours))):
        raise Unusable("left_out")


def _check_facts(rewording: Rewording, ours: Sequence[Ours]) -> None:
    """Each token stands once, in a sentence that rests on where it stood, and nothing else looks like a fact."""
    wanted = sorted(number for one in ours for number in tokens_in(one.text))
    if sorted(number for one in rewording.sentences for number in tokens_in(one.sentence)) != wanted:
        raise Unusable("facts")
    for one in rewording.sentences:
        here = {number for source in one.rests_on for number in tokens_in(ours[source].text)}
        if not here.issuperset(tokens_in(one.sentence)):
            raise Unusable("facts")
        bare = TOKEN.sub(" ", one.sentence)
        if any(sign.isnumeric() for sign in bare) or NUMBER_WORD.search(bare):
            raise Unusable("new_number")


def _check_signs(bare: str, said: str) -> None:
    """No markup, address, hidden sign or foreign script that ours do not have."""
    if _MARKUP.search(bare):
        raise Unusable("markup")
    for sign in set(bare) - set(said):
        kind = unicodedata.category(sign)
        if kind[0] in "CS" or (kind[0] == "Z" and sign != " "):
            raise Unusable("signs")
        if kind[0] in "LM" and not unicodedata.name(sign, "").startswith("LATIN"):
            raise Unusable("script")


def _check_names(sentence: str, vocabulary: frozenset[str]) -> None:
    """No capital letter begins a word that ours do not have, but the first of a sentence."""
    for found in _WORD.finditer(TOKEN.sub(lambda token: "x" * len(token.group()), sentence)):
        word = found.group()
        if not word[:1].isupper() or word.lower() in ADDRESSING or _stem(word) in vocabulary:
            continue
        first = bool(_SENTENCE_START.search(sentence[: found.start()]))
        if not (first and word.lower() in OPENING):
            raise Unusable("name")


def _check_claims(bare: str, source: str, said: str) -> None:
    """Nothing is denied, promised, dated or admitted that ours do not deny, promise, date or admit."""
    words, ours = _words(bare), _words(source)
    if bool(DENYING & set(words)) != bool(DENYING & set(ours)):
        raise Unusable("denial")
    every = _words(said)
    for claim in CLAIMING:
        if any(_bears(word, claim) for word in words) and not any(_bears(word, claim) for word in every):
            raise Unusable("claim")


def _check_share(bare: str, source: str, vocabulary: frozenset[str]) -> None:
    """A sentence shares words with what it rests on; of a few words, each is ours or opens a sentence."""
    telling = [word for word in _words(bare) if len(word) > 3 and word not in _SAYS_LITTLE]
    if len(telling) < FEW_WORDS:
        if any(_stem(word) not in vocabulary for word in telling):
            raise Unusable("foreign_words")
        return
    there = _stems(source)
    if sum(_stem(word) in there for word in telling) < LEAST_SHARED * len(telling):
        raise Unusable("foreign_words")


def _check_length(whole: str, said: str) -> None:
    long, ours = len(TOKEN.sub("", whole)), len(TOKEN.sub("", said))
    if long > LONGER * ours + 20:
        raise Unusable("longer")
    if long < SHORTER * ours:
        raise Unusable("shorter")


def _check_customer(whole: str, said: str, customer: str) -> None:
    """The customer's wording never becomes ours."""
    theirs, ours = _runs(_words(customer)), _runs(_words(said))
    if _runs(_words(whole)) & theirs - ours:
        raise Unusable("customers_words")


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + RUN_OF_CUSTOMER]) for at in range(len(words) - RUN_OF_CUSTOMER + 1)}


def _bears(word: str, claim: str) -> bool:
    """Whether a word is built on this stem, with Indonesian's prefixes before it."""
    return word.startswith(claim) if len(claim) < 4 else claim in word


def _words(text: str) -> list[str]:
    return [found.lower().replace("’", "'") for found in _WORD.findall(TOKEN.sub(" ", text))]


def _stems(text: str) -> frozenset[str]:
    return frozenset(map(_stem, _words(text)))


def _stem(word: str) -> str:
    return word.lower()[:_STEM]


def _plain(text: str) -> str:
    return " ".join(text.split())
