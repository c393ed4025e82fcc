"""The definitions in the repository are good, and each rule is rendered with the language's own samples."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from notification_builders import OWN, Names

from gerai.contracts.language import events
from gerai.contracts.notification import Channel
from gerai.contracts.samples import samples
from gerai.notification.adapters.definition_files import UnreadableDefinitions, read_definitions
from gerai.notification.domain.languages import Language
from gerai.notification.domain.rule import Reader, Rule
from gerai.notification.domain.rule_book import RuleBook

FOLDER = Path(__file__).parents[2] / "definitions"
SAMPLES = list(samples(Path(__file__).parents[4] / "libs/contracts/samples"))
SHIPPED = read_definitions(FOLDER.glob("*.yaml"))
TEMPLATES = {template.id: template for template in SHIPPED.templates}


@pytest.fixture(autouse=True, scope="module")
def _whole_language() -> None:
    events()


def test_they_can_be_imported():
    book = RuleBook(id="muna-barat", tenant="muna-barat")
    new = book.take_over(SHIPPED.rules, SHIPPED.templates, own_addresses=OWN)
    assert len(new) == len(TEMPLATES)


def test_every_template_is_used():
    assert {rule.template for rule in SHIPPED.rules} == set(TEMPLATES)


@pytest.mark.parametrize("rule", SHIPPED.rules, ids=lambda rule: rule.id)
@pytest.mark.parametrize("language", Language)
def test_each_rule_says_something_about_its_sample_on_every_channel(rule: Rule, language: Language):
    matching = [sample for sample in SAMPLES if sample.type == rule.event]
    assert matching, f"{rule.event} has no golden sample"
    reader = Reader(language=language, zone=ZoneInfo("Asia/Makassar"), own_address=OWN[0], names=Names())
    for sample in matching:
        event = sample.decode().event
        template = TEMPLATES[rule.template]
        for channel in template.channels() | {Channel.INBOX}:
            message = template.render(channel, language, rule.values_of(event, reader))
            shown = " ".join((message.subject, message.text, *message.parameters))
            assert event.number in shown and "{{" not in shown and "None" not in shown


@pytest.mark.parametrize(
    "text", ["- a list", "rules: [", "rules: []\nsecrets: []", "a: !!python/object/apply:os.system ['x']"]
)
def test_what_is_no_file_of_definitions_is_refused_with_its_name(tmp_path: Path, text: str):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UnreadableDefinitions, match=r"x\.yaml"):
        read_definitions([tmp_path / "x.yaml"])
