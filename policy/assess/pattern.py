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

Patterns become one non-deterministic automaton over words, in which what continues alike is one state; the
deterministic one is built while texts come in, and only the part of it that they need. From each word on it walks until
nothing can match any more; gaps are bounded, so walks are short, and no text makes it slow.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_GAP = 12
"""Words; further apart, two words say nothing about each other."""

TOKEN_CLASSES = frozenset({"num", "times", "money", "url", "handle", "email", "question", "stop"})

_MAX_STATES = 60_000
"""Deterministic states kept; beyond, they are forgotten and built anew."""

_BEGIN, _BEGIN_SENTENCE = 0, 1
"""The deterministic states from which walks begin."""

_LEXEMES = re.compile(
    r"\s+|\{(?P<macro>[\w.-]+)\}|<(?P<kind>\w+)>|~(?P<gap>\d+)|(?P<mark>[()|?^])|(?P<word>[^\s(){}|<>~?^]+)"
)


class PatternError(ValueError):
    """A pattern that cannot be read; the message says why."""


Found = tuple[int, int, int]
"""An entry that matches tokens `first` to `last`, half-open. No class: they are built in the innermost loop."""

_Arcs = frozenset[tuple[str, int]]
"""Ways on: by a symbol, and to which state."""

_ANY, _END = "", " "
"""Names of arcs that are no symbols: over any word that a gap may reach over, and to the entry that ends here."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A word, a word's beginning (`kecewa*`) or a kind of token (`<num>`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Up to `most` words of any kind."""

    most: int


@dataclass(frozen=True, slots=True)
class SentenceStart:
    """Where a sentence begins."""


@dataclass(frozen=True, slots=True)
class Row:
    """One part after the other."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
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
        self._parsed: dict[str, Node] = {}
        self._symbols: dict[str, Symbol] = {}
        self._open: list[str] = []

    def parse(self, pattern: str) -> Node:
        """The pattern as a tree.

        Raises:
            PatternError: it is empty, does not close a bracket, names an unknown list or token kind, …
        """
        if pattern in self._parsed:
            return self._parsed[pattern]
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
        self._parsed[pattern] = node
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
        words = [self._symbol(word) for word in self._spell(value.lower())]
        return words[0] if len(words) == 1 else Row(tuple(words))

    def _symbol(self, name: str) -> Symbol:
        """The one symbol of a name: a lexicon writes some words a hundred times."""
        return self._symbols.setdefault(name, Symbol(name))

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
        self._numbers: dict[_Arcs, int] = {}
        self._arcs: list[_Arcs] = []
        self._alone: list[tuple[int, ...]] = []
        self._tables: list[dict[str, tuple[int, ...]] | None] = []
        self._begin: set[tuple[str, int]] = set()
        self._begin_sentence: set[tuple[str, int]] = set()
        self._keys: dict[tuple[frozenset[str], bool], int] = {}
        self._symbols: list[tuple[str, ...]] = []
        self._near: list[frozenset[int] | None] = []
        self._moves: list[dict[int, int] | None] = []

    def add(self, node: Node, entry: int) -> None:
        """One more pattern of an entry."""
        begin = self._begin
        if isinstance(node, Row) and node.parts and isinstance(node.parts[0], SentenceStart):
            begin, node = self._begin_sentence, Row(node.parts[1:])
        begin |= self._into(node, frozenset({(_END, entry)}))
        self._moves = []

    def key_of(self, symbols: frozenset[str], bridges: bool) -> int:
        """The key of a token that answers to these symbols; `bridges` where a gap may reach over it."""
        key = self._keys.get((symbols, bridges))
        if key is None:
            key = self._keys[symbols, bridges] = len(self._symbols)
            self._symbols.append((*symbols, _ANY) if bridges else tuple(symbols))
            self._near.append(None)
        return key

    def find(self, keys: Sequence[int], fresh: Collection[int]) -> list[Found]:
        """The longest match of each entry from each word on, unless an earlier one reaches as far.

        `fresh` are the tokens that begin a sentence.
        """
        if not self._moves or len(self._moves) > _MAX_STATES:
            self._forget()
        moves, accepts, step = self._moves, self._accepts, self._step
        found: list[Found] = []
        reach: dict[int, int] = {}
        end = len(keys)
        for first, begun in enumerate(self._first_moves(keys, fresh)):
            if begun < 0:
                continue
            state, at = begun, first + 1
            seen: dict[int, int] = {}
            while True:
                for entry in accepts[state]:
                    seen[entry] = at
                onward = moves[state]
                if onward is None or at == end:
                    break
                key = keys[at]
                after = onward.get(key)
                if after is None:
                    after = step(state, key)
                if after < 0:
                    break
                state = after
                at += 1
            for entry, last in seen.items():
                if reach.get(entry, 0) < last:
                    reach[entry] = last
                    found.append((entry, first, last))
        return found

    def _first_moves(self, keys: Sequence[int], fresh: Collection[int]) -> list[int]:
        """Where each token leads from the beginning of the patterns."""
        begin, begin_sentence = self._moves[_BEGIN], self._moves[_BEGIN_SENTENCE]
        if begin is None or begin_sentence is None:
            return []
        begun = list(map(begin.get, keys))
        for at in fresh:
            begun[at] = begin_sentence.get(keys[at])
        beginnings: Collection[int] = fresh if len(fresh) < 8 else set(fresh)
        return [
            self._step(_BEGIN_SENTENCE if at in beginnings else _BEGIN, keys[at]) if state is None else state
            for at, state in enumerate(begun)
        ]

    def _into(self, node: Node, after: _Arcs) -> _Arcs:
        """The arcs into a node that is followed by these."""
        match node:
            case Symbol(name):
                return frozenset({(name, self._number(after))})
            case Row(parts):
                for part in reversed(parts):
                    after = self._into(part, after)
                return after
            case Choice(parts):
                return frozenset().union(*(self._into(part, after) for part in parts))
            case Gap(most):
                arcs = after
                for _ in range(most):
                    arcs = after | {(_ANY, self._number(arcs))}
                return arcs
            case SentenceStart():
                raise PatternError("`^` stands at the very beginning of a pattern only")

    def _number(self, arcs: _Arcs) -> int:
        """The state that these arcs leave; there is one of each."""
        number = self._numbers.get(arcs)
        if number is None:
            number = self._numbers[arcs] = len(self._arcs)
            self._arcs.append(arcs)
            self._alone.append((number,))  # one tuple for all arcs that lead here: forty thousand fewer to collect
            self._tables.append(None)
        return number

    def _table(self, number: int) -> dict[str, tuple[int, ...]]:
        """The arcs of a state by their names."""
        table = self._tables[number]
        if table is None:
            table = self._tables[number] = {}
            for name, target in self._arcs[number]:
                only = self._alone[target] if name != _END else (target,)
                table[name] = (*table[name], *only) if name in table else only
        return table

    def _forget(self) -> None:
        """Begin the deterministic automaton anew; its states are sets of the others."""
        begin, begin_sentence = self._number(frozenset(self._begin)), self._number(frozenset(self._begin_sentence))
        self._answering: dict[str, list[int]] = {}
        for number, arcs in enumerate(self._arcs):
            for name, _ in arcs:
                self._answering.setdefault(name, []).append(number)
        self._near = [None] * len(self._symbols)
        self._ids: dict[frozenset[int], int] = {}
        self._sets: list[frozenset[int]] = []
        self._past: list[int | None] = []
        self._moves = []
        self._accepts: list[tuple[int, ...]] = []
        self._state(frozenset({begin}))
        self._state(frozenset({begin, begin_sentence}))

    def _near_to(self, key: int) -> frozenset[int]:
        """The states from which one of a key's own symbols leads on."""
        near = self._near[key]
        if near is None:
            own = (self._answering.get(symbol, ()) for symbol in self._symbols[key] if symbol != _ANY)
            near = self._near[key] = frozenset().union(*own)
        return near

    def _state(self, numbers: frozenset[int]) -> int:
        state = self._ids.get(numbers)
        if state is None:
            state = self._ids[numbers] = len(self._moves)
            tables = [self._table(number) for number in numbers]
            entries = {entry for table in tables for entry in table.get(_END, ())}
            onward = any(len(table) > (_END in table) for table in tables)
            self._sets.append(numbers)
            self._past.append(None)
            self._accepts.append(tuple(sorted(entries)))
            # From most states that end an entry nothing leads on: None spares the walk one look and one step a key.
            self._moves.append({} if onward or state <= _BEGIN_SENTENCE else None)
        return state

    def _step(self, state: int, key: int) -> int:
        numbers = self._sets[state]
        if not numbers.isdisjoint(self._near_to(key)):
            target = self._after(numbers, self._symbols[key])
        elif self._symbols[key][-1:] == (_ANY,):
            target = self._past_any(state)
        else:
            target = -1
        moves = self._moves[state]
        if moves is not None:
            moves[key] = target
        return target

    def _past_any(self, state: int) -> int:
        """Where a word leads that only a gap reaches over: the commonest step by far, so it is kept."""
        target = self._past[state]
        if target is None:
            target = self._past[state] = self._after(self._sets[state], (_ANY,))
        return target

    def _after(self, numbers: Iterable[int], symbols: Iterable[str]) -> int:
        after = [
            target
            for number in numbers
            for symbol in symbols
            if symbol in (table := self._table(number))
            for target in table[symbol]
        ]
        return self._state(frozenset(after)) if after else -1
