"""Cards for staff: what rule files say is shown as text, whatever it says."""

from api.desk.offers import Card, Objection, Step
from api.web.pages import environment
from api.web.texts import texts_in

ATTACK = "<img src=x onerror='1'>\"><script>2</script>"


def test_hostile_words_of_a_treatment_are_shown_as_text() -> None:
    card = Card(
        rank=1,
        action=ATTACK,
        title=ATTACK,
        say=ATTACK,
        headline=ATTACK,
        steps=[Step(name="inquire", words=ATTACK)],
        objections=[Objection(says=ATTACK, answer=ATTACK)],
        terms={},
        leads_to=(),
        reasons=[ATTACK],
        tracking_token=ATTACK,
        answer_id=ATTACK,
    )
    template = '{% from "cards.html" import offer_card with context %}{{ offer_card(card, 1, "/answers", {}, []) }}'
    shown = (
        environment()
        .from_string(template)
        .render(card=card, text=texts_in("en"), formats=None, reader=None, csrf_field="")
    )
    assert "<img" not in shown
    assert "<script" not in shown
    assert shown.count("&lt;img src=x onerror=&#39;1&#39;&gt;&#34;&gt;&lt;script&gt;2&lt;/script&gt;") >= 9
