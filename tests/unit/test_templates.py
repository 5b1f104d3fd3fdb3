"""Every template, variant and language: it renders, it fits, and our own guardrails let it pass."""

from pathlib import Path

import pytest

from db.words import Kind, Risk, Visibility
from policy.channels import Channels
from policy.company import read_company
from policy.guard import DraftText, check, length_on, read_guardrails
from policy.reading import PolicyError, read_rules
from policy.templates import (
    ACKNOWLEDGEMENTS,
    PRE_APPROVED,
    SLOTS,
    WRITE_BACK,
    Templates,
    acknowledgement_name,
    read_templates,
)

POLICY = Path(__file__).resolve().parents[2] / "policy"
TEMPLATES = read_templates(POLICY / "templates")
RAILS = read_guardrails(POLICY / "guardrails")
COMPANY = read_company(POLICY / "company.yaml")
CHANNELS = read_rules(POLICY / "channels.yaml", Channels)
REQUIRED = {
    "company": COMPANY.names[0],
    "reference": "TG-1042",
    "other_reference": "TG-1007",
    "survey_url": "https://warungsenja.example/s/4hq1",
}
EVERY = [(f.language, f.name, v) for f in TEMPLATES.files.values() for v in range(len(f.variants))]
PUBLIC = {
    *ACKNOWLEDGEMENTS,
    "holding",
    "merged_notice",
}
SENT = {*PRE_APPROVED} - {WRITE_BACK}
"""WhatsApp's own template stands word for word as it was approved there."""
NO_ANSWER = {"survey", "ask", "thanks", "merged_notice", "protect_your_data", "write_back"}


def sample(language: str) -> dict[str, str]:
    full = {
        "name": "Ratna Wulandari Asri",
        "contact": COMPANY.contact(language),
        "answer_by": f"13 September 2026{' pukul 17.00 WIB' if language == 'id' else ', 17:00 WIB (UTC+7)'}",
    }
    return REQUIRED | full | {"automatic": "yes"}


def kind_of(name: str) -> Kind:
    if name in NO_ANSWER or name == "statement_holding":
        return Kind.OTHER
    return Kind.QUESTION if name.endswith("question") else Kind.COMPLAINT


@pytest.mark.parametrize(("language", "name", "variant"), EVERY)
@pytest.mark.parametrize("filled", [True, False])
def test_every_template_passes_our_own_guardrails(language: str, name: str, variant: int, filled: bool) -> None:
    slots = sample(language) if filled else dict(REQUIRED)

    text = TEMPLATES.render(name, language, slots, variant).text

    draft = DraftText(
        text,
        visibility=Visibility.PRIVATE if name in NO_ANSWER else Visibility.PUBLIC,
        channel="x",
        lang=language,
        complaint="paket saya belum sampai",
        facts=(slots.get("answer_by", ""),),
        kind=kind_of(name),
    )
    findings = check(draft, RAILS, COMPANY)
    if name in ACKNOWLEDGEMENTS or name == "holding":
        findings = [found for found in findings if found.rule != "no_private_offer"]
    assert findings == []


@pytest.mark.parametrize(("language", "name", "variant"), [row for row in EVERY if row[1] in PUBLIC])
def test_what_is_read_in_public_fits_every_channel(language: str, name: str, variant: int) -> None:
    in_public = sample(language) | {"name": "", "reference": "TG-104200", "other_reference": "TG-104200"}
    for channel, rules in CHANNELS.channels.items():
        text = TEMPLATES.render(name, language, in_public, variant).text

        assert length_on(channel, text) <= rules.comfortable_limit, (channel, text)


@pytest.mark.parametrize(("language", "name", "variant"), [row for row in EVERY if row[1] in SENT])
def test_what_no_person_wrote_says_so_where_it_shall(language: str, name: str, variant: int) -> None:
    quiet, told = (
        TEMPLATES.render(name, language, sample(language) | {"automatic": said}, variant).text for said in ("", "yes")
    )

    word = "otomatis" if language == "id" else "automatic"
    assert word in told.lower()
    assert word not in quiet.lower()


@pytest.mark.parametrize(("language", "name", "variant"), [row for row in EVERY if row[1] in SENT])
def test_a_letter_ends_with_our_name(language: str, name: str, variant: int) -> None:
    text = TEMPLATES.render(name, language, sample(language) | {"letter": "yes"}, variant).text

    assert text.endswith(f",\nTim {COMPANY.name}" if language == "id" else f",\nThe {COMPANY.name} team")
    assert COMPANY.name not in TEMPLATES.render(name, language, sample(language), variant).text


@pytest.mark.parametrize(("language", "name", "variant"), EVERY)
def test_every_text_names_its_reference_and_none_speaks_of_law_or_deletion(
    language: str, name: str, variant: int
) -> None:
    text = TEMPLATES.render(name, language, sample(language), variant).text

    assert "TG-10" in text or name in ("thanks", "statement_holding")
    for word in ("hukum", "dihapus", "polisi", "bohong", "legal"):
        assert word not in text.lower()


def test_the_customers_words_are_no_template() -> None:
    text = TEMPLATES.render("acknowledgement", "id", REQUIRED | {"name": "{{ reference }}\x00\x07{% if %}"}).text

    assert "{{ reference }}{% if %}" in text


def test_variants_take_turns_and_say_which_they_are() -> None:
    names = [TEMPLATES.render("acknowledgement", "id", REQUIRED, variant).template for variant in range(4)]

    assert names == [f"id/acknowledgement#{number}" for number in (1, 2, 3, 1)]


def test_a_mixed_text_is_answered_in_indonesian() -> None:
    assert TEMPLATES.render("thanks", "mixed", REQUIRED).template.startswith("id/")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for source in TEMPLATES.files.values():
        target = tmp_path / source.language / source.file.name
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.file.read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("Halo {{ name }\n", 2, "does not render"),
        ("Halo\n---\nHalo {{ nam }}\n", 4, "`nam` is no slot"),
        ("Halo {{ name.upper() }}\n", 2, "no `call`"),
        ("Halo {{ name.__class__ }}\n", 2, "no `getattr`"),
        ("Halo {{ name['x'] }}\n", 2, "no `getitem`"),
        ("{% include 'x' %}\n", 2, "no `include`"),
        ("{% for x in name %}{{ x }}{% endfor %}\n", 2, "no `for`"),
        ("{{ name | upper }}\n", 2, "no `filter`"),
        ("{{ 7 * 7 }}\n", 2, "no `mul`"),
        ("Halo\n---\n\n", 4, "empty"),
    ],
)
def test_a_template_that_does_not_render_is_named_with_its_line(
    copied: Path, written: str, line: int, said: str
) -> None:
    file = copied / "id" / "thanks.txt.j2"
    file.write_text("{# invites_private: false, states_facts: false #}\n" + written)

    with pytest.raises(PolicyError) as refused:
        read_templates(copied)

    assert any(p.file == file and p.line == line and said in p.message for p in refused.value.problems)


def test_a_template_without_a_first_line_is_refused(copied: Path) -> None:
    (copied / "id" / "thanks.txt.j2").write_text("Halo\n")

    with pytest.raises(PolicyError, match="invites_private"):
        read_templates(copied)


def test_a_missing_language_and_an_unknown_name_are_refused(copied: Path) -> None:
    (copied / "en" / "thanks.txt.j2").rename(copied / "en" / "holdin.txt.j2")

    with pytest.raises(PolicyError) as refused:
        read_templates(copied)

    assert "missing in `en`" in str(refused.value)
    assert "did you mean `holding`" in str(refused.value)


def test_names_follow_what_the_message_is() -> None:
    assert acknowledgement_name(Kind.COMPLAINT, ()) == "acknowledgement"
    assert acknowledgement_name(Kind.QUESTION, ()) == "acknowledgement_question"
    assert acknowledgement_name(Kind.QUESTION, {Risk.MEDIA, Risk.INJURY}) == "acknowledgement_injury"


def test_every_slot_is_used_by_some_template() -> None:
    sources = "".join(source.file.read_text() for source in TEMPLATES.files.values())

    assert [slot for slot in sorted(SLOTS - {"company"}) if slot not in sources] == []
    assert isinstance(TEMPLATES, Templates)
