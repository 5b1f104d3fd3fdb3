"""Phrase patterns over words, all of them matched in one pass in linear time.

A pattern is words with spaces between them:

| written | matches |
|---|---|
| `belum sampai` | these words, one after the other, however they are spelled (`blm nyampe`) |
| `kecewa*` | a word that begins so |
| `(a\\|b c)` | one of these |
| `(juga)?` `lagi?` | this or nothing |
| `{uang}` | a word list named under `words:` |
| `<num>` | a kind of token: num, times, money, url, handle, email, question, stop |
| `~3` | up to three words of any kind but negations, within the clause |
| `^` | the beginning of a sentence |

Patterns become one non-deterministic automaton over words; the deterministic one is built while texts come in, and only
the part of it that they need. From each word on it walks until nothing can match any more; gaps are bounded, so walks
are short, and no text makes it slow.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_GAP = 12
"""Words; further apart, two words say nothing about each other."""

TOKEN_CLASSES = frozenset({"num", "times", "money", "url", "handle", "email", "question", "stop"})

_MAX_STATES = 60_000
"""Deterministic states kept; beyond, they are forgotten and built anew."""

_LEXEMES = re.compile(
    r"\s+|\{(?P<macro>[\w.-]+)\}|<(?P<kind>\w+)>|~(?P<gap>\d+)|(?P<mark>[()|?^])|(?P<word>[^\s(){}|<>~?^]+)"
)


class PatternError(ValueError):
    """A pattern that cannot be read; the message says why."""


class Found(NamedTuple):
    """An entry that matches tokens `first` to `last`, half-open."""

    entry: int
    first: int
    last: int


@dataclass(frozen=True)
class Symbol:
    """A word, a word's beginning (`kecewa*`) or a kind of token (`<num>`)."""

    name: str


@dataclass(frozen=True)
class Gap:
    """Up to `most` words of any kind."""

    most: int


@dataclass(frozen=True)
class SentenceStart:
    """Where a sentence begins."""


@dataclass(frozen=True)
class Row:
    """One part after the other."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class Choice:
    """One of the parts."""

    parts: "tuple[Node, ...]"


Node = Symbol | Gap | SentenceStart | Row | Choice

NOTHING = Row(())


class Parser:
    """Reads patterns.

    `spell` gives the words that a written word stands for (`gabisa` → `tidak`, `bisa`), so that patterns and texts are
    brought to the same spelling. `macros` are the word lists by name.
    """

    def __init__(self, macros: Mapping[str, Sequence[str]], spell: Callable[[str], Sequence[str]]) -> None:
        self._macros = macros
        self._spell = spell
        self._read: dict[str, Node] = {}
        self._open: list[str] = []

    def parse(self, pattern: str) -> Node:
        """The pattern as a tree.

        Raises:
            PatternError: it is empty, does not close a bracket, names an unknown list or token kind, …
        """
        lexemes: list[tuple[str, str]] = []
        at = 0
        while at < len(pattern):
            match = _LEXEMES.match(pattern, at)
            if match is None:
                raise PatternError(f"`{pattern}`: `{pattern[at]}` has no meaning at character {at + 1}")
            if match.lastgroup:
                lexemes.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        node, rest = self._choice(lexemes, 0, pattern)
        if rest != len(lexemes):
            raise PatternError(f"`{pattern}`: a `)` too many")
        if _may_be_empty(node):
            raise PatternError(f"`{pattern}` matches nothing at all: it needs at least one word that is not optional")
        return node

    def _choice(self, lexemes: list[tuple[str, str]], at: int, pattern: str) -> tuple[Node, int]:
        branches: list[Node] = []
        row: list[Node] = []
        while at < len(lexemes) and lexemes[at] != ("mark", ")"):
            kind, value = lexemes[at]
            at += 1
            if (kind, value) == ("mark", "|"):
                branches.append(Row(tuple(row)))
                row = []
                continue
            if (kind, value) == ("mark", "?"):
                if not row:
                    raise PatternError(f"`{pattern}`: `?` stands after nothing")
                row[-1] = Choice((row[-1], NOTHING))
                continue
            if (kind, value) == ("mark", "("):
                inner, at = self._choice(lexemes, at, pattern)
                if at >= len(lexemes):
                    raise PatternError(f"`{pattern}`: a `(` is not closed")
                at += 1
                row.append(inner)
                continue
            row.append(self._atom(kind, value, pattern))
        if not branches:
            return Row(tuple(row)), at
        branches.append(Row(tuple(row)))
        return Choice(tuple(branches)), at

    def _atom(self, kind: str, value: str, pattern: str) -> Node:
        match kind:
            case "macro":
                return self._macro(value, pattern)
            case "kind":
                if value not in TOKEN_CLASSES:
                    raise PatternError(
                        f"`{pattern}`: <{value}> is no kind of token; there are {', '.join(sorted(TOKEN_CLASSES))}"
                    )
                return Symbol(f"<{value}>")
            case "gap":
                if not 1 <= int(value) <= MAX_GAP:
                    raise PatternError(f"`{pattern}`: a gap is 1 to {MAX_GAP} words")
                return Gap(int(value))
            case "mark":
                return SentenceStart()
            case _:
                return self._word(value, pattern)

    def _word(self, value: str, pattern: str) -> Node:
        if value.endswith("*"):
            if len(value) < 4 or "*" in value[:-1]:
                raise PatternError(f"`{pattern}`: `*` stands at the end of at least three letters")
            return Symbol(value.lower())
        if value.isascii() and not any(sign.isalnum() for sign in value):
            raise PatternError(f"`{pattern}`: `{value}` is no word; sentence marks are <stop> and <question>")
        if "*" in value:
            raise PatternError(f"`{pattern}`: `*` stands at the end of at least three letters")
        return Row(tuple(Symbol(word) for word in self._spell(value.lower())))

    def _macro(self, name: str, pattern: str) -> Node:
        if name in self._read:
            return self._read[name]
        if name not in self._macros:
            raise PatternError(f"`{pattern}`: there is no word list `{name}`")
        if name in self._open:
            raise PatternError(f"`{pattern}`: the word list `{name}` contains itself")
        self._open.append(name)
        try:
            node: Node = Choice(tuple(self.parse(part) for part in self._macros[name]))
        finally:
            self._open.pop()
        self._read[name] = node
        return node


def symbols_of(node: Node) -> Iterable[str]:
    """Every word, beginning and token kind in a pattern."""
    match node:
        case Symbol(name):
            yield name
        case Row(parts) | Choice(parts):
            for part in parts:
                yield from symbols_of(part)


def _may_be_empty(node: Node) -> bool:
    match node:
        case Symbol():
            return False
        case Row(parts):
            return all(_may_be_empty(part) for part in parts)
        case Choice(parts):
            return any(_may_be_empty(part) for part in parts)
    return True


class Automaton:
    """All patterns as one automaton; `add` them, then `find` them in texts.

    A text is a sequence of keys: a key stands for the set of symbols that a token answers to (`key_of`). No gap crosses
    the end of a sentence, the beginning of a clause or a negation (*sudah tidak masuk* is no *sudah … masuk*).
    """

    def __init__(self) -> None:
        self._steps: list[dict[str, list[int]]] = []
        self._skips: list[list[int]] = []
        self._any: list[list[int]] = []
        self._entry: dict[int, int] = {}
        self._root, self._first_root = self._state(), self._state()
        self._skips[self._first_root].append(self._root)
        self._keys: dict[tuple[frozenset[str], bool], int] = {}
        self._symbols: list[frozenset[str]] = []
        self._bridges: list[bool] = []
        self._moves: list[dict[int, int]] = []

    def add(self, node: Node, entry: int) -> None:
        """One more pattern of an entry."""
        start = self._root
        if isinstance(node, Row) and node.parts and isinstance(node.parts[0], SentenceStart):
            start, node = self._first_root, Row(node.parts[1:])
        here = self._state()
        self._skips[start].append(here)
        self._entry[self._build(node, here)] = entry
        self._moves = []

    def key_of(self, symbols: frozenset[str], bridges: bool) -> int:
        """The key of a token that answers to these symbols; `bridges` where a gap may reach over it."""
        key = self._keys.get((symbols, bridges))
        if key is None:
            key = self._keys[symbols, bridges] = len(self._symbols)
            self._symbols.append(symbols)
            self._bridges.append(bridges)
        return key

    def find(self, keys: Sequence[int], starts_sentence: Sequence[bool]) -> list[Found]:
        """The longest match of each entry from each word on."""
        if not self._moves or len(self._moves) > _MAX_STATES:
            self._forget()
        found: list[Found] = []
        moves, accepts, step = self._moves, self._accepts, self._step
        ends = len(keys)
        for first in range(ends):
            state = 1 if starts_sentence[first] else 0
            at = first
            seen: dict[int, int] | None = None
            while at < ends:
                key = keys[at]
                after = moves[state].get(key)
                if after is None:
                    after = step(state, key)
                if after < 0:
                    break
                at += 1
                state = after
                here = accepts[state]
                if here:
                    if seen is None:
                        seen = {}
                    for entry in here:
                        seen[entry] = at
            if seen:
                found += [Found(entry, first, last) for entry, last in seen.items()]
        return found

    def _forget(self) -> None:
        self._ids: dict[frozenset[int], int] = {}
        self._sets: list[frozenset[int]] = []
        self._by_symbol: list[dict[str, set[int]] | None] = []
        self._moves = []
        self._accepts: list[tuple[int, ...]] = []
        self._intern(self._closed([self._root]))
        self._intern(self._closed([self._first_root]))

    def _state(self) -> int:
        self._steps.append({})
        self._skips.append([])
        self._any.append([])
        return len(self._steps) - 1

    def _build(self, node: Node, here: int) -> int:
        match node:
            case Symbol(name):
                end = self._state()
                self._steps[here].setdefault(name, []).append(end)
                return end
            case Row(parts):
                for part in parts:
                    here = self._build(part, here)
                return here
            case Choice(parts):
                end = self._state()
                for part in parts:
                    begin = self._state()
                    self._skips[here].append(begin)
                    self._skips[self._build(part, begin)].append(end)
                return end
            case Gap(most):
                end = self._state()
                for _ in range(most):
                    self._skips[here].append(end)
                    after = self._state()
                    self._any[here].append(after)
                    here = after
                self._skips[here].append(end)
                return end
            case SentenceStart():
                raise PatternError("`^` stands at the very beginning of a pattern only")

    def _closed(self, states: Iterable[int]) -> frozenset[int]:
        closed: set[int] = set()
        todo = list(states)
        while todo:
            state = todo.pop()
            if state not in closed:
                closed.add(state)
                todo += self._skips[state]
        return frozenset(closed)

    def _intern(self, states: frozenset[int]) -> int:
        known = self._ids.get(states)
        if known is not None:
            return known
        self._ids[states] = len(self._sets)
        self._sets.append(states)
        self._by_symbol.append(None)
        self._moves.append({})
        self._accepts.append(tuple({self._entry[state] for state in states if state in self._entry}))
        return len(self._sets) - 1

    def _step(self, state: int, key: int) -> int:
        table = self._by_symbol[state]
        if table is None:
            table = {}
            for part in self._sets[state]:
                for name, targets in self._steps[part].items():
                    table.setdefault(name, set()).update(targets)
                if self._any[part]:
                    table.setdefault("", set()).update(self._any[part])
            self._by_symbol[state] = table
        after: set[int] = set()
        for symbol in self._symbols[key]:
            after |= table.get(symbol, set())
        if self._bridges[key]:
            after |= table.get("", set())
        target = self._intern(self._closed(after)) if after else -1
        self._moves[state][key] = target
        return target
