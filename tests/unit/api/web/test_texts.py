"""Text catalogues: every language says everything, with the same names to fill in."""

import re
from string import Formatter

import pytest

from api.web.pages import environment
from api.web.texts import ENGLISH, Entry, languages, read_language, texts_in

USED = re.compile(r"""text\("([a-z_.]+)"\s*(?:,|\))""")


def names_to_fill_in(entry: Entry) -> set[str]:
    forms = [entry] if isinstance(entry, str) else entry.values()
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name is not None}


def test_english_and_another_language_are_there() -> None:
    assert languages()[0] == ENGLISH
    assert len(languages()) >= 2


@pytest.mark.parametrize("language", languages())
def test_language_has_every_text_with_the_same_names(language: str) -> None:
    english, other = read_language(ENGLISH), read_language(language)
    assert set(other) == set(english)
    for name, entry in other.items():
        assert names_to_fill_in(entry) == names_to_fill_in(english[name]), name


@pytest.mark.parametrize("language", languages())
def test_no_text_brings_markup_or_is_empty(language: str) -> None:
    for name, entry in read_language(language).items():
        forms = [entry] if isinstance(entry, str) else list(entry.values())
        assert all(form.strip() and "<" not in form for form in forms), name


def test_templates_name_only_texts_that_exist() -> None:
    english = read_language(ENGLISH)
    loader = environment().loader
    assert loader is not None
    used = {
        name
        for template in loader.list_templates()
        for name in USED.findall(loader.get_source(environment(), template)[0])
    }
    assert used
    assert used <= set(english)


def test_counted_text_takes_the_form_of_its_number() -> None:
    assert texts_in("en")("shared.days", count=1) == "1 day"
    assert texts_in("en")("shared.days", count=3) == "3 days"
    assert texts_in("de")("shared.days", count=1) == "1 Tag"


def test_text_for_a_code_of_the_rules_falls_back_on_its_title() -> None:
    assert texts_in("en").or_else("shared.no_such_code", "As the rules say") == "As the rules say"
    assert texts_in("en").or_else("shared.skip", "x") == "Skip to the content"
    assert "shared.skip" in texts_in("en")
