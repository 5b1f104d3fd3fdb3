"""How right the guardrails are on the labelled drafts, and how many drafts of some 400 characters they read a second.

    uv run python -m bench.guardrails [--drafts 2000] [--json FILE]

One process, one core. The speed is also told as a ratio to a bare baseline of the same run (each draft parsed from
JSON and scanned once by one expression), so that a slow machine is seen as one. README.md says what the figures mean.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import machine
from db.words import Kind, Visibility
from policy.channels import Channels
from policy.company import read_company
from policy.guard import DraftText, check, read_guardrails, worst
from policy.reading import read_rules

ROOT = Path(__file__).resolve().parents[1]
SET = ROOT / "tests" / "data" / "drafts.jsonl"
LENGTH = 400
COMPLAINT = "Paket saya INV-20260701-88 belum sampai sudah lima hari, CS tidak membalas. Mohon uang saya dikembalikan!"
FACTS = ("TG-1042", "pesanan INV-20260701-88 dikirim 3 Juli")
_BARE = re.compile(r"[a-z]+@[a-z]+")


def draft_of(row: dict[str, Any]) -> DraftText:
    """A line of the set as the guardrails take it."""
    known = {key: row[key] for key in ("text", "channel", "complaint", "lang", "category", "statement") if key in row}
    return DraftText(
        **known,
        visibility=Visibility(row.get("visibility", "public")),
        facts=tuple(row.get("facts", ())),
        risks=tuple(row.get("risks", ())),
        kind=Kind(row["kind"]) if row.get("kind") else None,
    )


def long_drafts(rows: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Good drafts put together to some 400 characters each, no two alike, with all that a draft comes with."""
    good = [row["text"] for row in rows if row["label"] == "pass"]
    drafts = []
    for number in range(count):
        text, at = "", number
        while len(text) < LENGTH - 10:
            text += good[at % len(good)] + " "
            at += number // len(good) + 1
        drafts.append(
            {"text": text[:LENGTH], "complaint": COMPLAINT, "facts": FACTS, "lang": "id", "category": "delivery"}
            | {"channel": "instagram"}
        )
    return drafts


def main() -> None:
    """Measure, tell, and write the figures down where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drafts", type=int, default=2000, help="how many drafts are read for the speed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    asked = parser.parse_args()

    rails = read_guardrails(ROOT / "policy" / "guardrails")
    company = read_company(ROOT / "policy" / "company.yaml")
    channels = read_rules(ROOT / "policy" / "channels.yaml", Channels).channels
    rows = [json.loads(line) for line in SET.read_text("utf-8").splitlines()]

    told: Counter[str] = Counter()
    for row in rows:
        findings = check(draft_of(row), rails, company, channels)
        named = set(row.get("rules", ()))
        right = row["label"] == "pass" or named <= {one.rule for one in findings}
        told[f"{row['label']}: in all"] += 1
        told[f"{row['label']}: came out {worst(findings)}"] += 1
        told[f"{row['label']}: by the rules named"] += right and row["label"] != "pass"

    lines = [json.dumps(draft) for draft in long_drafts(rows, asked.drafts)]
    for line in lines[:100]:
        check(draft_of(json.loads(line)), rails, company, channels)
    began = time.process_time()
    for line in lines:
        _BARE.search(json.loads(line)["text"])
    bare = time.process_time() - began
    began = time.process_time()
    for line in lines:
        check(draft_of(json.loads(line)), rails, company, channels)
    spent = time.process_time() - began

    figures = {
        "machine": machine.facts(),
        "set": dict(sorted(told.items())),
        "drafts_a_second": round(len(lines) / spent),
        "microseconds_a_draft": round(spent / len(lines) * 1e6),
        "times_the_bare_baseline": round(spent / bare, 1),
    }
    for name, value in figures["set"].items():
        print(f"{name:32} {value}")
    print(f"{'drafts a second, one core':32} {figures['drafts_a_second']:,}")
    print(f"{'times the bare baseline':32} {figures['times_the_bare_baseline']}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
