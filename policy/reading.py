"""Reads a YAML file of the policy into a typed model, and says file and line of everything wrong in it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
Contradiction = tuple[Place, str]
"""Where in a file two rules disagree, and how."""

# The parser in C reads the lexicons some ten times faster; it is missing where PyYAML was built without libyaml.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Rules(BaseModel):
    """What every model of the policy has in common: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def contradictions(self) -> Iterable[Contradiction]:
        """What each rule allows alone but the rules together do not, each with its place in the file."""
        return ()

    def found_in(self, file: Path, lines: Mapping[Place, int]) -> None:
        """Told where it was read, for rules that show people where they stand."""
        return


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in the policy, with the place to mend it."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PolicyError(Exception):
    """The policy cannot be used; `problems` says why, each with file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_rules(file: Path, model: type[Model], *, context: Mapping[str, Any] | None = None) -> Model:
    """Read one YAML file into its model; `context` is what its validators may look up.

    Raises:
        PolicyError: the file is missing, is no YAML, repeats a key, does not fit the model, or contradicts itself.
    """
    return read_placed(file, model, context=context)[0]


def read_placed(
    file: Path, model: type[Model], *, context: Mapping[str, Any] | None = None
) -> tuple[Model, Mapping[Place, int]]:
    """`read_rules`, with the line (from 1) on which each place stands."""
    data, lines = read_yaml(file)
    try:
        rules = model.model_validate(data if data is not None else {}, context=context)
    except ValidationError as error:
        raise PolicyError(
            Problem(file, line_of(found["loc"], lines), _said(found)) for found in error.errors()
        ) from error
    if isinstance(rules, Rules):
        problems = [Problem(file, line_of(place, lines), message) for place, message in rules.contradictions()]
        if problems:
            raise PolicyError(problems)
        rules.found_in(file, lines)
    return rules, lines


def read_yaml(file: Path, *, as_written: bool = False) -> tuple[Any, Mapping[Place, int]]:
    """The file's data, and the line (from 1) on which each place in it stands.

    `as_written` keeps every value the text it is: a telephone number stays one, where YAML would see an octal number.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        message = "this file is missing; `tanggap policy init DIR` writes a whole policy"
        raise PolicyError([Problem(file, 1, message)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError([Problem(file, 1, f"cannot be read: {error}")]) from error
    lines: dict[Place, int] = {}
    try:
        loader = yaml.BaseLoader(text) if as_written else _Loader(text)
    except yaml.YAMLError as error:
        raise PolicyError([Problem(file, 1, f"is no YAML: {error}")]) from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None, lines
        problems = list(_number(node, (), lines, file, set()))
        if problems:
            raise PolicyError(problems)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise PolicyError([Problem(file, mark.line + 1 if mark else 1, f"is no YAML: {error.problem}")]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError([Problem(file, 1, f"is no YAML: {error}")]) from error
    except RecursionError:
        raise PolicyError([Problem(file, 1, "is nested too deeply to be read")]) from None
    finally:
        loader.dispose()


def line_of(place: Iterable[str | int], lines: Mapping[Place, int]) -> int:
    """The line of the deepest part of the place that stands in the file."""
    at = tuple(place)
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _number(
    node: yaml.Node, place: Place, lines: dict[Place, int], file: Path, seen: set[yaml.Node]
) -> Iterator[Problem]:
    lines.setdefault(place, node.start_mark.line + 1)
    if node in seen:  # an alias: what is wrong in it is said where its anchor stands
        return
    if isinstance(node, yaml.MappingNode):
        seen.add(node)
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(file, key.start_mark.line + 1, "a name before `:` must be plain text")
                continue
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"  # a name is text: YAML would read `on` and `no` as true and false
            here = (*place, key.value)
            if here in lines:
                yield Problem(
                    file, key.start_mark.line + 1, f"`{key.value}` stands twice (first on line {lines[here]})"
                )
            lines[here] = key.start_mark.line + 1
            yield from _number(value, here, lines, file, seen)
    elif isinstance(node, yaml.SequenceNode):
        seen.add(node)
        for index, value in enumerate(node.value):
            yield from _number(value, (*place, index), lines, file, seen)


def _said(found: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in found["loc"]) or "the file"
    match found["type"]:
        case "missing":
            return f"`{name}` is missing"
        case "extra_forbidden":
            return f"`{name}` is not a setting here"
        case _:
            return f"`{name}`: {str(found['msg']).removeprefix('Value error, ')}"
