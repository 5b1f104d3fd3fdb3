"""Who approved the texts that leave without a review: once, by name, for exactly this wording."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from policy.reading import PolicyError, Problem, Rules, line_of, read_rules, read_yaml
from policy.templates import PRE_APPROVED, Templates, read_templates

FILE = "approvals.yaml"
_HEADER = """\
# Texts that leave without a review, and who approved each: acknowledgements, holding replies, surveys, asks, notices.
# An approval belongs to the template's text (SHA-256); after a change the policy is refused until somebody approves it:
#
#   tanggap policy approve id/acknowledgement --as pr-sari
"""


class Approval(Rules):
    """One person's approval of one template file, all its variants included."""

    template: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    by: str = Field(min_length=1)
    on: date

    @model_validator(mode="before")
    @classmethod
    def _on_is_a_word(cls, value: Any) -> Any:
        # YAML 1.1 reads the bare key `on` as true.
        return {"on" if key is True else key: said for key, said in value.items()} if isinstance(value, dict) else value


class _File(Rules):
    approvals: tuple[Approval, ...] = ()

    @field_validator("approvals", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return () if value is None else value


@dataclass(frozen=True)
class Approvals:
    """All of them, with the file that they stand in."""

    file: Path
    approvals: tuple[Approval, ...]


def read_approvals(file: Path) -> Approvals:
    """Read `approvals.yaml`.

    Raises:
        PolicyError: the file is missing, does not fit, or approves a template twice.
    """
    read = read_rules(file, _File)
    seen: set[str] = set()
    problems = []
    for index, approval in enumerate(read.approvals):
        if approval.template in seen:
            line = line_of(("approvals", index), read_yaml(file)[1])
            problems.append(Problem(file, line, f"`{approval.template}` is approved twice; keep the newer approval"))
        seen.add(approval.template)
    if problems:
        raise PolicyError(problems)
    return Approvals(file, read.approvals)


def unapproved(templates: Templates, approvals: Approvals) -> list[Problem]:
    """Every text that would leave without anybody having approved its present wording."""
    given = {approval.template: approval for approval in approvals.approvals}
    problems = []
    for key, source in sorted(templates.files.items()):
        if source.name not in PRE_APPROVED:
            continue
        approval = given.get(key)
        if approval is None:
            said = "nobody approved this text, and it leaves without a review"
        elif approval.sha256 != source.sha256:
            said = f"this text was changed after {approval.by} approved it on {approval.on}"
        else:
            continue
        message = f"{said}; `tanggap policy approve {key} --as PERSON` does"
        problems.append(Problem(source.file, 1, message))
    problems.extend(
        Problem(approvals.file, 1, f"`{key}` is approved, but is no template that leaves without a review")
        for key in sorted(given)
        if key not in templates.files or templates.files[key].name not in PRE_APPROVED
    )
    return problems


def approve(directory: Path, name: str, by: str, on: date | str) -> Approval:
    """Approve the present wording of `id/acknowledgement`, or of `acknowledgement` in both languages.

    Rewrites `approvals.yaml`, sorted by template, so that the same approvals give the same file. Returns the last one.

    Raises:
        PolicyError: no such template, or one that no approval lets out; the templates or the file cannot be read.
    """
    templates = read_templates(directory / "templates")
    file = directory / FILE
    wanted = [key for key, source in templates.files.items() if name in (key, source.name)]
    if not wanted or not by.strip():
        said = (
            f"there is no template `{name}`; names are like `id/acknowledgement`" if by.strip() else "nobody approves"
        )
        raise PolicyError([Problem(file, 1, said)])
    if templates.files[wanted[0]].name not in PRE_APPROVED:
        raise PolicyError([Problem(file, 1, f"`{name}` is reviewed each time it is used; it needs no approval here")])
    day = on if isinstance(on, date) else date.fromisoformat(on)
    given = {approval.template: approval for approval in read_approvals(file).approvals} if file.exists() else {}
    for key in wanted:
        given[key] = Approval(template=key, sha256=templates.files[key].sha256, by=by.strip(), on=day)
    _write(file, given.values())
    return given[wanted[-1]]


def _write(file: Path, approvals: Iterable[Approval]) -> None:
    kept = sorted(approvals, key=lambda approval: approval.template)
    body = "approvals:\n" + "".join(
        f"  - template: {approval.template}\n    sha256: {approval.sha256}\n"
        f"    by: {json.dumps(approval.by, ensure_ascii=False)}\n    on: {approval.on.isoformat()}\n"
        for approval in kept
    )
    own_words = file.read_text(encoding="utf-8") if file.exists() else _HEADER
    comments = re.match(r"(?:#[^\n]*\n|\s*\n)*", own_words)
    head = comments.group() if comments and comments.group().strip() else _HEADER
    fresh = file.with_suffix(".yaml.new")
    fresh.write_text(head.rstrip() + "\n\n" + body, encoding="utf-8")
    fresh.replace(file)
