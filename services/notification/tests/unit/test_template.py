"""Templates: nothing but placeholders, in every language, with links to our own addresses alone."""

import pytest
from notification_builders import OWN, template

from gerai.contracts.notification import Channel
from gerai.notification.domain.languages import Language
from gerai.notification.domain.template import Template, TextTooLong
from gerai.notification.domain.text_template import HtmlTemplate, TextTemplate

VALUES = {"number": "A-012", "desk": "3"}


def wording(**parts: object) -> dict[str, object]:
    return {"inbox": {"title": "t", "text": "t"}, **parts}


def problems(made: Template) -> set[tuple[str, str]]:
    return {(problem.place, problem.code) for problem in made.problems(own_addresses=OWN)}


def test_a_good_one_has_no_problems_and_is_filled():
    made = template()
    assert problems(made) == set()
    assert made.render(Channel.SMS, Language.ID, VALUES).text == "Nomor A-012: silakan menuju loket 3."


@pytest.mark.parametrize(
    "text",
    [
        "{{ config.items() }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{{ 7*7 }}",
        "{{ number | upper }}",
        "{# remark #}",
        "${number}",
        "{{ Number }}",
        "{{{{ number }}}}",
        "{{",
    ],
)
def test_what_could_run_is_no_placeholder(text: str):
    made = template(wordings={"id": wording(sms={"text": text}), "en": wording(sms={"text": "t"})})
    assert ("wordings.id.sms.text", "not_a_placeholder") in problems(made)


def test_all_problems_are_told_at_once():
    made = template(
        wordings={
            "id": {
                "inbox": {"title": "satu\ndua", "text": "{{ nomor }} https://bukan-kami.example/"},
                "whatsapp": {"template": "called", "parameters": ["nama"]},
                "email": {
                    "subject": "a\r\nBcc: x@y.id",
                    "text": "{{",
                    "html": "<p onclick='x'><script>1</script><a href='http://jahat.example/'>x</a><img",
                },
            }
        }
    )
    assert problems(made) == {
        ("wordings.en", "missing_language"),
        ("wordings.id.inbox.title", "line_break"),
        ("wordings.id.inbox.text", "unknown_placeholder:nomor"),
        ("wordings.id.inbox.text", "foreign_link:https://bukan-kami.example/"),
        ("wordings.id.whatsapp.parameters", "unknown_placeholder:nama"),
        ("wordings.id.email.subject", "line_break"),
        ("wordings.id.email.text", "not_a_placeholder"),
        ("wordings.id.email.html", "attribute:onclick"),
        ("wordings.id.email.html", "tag:script"),
        ("wordings.id.email.html", "tag:unfinished"),
        ("wordings.id.email.html", "foreign_link:http://jahat.example/"),
    }


def test_a_channel_has_a_text_in_every_language_or_in_none():
    made = template(wordings={"id": wording(sms={"text": "t"}), "en": wording()})
    assert problems(made) == {("wordings.en.sms", "missing_language")}


@pytest.mark.parametrize(
    ("link", "is_own"),
    [
        ("https://gerai.example.go.id/kunjungan/x", True),
        ("https://gerai.example.go.id", True),
        ("https://gerai.example.go.id.jahat.example/", False),
        ("https://gerai.example.go.id@jahat.example/", False),
        ("http://gerai.example.go.id/", False),
        ("www.jahat.example", False),
        ("JAVASCRIPT://x", False),
    ],
)
def test_links_lead_to_our_own_addresses(link: str, is_own: bool):
    found = list(TextTemplate(f"Lihat {link}").problems(known=frozenset(), own_addresses=OWN))
    assert (found == []) == is_own


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "data:text/html,x", "//jahat.example/", "mailto:x@y.id"]
)
def test_links_of_html_do_too(href: str):
    found = list(HtmlTemplate(f'<a href="{href}">x</a>').problems(known=frozenset(), own_addresses=OWN))
    assert found == [f"foreign_link:{href}"]


def test_values_are_escaped_in_html_and_are_one_short_line_everywhere():
    value = {"name": '<b>Siti</b> & "x"\r\nBcc: y' + "z" * 5_000}
    shown = HtmlTemplate("<p>{{ name }}</p>").fill(value)
    assert shown.startswith("<p>&lt;b&gt;Siti&lt;/b&gt; &amp; &quot;x&quot; Bcc: y")
    assert len(TextTemplate("{{ name }}").fill(value)) == 500
    assert "\n" not in TextTemplate("{{ name }}").fill(value)


def test_a_value_is_not_read_as_a_template():
    assert TextTemplate("{{ a }}").fill({"a": "{{ b }}", "b": "x"}) == "{{ b }}"


def test_an_sms_of_more_parts_than_allowed_is_not_sent_as_one():
    with pytest.raises(TextTooLong):
        template().render(Channel.SMS, Language.ID, {"number": "A-012", "desk": "x" * 200})


def test_whatsapp_gets_the_approved_template_and_its_parameters_in_order():
    made = template(
        wordings={
            language: wording(whatsapp={"template": "called", "parameters": ["desk", "number"]})
            for language in ("id", "en")
        }
    )
    rendered = made.render(Channel.WHATSAPP, Language.EN, VALUES)
    assert (rendered.template, rendered.language, rendered.parameters) == (
        "called",
        Language.EN,
        ("3", "A-012"),
    )
