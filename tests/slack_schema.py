"""Whether Slack would take what we send: its published schema, slack_sdk's limits, and limits that neither knows.

    problems_of_message({"text": …, "blocks": […]})     # what goes to chat.postMessage, chat.update, chat.postEphemeral
    problems_of_view({"type": "modal", …})
    problems_of_call("views.open", {"trigger_id": …, "view": {…}})

Each gives a list of sentences, empty where all is well. The schema (made from `@slack/web-api` and `@slack/types`) lies
beside the project; where it does not, `SCHEMA` is None and the limits alone are checked.

Limits that only people who measured them tell of: one message holds about 12,000 characters and some hundred a block
(`msg_blocks_too_long`, slackapi/bolt-js#2509, #2867), and `chat.update` refuses a `text` over 4,000 bytes of UTF-8
(`msg_too_long`) though `chat.postMessage` takes it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

SPECS = Path(__file__).resolve().parents[2] / "shared" / "specs" / "slack"
_FILE = SPECS / "slack-web-api-8.2.0-types-3.2.0.schema.json"
SCHEMA: dict[str, Any] | None = json.loads(_FILE.read_text()) if _FILE.is_file() else None

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_CHARACTERS = 12_000
A_BLOCK_COUNTS = 100
TEXT_BYTES = 4_000
VIEW_BYTES = 250_000
TEXT_OBJECT = 3_000
FIELD = 2_000
PLACEHOLDER = 150
INPUT = 3_000
OPTION_TEXT = 75
CHOICES = 10
"""Radio buttons or checkboxes in one element."""
ONLY_IN_MESSAGES = frozenset({"markdown", "table", "context_actions"})
SENDS_A_MESSAGE = frozenset({"chat.postMessage", "chat.update", "chat.postEphemeral"})

_NEUTRAL_BLOCKS = [{"type": "divider"}]
_NEUTRAL_VIEW = {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": _NEUTRAL_BLOCKS}


def problems_of_call(method: str, given: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse of a method's arguments, with the message or view in them."""
    found = []
    plain = dict(given)
    if method in SENDS_A_MESSAGE:
        found += problems_of_message(given)
        if "blocks" in plain:
            plain["blocks"] = _NEUTRAL_BLOCKS
    if "view" in given:
        found += problems_of_view(given["view"])
        plain["view"] = _NEUTRAL_VIEW
    for url, shown in (given.get("unfurls") or {}).items() if method == "chat.unfurl" else ():
        blocks = shown.get("blocks")
        found += problems_of_blocks(blocks, "message") if blocks else [f"nothing is shown for {url}"]
    found += _against("Req_" + "".join(word[:1].upper() + word[1:] for word in method.split(".")) + "Arguments", plain)
    return [f"{method}: {problem}" for problem in found]


def problems_of_message(given: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse of a message's text and blocks."""
    text, blocks = given.get("text"), given.get("blocks") or ()
    found = []
    if not isinstance(text, str) or not text.strip():
        found.append("a message without text says nothing in a notification")
    elif len(text.encode()) > TEXT_BYTES:
        found.append(f"its text has {len(text.encode())} bytes; chat.update takes {TEXT_BYTES}")
    found += problems_of_blocks(blocks, "message")
    size = sum(map(len, _texts(blocks))) + A_BLOCK_COUNTS * len(blocks)
    if size > MESSAGE_CHARACTERS:
        found.append(f"its blocks come to {size} characters; one message holds {MESSAGE_CHARACTERS}")
    return found


def problems_of_view(view: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse of a modal or a Home page."""
    kind, blocks = view.get("type"), view.get("blocks") or ()
    if kind not in ("modal", "home"):
        return [f"there is no view of type {kind!r}"]
    found = _against("ModalView" if kind == "modal" else "HomeView", {**view, "blocks": _NEUTRAL_BLOCKS})
    found += problems_of_blocks(blocks, kind)
    found += _model(View, dict(view))
    if not blocks:
        found.append("a view needs a block")
    if kind == "modal" and "submit" not in view and any(block.get("type") == "input" for block in blocks):
        found.append("a modal with an input needs `submit`")
    size = len(json.dumps(view).encode())
    if size > VIEW_BYTES:
        found.append(f"the view has {size} bytes; Slack takes {VIEW_BYTES}")
    return found


def problems_of_blocks(blocks: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    """What Slack would refuse of blocks in a `message`, a `modal` or a `home` page."""
    most = MESSAGE_BLOCKS if where == "message" else VIEW_BLOCKS
    found = [f"there are {len(blocks)} blocks; {most} are the most"] if len(blocks) > most else []
    for number, block in enumerate(blocks):
        found += [f"blocks[{number}] {problem}" for problem in _of_block(block, where)]
    named = Counter(block["block_id"] for block in blocks if "block_id" in block)
    found += [f"block_id {name!r} stands {times} times" for name, times in named.items() if times > 1]
    if sum(1 for one in _within(blocks) if one.get("focus_on_load")) > 1:
        found.append("only one element can have the focus")
    return found


def _of_block(block: Mapping[str, Any], where: str) -> Iterator[str]:
    kind = block.get("type")
    name = _names_of_blocks().get(str(kind))
    if name is None and SCHEMA is not None:
        yield f"there is no block of type {kind!r}"
        return
    yield from _against(name, block) if name else ()
    yield from _model(Block, dict(block))
    if kind in ONLY_IN_MESSAGES and where != "message":
        yield f"a {kind} block stands in messages only"
    if kind == "section":
        if not block.get("text") and not block.get("fields"):
            yield "a section needs text or fields"
        for field in block.get("fields") or ():
            if len(field.get("text", "")) > FIELD:
                yield f"a field has {len(field['text'])} characters; {FIELD} are the most"
    if kind in ("actions", "context") and not block.get("elements"):
        yield f"{kind} without elements"
    asked = Counter(one["action_id"] for one in _within(block.get("elements") or ()) if "action_id" in one)
    yield from (f"action_id {name!r} stands {times} times" for name, times in asked.items() if times > 1)
    for one in _within([block]):
        yield from _of_part(one, where)


def _of_part(part: Mapping[str, Any], where: str) -> Iterator[str]:
    kind = part.get("type")
    if kind in ("mrkdwn", "plain_text"):
        text = part.get("text")
        if not isinstance(text, str) or not 1 <= len(text) <= TEXT_OBJECT:
            size = len(text) if isinstance(text, str) else 0
            yield f"a text of {size} characters; 1 to {TEXT_OBJECT} it must be"
        elif not text.strip():
            yield "a text of nothing but blanks"
        return
    if kind == "file_input" and where != "modal":
        yield "a file is asked for in modals only"
    if len((part.get("placeholder") or {}).get("text", "")) > PLACEHOLDER:
        yield f"a placeholder of over {PLACEHOLDER} characters"
    if kind == "plain_text_input":
        most, given = part.get("max_length", INPUT), len(part.get("initial_value") or "")
        if most > INPUT:
            yield f"an input takes {INPUT} characters, not {most}"
        if given > min(most, INPUT):
            yield f"an input begins with {given} characters; it takes {min(most, INPUT)}"
    yield from _of_choices(str(kind), part)


def _of_choices(kind: str, part: Mapping[str, Any]) -> Iterator[str]:
    if "options" not in part:
        return
    options = part["options"]
    if not options:
        yield f"{kind} without options"
    if kind in ("checkboxes", "radio_buttons") and len(options) > CHOICES:
        yield f"{kind} with {len(options)} options; {CHOICES} are the most"
    if len({option.get("value") for option in options}) < len(options):
        yield f"{kind} with two options of one value"
    for option in options:
        if len(option["text"]["text"]) > OPTION_TEXT:
            yield f"an option of over {OPTION_TEXT} characters"
    chosen = [part["initial_option"]] if "initial_option" in part else part.get("initial_options") or ()
    if any(one not in options for one in chosen):
        yield f"{kind} begins with an option that is none of its own"


def _model(kind: type[Block] | type[View], given: dict[str, Any]) -> list[str]:
    """What slack_sdk's own model says."""
    try:
        parsed = kind.parse(given) if kind is Block else kind(**given)
        if parsed is not None:
            parsed.to_dict()
    except SlackObjectFormationError as error:
        return [str(error)]
    return []


@cache
def _names_of_blocks() -> dict[str, str]:
    """The schema's name of each type of block."""
    if SCHEMA is None:
        return {}
    definitions = SCHEMA["definitions"]
    found = {}
    for reference in definitions["KnownBlock"]["anyOf"]:
        name = reference["$ref"].rpartition("/")[2]
        one = definitions[name] if "properties" in definitions[name] else definitions[name]["anyOf"][0]
        found[one["properties"]["type"]["const"]] = name
    return found


@cache
def _validator(name: str) -> Draft7Validator | None:
    if SCHEMA is None or name not in SCHEMA["definitions"]:
        return None
    return Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": SCHEMA["definitions"]})


def _against(name: str, given: Mapping[str, Any]) -> list[str]:
    """The schema's most telling complaint, if it has one."""
    validator = _validator(name)
    if validator is None:
        return []
    worst = best_match(validator.iter_errors(dict(given)))
    return [] if worst is None else [f"{worst.json_path}: {worst.message[:300]}"]


def _within(parts: object) -> Iterator[Mapping[str, Any]]:
    """Every object in here, at any depth."""
    if isinstance(parts, Mapping):
        yield parts
        for value in parts.values():
            yield from _within(value)
    elif isinstance(parts, (list, tuple)):
        for value in parts:
            yield from _within(value)


def _texts(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every word that the reader sees."""
    return (one["text"] for one in _within(blocks) if isinstance(one.get("text"), str))
