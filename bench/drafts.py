"""The draft that each of our sample messages gets, to be read as its customer reads it; and what composing one costs.

    uv run python -m bench.drafts [WORD…] [--channel x] [--variants 3] [--grounds] [--speed] [--json FILE]

Prints the composed answer to every sample complaint (desk/demo/samples.yaml), to what customers write in the stories
(tests/scenarios, and ../shared/scenarios where it lies beside), and to a handful of made-up messages on each kind of
channel, with its length in the channel's measure and what the guardrails find. A WORD shows only messages that hold it.
Needs no database: the messages are assessed by the rules alone, and no article is looked up.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from db.words import Kind, Visibility
from desk.demo.samples import read_samples
from policy.assess.lexicon import read_lexicon
from policy.assess.rules import RuleAssessor
from policy.assessment import Text, TextAssessment
from policy.channels import Channels
from policy.company import read_company
from policy.composing import Case, Cited, Parts, Stage, TopicFinder, compose, read_parts
from policy.composing.register import register_of
from policy.guard import DraftText, check, length_on, read_guardrails
from policy.reading import PolicyError, read_rules

ROOT = Path(__file__).resolve().parents[1]
POLICY = ROOT / "policy"
STORIES = (ROOT / "tests" / "scenarios", ROOT.parent / "shared" / "scenarios")
MADE_UP = (
    ("x", "@warungsenja kak pesanan INV-20260701-88 blm nyampe jg padahal udh 5 hari, gimana sih"),
    ("x", "@warungsenja My order has not arrived for two weeks and nobody answers. Where is my money?"),
    ("x", "@warungsenja refund gue mana?? udah 3 minggu! this is ridiculous, I want my money back now"),
    ("google_play", "Aplikasi sering force close waktu mau bayar, tolong diperbaiki. Bintang satu dulu."),
    ("google_play", "The app logs me out every time and the OTP never arrives. Useless."),
    ("instagram", "Kak, promo hari Minggu kok nggak bisa dipakai di cabang Depok? Katanya masih berlaku"),
    ("whatsapp", "Selamat siang. Dengan hormat, saya ingin menyampaikan keluhan perihal tagihan yang tertagih dua "
        "kali. Mohon tanggapan Bapak/Ibu. Terima kasih."),
    ("whatsapp", "min, ayamnya ada rambutnya, jijik banget. minta ganti dong"),
    ("email", "I found a piece of plastic in my soup yesterday at your Dago branch. Please explain what happened."),
    ("mastodon", "Kecewa sekali, kasir menolak melayani ibu saya karena beliau memakai kursi roda."),
    ("bluesky", "Somebody got into my account and ordered food with my balance. Please help!"),
    ("facebook", "saya sudah capek, uang habis semua gara-gara saldo hilang, rasanya mau mati aja"),
    ("instagram", "Min jam buka outlet Bandung hari Minggu jam berapa ya?"),
    ("x", "@warungsenja ada yang ngaku CS kalian minta kode OTP lewat WA, ini penipuan bukan?"),
    ("email", "Saya akan melaporkan hal ini ke YLKI dan BPKN apabila dana saya tidak dikembalikan."),
    ("facebook", "tolol semua yang kerja di sini, makanan basi dikirim, anjing kalian"),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A message that wants an answer."""

    name: str
    text: str
    channel: str
    visibility: Visibility | None = None
    person: str = ""
    stage: Stage | None = None


@dataclass(frozen=True)
class Shown:
    """A case with the words it answers."""

    asked: Asked
    case: Case


def main() -> None:
    """Print the drafts, or how fast they are made."""
    options = _options()
    try:
        bench = Bench(options.parts)
    except PolicyError as error:
        raise SystemExit(str(error)) from None
    shown = [one for one in bench.cases(everything_asked(), options.channel) if _wanted(one, options.words)]
    if options.speed:
        print(json.dumps(bench.speed([one.case for one in shown])))
        return
    told = [bench.tell(one, options.variants, grounds=options.grounds) for one in shown]
    warned = sum(bool(draft["findings"]) for one in told for draft in one["drafts"])
    print(f"\n{len(told)} messages, {warned} drafts with findings")
    if options.json:
        options.json.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only messages whose name or text holds one of these")
    parser.add_argument("--channel", help="as if every message had come in there")
    parser.add_argument("--variants", type=int, default=1, help="so many wordings of each")
    parser.add_argument("--grounds", action="store_true", help="what each sentence rests on")
    parser.add_argument("--speed", action="store_true", help="only what composing one costs")
    parser.add_argument("--parts", type=Path, default=POLICY / "parts", help="the parts to compose from")
    parser.add_argument("--json", type=Path, help="write everything there too")
    return parser.parse_args()


def _wanted(one: Shown, words: list[str]) -> bool:
    said = f"{one.asked.name} {one.asked.text}".lower()
    return not words or any(word.lower() in said for word in words)


def everything_asked() -> Iterator[Asked]:
    """Every message that wants an answer: the samples, the stories, the made-up ones."""
    for sample in read_samples():
        visibility = Visibility.PRIVATE if sample.via == "web" and not sample.public else sample.visibility
        yield Asked(sample.id, sample.text, sample.channel, Visibility(visibility), sample.name or "")
        for more in (sample.again, sample.interrupts):
            if more:
                yield Asked(f"{sample.id}, again", more, sample.channel, Visibility(visibility), stage=Stage.NEXT)
    for folder in STORIES:
        for file in sorted(folder.glob("*.yaml")):
            yield from _of_story(file)
    for number, (channel, text) in enumerate(MADE_UP, 1):
        yield Asked(f"made up {number}", text, channel)


def _of_story(file: Path) -> Iterator[Asked]:
    story = yaml.safe_load(file.read_text(encoding="utf-8"))
    seen: set[str] = set()
    for line in story["timeline"]:
        message = line.get("message")
        if message is None:
            continue
        author = message.get("author", {})
        who = str(author.get("id") or author.get("handle") or author.get("name"))
        private = message.get("visibility") == "private"
        yield Asked(
            f"{story['name']}: {message['external_id']}",
            message["text"],
            message["channel"],
            Visibility.PRIVATE if private else None,
            author.get("name") or "",
            Stage.NEXT if who in seen else None,
        )
        seen.add(who)


class Bench:
    """The shipped policy, as far as drafts need it."""

    def __init__(self, parts: Path) -> None:
        self.company = read_company(POLICY / "company.yaml")
        self.channels = read_rules(POLICY / "channels.yaml", Channels)
        self.rails = read_guardrails(POLICY / "guardrails")
        self.parts: Parts = read_parts(parts)
        lexicon = read_lexicon(POLICY / "lexicon")
        self.assessor = RuleAssessor(lexicon, self.company, any_brand=True)
        self.topics = TopicFinder(self.parts.topics, lexicon)

    def cases(self, asked: Iterator[Asked], channel: str | None) -> Iterator[Shown]:
        """The case of each message that would be answered."""
        for one in asked:
            there = replace(one, channel=channel or one.channel)
            found = self.assessor.assess([Text(there.text, there.channel)])[0]
            if found.kind in (Kind.COMPLAINT, Kind.QUESTION, Kind.OTHER):
                yield Shown(there, self._case(there, found))

    def _case(self, asked: Asked, found: TextAssessment) -> Case:
        rules = self.channels.of(asked.channel)
        visibility = asked.visibility or rules.visibility
        stage = {Kind.QUESTION: Stage.QUESTION, Kind.OTHER: Stage.OPINION}.get(found.kind, Stage.FIRST)
        article = None
        if found.kind is Kind.QUESTION:
            title = "Jam buka gerai" if found.language == "id" else "Opening hours"
            answer = (
                "Gerai kami buka setiap hari pukul 10.00 sampai 22.00, juga pada hari Minggu."
                if found.language == "id"
                else "Our branches are open every day from 10 a.m. to 10 p.m., Sundays included."
            )
            article = Cited("opening-hours.id", "1", title, answer)
        return Case(
            visibility=visibility,
            channel=asked.channel,
            reference="TG-1042",
            company=self.company.name,
            contact={
                language: self.company.contact(language, channel=asked.channel, elsewhere=not rules.private_talk)
                for language in ("id", "en")
            },
            language=found.language,
            register=register_of([asked.text], found.risks),
            stage=asked.stage or stage,
            kind=found.kind,
            category=found.category,
            topics=self.topics.find(asked.text, found.category),
            beside=self.topics.beside(asked.text, found.category),
            risks=tuple(found.risks),
            remedy=found.remedy,
            anger=found.anger,
            name=asked.person.split()[0] if asked.person else "",
            answer_by={"id": "13 Juli 2026 pukul 17.00 WIB", "en": "13 July 2026, 17:00 WIB (UTC+7)"},
            article=article,
        )

    def tell(self, one: Shown, variants: int, *, grounds: bool) -> dict[str, Any]:
        """Print one message and its drafts."""
        case = one.case
        about = [case.channel, case.visibility.value, case.stage.value, case.kind.value, case.category or "-"]
        about += [case.language, case.register.value, f"anger {case.anger}", ",".join(case.topics) or "no topic"]
        about += [",".join(case.risks)] if case.risks else []
        print(f"\n=== {one.asked.name} [{' | '.join(about)}]\n> {one.asked.text}")
        return {
            "message": one.asked.text,
            "about": about,
            "drafts": [self._draft(one, variant, grounds=grounds) for variant in range(variants)],
        }

    def _draft(self, one: Shown, variant: int, *, grounds: bool) -> dict[str, Any]:
        case = replace(one.case, variant=variant)
        limits = self.channels.of(case.channel).limits(case.visibility)
        made = compose(case, self.parts, limits)
        draft = DraftText(
            made.text,
            visibility=case.visibility,
            channel=case.channel,
            complaint=one.asked.text,
            lang=case.language,
            category=case.category,
            risks=case.risks,
            facts=(case.reference, *case.answer_by.values(), *([case.article.answer] if case.article else [])),
            kind=case.kind,
        )
        findings = check(draft, self.rails, self.company, self.channels.limits(case.visibility))
        size = length_on(case.channel, made.text)
        print(f"--- {size}/{limits.comfortable_limit} {' '.join(made.names)}")
        if made.left_out:
            print(f"    did not fit: {', '.join(made.left_out)}")
        print(made.text)
        for finding in findings:
            print(f"    !! {finding.level} {finding.rule}: “{finding.quote}”")
        for sentence in made.sentences if grounds else ():
            said = made.text[sentence.start : sentence.end]
            print(f"    [{sentence.ground} {sentence.ref} {' '.join(sentence.facts)}] {said}")
        return {"text": made.text, "length": size, "findings": [finding.rule for finding in findings]}

    def speed(self, cases: list[Case]) -> dict[str, float]:
        """Processor time to compose each case ten times over, each in another wording."""
        for case in cases:
            compose(case, self.parts, self.channels.of(case.channel))
        begun = time.process_time()
        for variant in range(10):
            for case in cases:
                compose(replace(case, variant=variant), self.parts, self.channels.of(case.channel))
        each = (time.process_time() - begun) / (10 * len(cases))
        return {"drafts": 10 * len(cases), "milliseconds_each": round(1000 * each, 3)}


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
