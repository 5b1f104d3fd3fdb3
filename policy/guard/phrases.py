"""How a rule's phrases are written, and what a text must hold before one of them can stand in it.

A phrase is a regular expression on the folded text (lower case, no accents, single spaces), bounded by word ends. A
space stands for any short break (between two letters also for none: `jalurhukum`), ` \\w+` for one word of the same
sentence, `~` for up to four of them, `<name>` for any of the words that words.yaml lists under that name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

Clause = frozenset[str]
"""Pieces of words of which one must stand in the text."""

Words = Mapping[str, Sequence[str]]
"""The names that phrases may use, each with the phrases that it stands for."""

_SAME_SENTENCE = r"[^\w.!?;\n]{1,4}"
_SAME_CLAUSE = r"[^\w.!?;,:\n]{1,4}"
_WORD = r"\w{1,30}+"
_GAP = rf"(?:(?:{_SAME_SENTENCE}{_WORD}){{0,4}}?{_SAME_SENTENCE})"
_BREAKS = re.compile(
    r"(?P<kept>\[[^\]]*\])|(?P<words> ?~ ?(?P<maybe>\??))|(?P<word>\\w\+)|(?P<optional> \?)|(?P<space> )"
)
_ENDLESS = re.compile(r"(?P<any>\\w\*)|\{(?P<least>\d),\}|(?<!\\w)(?<=[\w)\]])(?P<sign>[+*])(?![+?])")
_NAMED = re.compile(r"<(?P<name>[a-z_]+)>")
_DEEPEST = 5
"""So deep may names stand for names."""


def spelled_out(phrase: str, words: Words) -> str:
    """The phrase with each `<name>` as the words that it stands for.

    Raises:
        ValueError: a name that words.yaml does not list, or names that stand for each other.
    """
    for _ in range(_DEEPEST):
        if not _NAMED.search(phrase):
            return phrase
        phrase = _NAMED.sub(lambda found: _listed(found["name"], words), phrase)
    raise ValueError(f"`{_NAMED.findall(phrase)[0]}` stands for itself, or is nested too deeply")


def _listed(name: str, words: Words) -> str:
    if name not in words:
        raise ValueError(f"`<{name}>` is no name that words.yaml lists")
    return f"(?:{'|'.join(words[name])})"


def expression(phrase: str, *, cased: bool = False, clause: bool = False) -> re.Pattern[str]:
    """A phrase as the regular expression that is run. Every repetition in it is bounded, and a word is read once.

    With `clause`, words in between may not even stand beyond a comma: what is denied before it is claimed after it.

    Raises:
        ValueError: the phrase is no regular expression.
    """
    gap = _SAME_CLAUSE if clause else _SAME_SENTENCE
    phrase = _ENDLESS.sub(_ended, phrase)

    def written(found: re.Match[str]) -> str:
        if found["kept"]:
            return found.group()
        if found["words"]:
            return _GAP + found["maybe"]
        if found["word"]:
            return _WORD
        if found["optional"]:
            return r"[\W_]{0,4}"
        before, after = phrase[: found.start()], phrase[found.end() :]
        if after.startswith(("\\w", "(?!")) or before.endswith("\\w+"):
            return gap
        # Without a break only between two words that both stand here: a phrase must not end inside a longer word.
        return r"[\W_]{0,4}" if before[-1:].isalpha() and after[:1].isalpha() else _SAME_SENTENCE

    try:
        return re.compile(rf"(?<!\w)(?:{_BREAKS.sub(written, phrase)})(?!\w)", 0 if cased else re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"`{phrase}` is no regular expression: {error}") from error


def _ended(found: re.Match[str]) -> str:
    """A repetition with an end, for one without."""
    if found["any"]:
        return r"\w{0,30}"
    return f"{{{found['least'] or ('1' if found['sign'] == '+' else '0')},20}}"


def plain_expression(pattern: str) -> re.Pattern[str]:
    """A regular expression that is run as it is written.

    Raises:
        ValueError: it is none.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from error


def alternatives(phrase: str) -> list[str]:
    """The phrase as several where it says `this|that` outside of all brackets: each needs words of its own."""
    found = [""]
    depth = 0
    for sign in re.findall(r"\\.|\[[^\]]*\]|.", phrase):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return found


# What must stand in a text

_FREQUENT_WORDS = """
kami kita anda yang dan dari untuk dengan tidak akan sudah ini itu ada atau kalau jika agar dapat bisa kepada tim mohon
silakan terima kasih maaf kak kakak bapak ibu saudara pesan pelanggan sebagai dalam pada juga lagi atas oleh belum
you your our the and for that this with have will not are not was were can may please if we us it is be to of in on
"""
_FREQUENT = frozenset(_FREQUENT_WORDS.split())
_SHORTEST = 2


def needed(phrase: str) -> tuple[Clause, ...]:
    """What must all stand in a text before the phrase can: of each clause one piece; the most telling clauses first.

    Empty where nothing can be told from the phrase, which then has to be tried on every text.
    """
    return tuple(sorted(set(_Reader(phrase).branches()), key=_likeliness)[:3])


class _Reader:
    """Reads a phrase as far as it must be read to know what it needs: letters, groups, and what may be left out."""

    def __init__(self, phrase: str) -> None:
        self.phrase = phrase
        self.at = 0

    def branches(self) -> list[Clause]:
        """What every branch here needs, up to the closing bracket."""
        found = [self.sequence()]
        while self.phrase[self.at : self.at + 1] == "|":
            self.at += 1
            found.append(self.sequence())
        if len(found) == 1:
            return found[0]
        if not all(found):
            return []
        return [frozenset().union(*(min(clauses, key=_likeliness) for clauses in found))]

    def sequence(self) -> list[Clause]:
        clauses: list[Clause] = []
        run = ""
        while self.at < len(self.phrase) and self.phrase[self.at] not in "|)":
            sign = self.phrase[self.at]
            letter, inner = "", list[Clause]()
            if sign == "(":
                inner = self.group()
            elif sign == "[":
                self.at = self.phrase.index("]", self.at + 2) + 1
            elif sign == "\\":
                self.at += 2
            else:
                letter = sign.lower() if sign.isalnum() else ""
                self.at += 1
            least, quantified = self.quantifier()
            if letter and least:
                run += letter
            if not letter or quantified:
                clauses += _usable(run)
                run = ""
            clauses += inner if least else []
        return [*clauses, *_usable(run)]

    def group(self) -> list[Clause]:
        looks = re.compile(r"\(\?(?:[!=]|<[!=]|[a-z]+\))").match(self.phrase, self.at)
        plain = re.compile(r"\((?:\?:)?").match(self.phrase, self.at)
        start = looks or plain
        self.at = start.end() if start else self.at + 1
        if looks and looks.group().endswith(")"):
            return []
        inner = self.branches()
        self.at += 1
        return [] if looks else inner

    def quantifier(self) -> tuple[int, bool]:
        """How often at least what stands before it must stand there, and whether there is one at all."""
        found = re.compile(r"(?:[?*+]|\{(?P<least>\d*),?\d*\})[?+]?").match(self.phrase, self.at)
        if found is None:
            return 1, False
        self.at = found.end()
        if found["least"] is not None:
            return int(found["least"] or 0), True
        return (1 if found.group()[0] == "+" else 0), True


def _usable(run: str) -> Iterator[Clause]:
    if len(run) >= _SHORTEST:
        yield frozenset((run,))


def _likeliness(clause: Clause) -> tuple[float, list[str]]:
    """How likely a text is to hold one of the pieces; a rough guess is enough."""
    return sum(0.5 if piece in _FREQUENT else 8.0 ** -min(len(piece), 9) for piece in clause), sorted(clause)
