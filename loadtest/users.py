"""The touchpoints as Locust users: a cash machine, a web page, a teller's screen, each going through its journeys."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar, Final

from gevent import sleep
from locust import FastHttpUser, task

from loadtest.mix import Mix, People
from loadtest.pages import CASH_MACHINE, COUNTER, HOME_PAGE, OK, PAGES, UNCHANGED, Kept, Page
from loadtest.recorder import Recorder
from loadtest.wire import (
    Answer,
    BrokenPromise,
    Option,
    Question,
    check_declined,
    check_repeated,
    check_taken,
    event_body,
    outcome_body,
    read_answer,
    read_problem,
)

ANSWERED, ACKNOWLEDGED = 200, 202
_REPEATED = 0.02
"""So many decisions are asked for twice with one request id, as a network that loses answers would."""
_COME_WITHIN_S = 20
"""As people have it; a profile in a hurry makes it shorter, like every pause."""

_NEVER_USED: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Everything here is plain HTTP, but Locust makes a context a user, and a default one reads all certificates first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What every touchpoint of a run shares."""

    people: People
    recorder: Recorder
    hurry: float
    keys: Mapping[str, str]
    """By role; none where the server asks for none."""


class Touchpoint(FastHttpUser):
    """What all touchpoints can do; subclasses say what they do."""

    abstract = True
    scene: ClassVar[Scene]
    ssl_context_factory = staticmethod(lambda: _NEVER_USED)
    network_timeout = 10.0
    connection_timeout = 10.0
    max_retries = 0
    max_redirects = 0
    role: ClassVar[str] = "touchpoint"

    def on_start(self) -> None:
        """Come at an instant of one's own: Locust lets all users of a second begin in the same millisecond."""
        self.kept = Kept()
        self.think(0, _COME_WITHIN_S)

    def headers(self, role: str) -> dict[str, str]:
        """What a caller of a role sends with every request."""
        key = self.scene.keys.get(role)
        return {"authorization": f"Bearer {key}"} if key else {}

    def think(self, shortest_s: float, longest_s: float) -> None:
        """Do what people do between two requests, as fast as the profile has it."""
        if self.scene.hurry:
            sleep(self.scene.people.chance.uniform(shortest_s, longest_s) / self.scene.hurry)

    def open(self, page: Page, **values: str) -> None:
        """Open a page and fetch what comes with it, but for what the browser has already."""
        path, headers = page.path.format(**values), {**self.headers(self.role), "accept": "text/html"}
        with self.client.get(path, headers=headers, name=PAGES + page.touchpoint, catch_response=True) as response:
            if problem := page.problem(response.status_code, response.content or b""):
                response.failure(problem)
        for part in page.parts:
            self._fetch(part, f"parts {page.touchpoint}")

    def _fetch(self, part: str, name: str) -> None:
        with self.client.get(part, headers=self.kept.headers(part), name=name, catch_response=True) as response:
            if response.status_code == UNCHANGED:
                response.success()
            elif response.status_code == OK:
                self.kept.keep(part, response.headers.get("etag"))
            else:
                response.failure(f"status {response.status_code}")

    def send(self, path: str, body: object, *, status: int, name: str, role: str | None = None) -> bool:
        """Post something that is no decision, and say whether it was taken; an error where it was not."""
        headers = self.headers(role or self.role)
        with self.client.post(path, json=body, headers=headers, name=name, catch_response=True) as response:
            content = response.content or b""
            if response.status_code != status:
                response.failure(read_problem(response.status_code, content))
                return False
            try:
                if status == ACKNOWLEDGED:
                    check_taken(content, parts=len(body) if isinstance(body, list) else None)
            except BrokenPromise as broken:
                response.failure(f"broken promise: {broken}")
                return False
        return True

    def decide(self, question: Question, *, declined: frozenset[str] = frozenset()) -> Answer | None:
        """Ask for a decision, now and then twice, and hold the answer to its promises."""
        answer = self._decide_once(question, declined, repeat_of=None)
        if answer is not None and self.scene.people.happens(_REPEATED):
            self._decide_once(question, declined, repeat_of=answer)
        return answer

    def _decide_once(self, question: Question, declined: frozenset[str], *, repeat_of: Answer | None) -> Answer | None:
        name = f"decision {question.channel}" if repeat_of is None else "decision repeated"
        started = perf_counter()
        answer = None
        headers = self.headers(self.role)
        with self.client.post(
            "/v1/decisions", json=question.body(), headers=headers, name=name, catch_response=True
        ) as response:
            latency_ms = 1000 * (perf_counter() - started)
            if response.status_code != ANSWERED:
                response.failure(read_problem(response.status_code, response.content or b""))
            else:
                try:
                    answer = read_answer(question, response.content or b"")
                    check_declined(answer, declined)
                    if repeat_of is not None:
                        check_repeated(repeat_of, answer)
                except BrokenPromise as broken:
                    response.failure(f"broken promise: {broken}")
        self.scene.recorder.decision(question.channel, latency_ms, question.budget_ms, answer)
        return answer

    def tell(self, *outcomes: tuple[Option, str, str | None]) -> frozenset[str]:
        """Report outcomes (an offer, what became of it, why), one alone or several as a batch.

        Returns the actions whose decline was acknowledged, and which therefore must not come back.
        """
        bodies = [
            outcome_body(self.scene.people.fresh("outcome"), option, outcome, reason=reason)
            for option, outcome, reason in outcomes
        ]
        if not bodies:
            return frozenset()
        kind = outcomes[0][1] if len(bodies) == 1 else "batch"
        body = bodies if len(bodies) > 1 else bodies[0]
        taken = self.send("/v1/outcomes", body, status=ACKNOWLEDGED, name=f"outcome {kind}")
        return frozenset(option.action for option, outcome, _ in outcomes if taken and outcome == "decline")

    def show(self, answer: Answer) -> None:
        """Report that everything of an answer was seen."""
        self.tell(*((option, "impression", None) for option in answer.options))

    def question(
        self,
        channel: str,
        moment: str,
        items_by_placement: Mapping[str, int],
        *,
        identity: tuple[str, str],
        session_id: str,
        budget_ms: int,
        staff: bool = False,
        context: Mapping[str, object] | None = None,
    ) -> Question:
        """A question of this touchpoint, with a request id of its own."""
        return Question(
            channel=channel,
            moment=moment,
            items_by_placement=items_by_placement,
            scheme=identity[0],
            value=identity[1],
            session_id=session_id,
            request_id=self.scene.people.fresh("request"),
            budget_ms=budget_ms,
            staff=staff,
            context=context or {},
        )


class CashMachine(Touchpoint):
    """Somebody inserts a card, waits for cash, takes the receipt."""

    abstract = True

    @task
    def withdraw(self) -> None:
        """One customer at the machine, whose page is opened first: more often than a real one would be."""
        people = self.scene.people
        self.open(CASH_MACHINE)
        identity = ("card_token", people.card_token())
        session = people.fresh("session")
        cash = people.chance.choice((20, 50, 100, 200, 300))
        for moment, placement in (
            ("card_inserted", "idle_screen"),
            ("waiting", "waiting_screen"),
            ("receipt", "receipt"),
        ):
            answer = self.decide(
                self.question(
                    "atm",
                    moment,
                    {placement: 1},
                    identity=identity,
                    session_id=session,
                    budget_ms=50,
                    context={"cash_requested": cash, "locale": "en-GB"},
                )
            )
            if answer is not None:
                self.show(answer)
                self.think(2, 8)
                self._touch(answer)
        self.think(10, 40)

    def _touch(self, answer: Answer) -> None:
        for option in answer.options:
            if self.scene.people.happens(0.08):
                self.tell((option, "click", None))
                if self.scene.people.happens(0.3):
                    self.think(2, 6)
                    self.tell((option, "accept", None))


class WebPage(Touchpoint):
    """Somebody, known or not, opens the bank's site and looks at a few pages."""

    abstract = True

    @task
    def browse(self) -> None:
        """One visit."""
        people = self.scene.people
        known = people.happens(0.7)
        identity = ("customer_id", people.customer()) if known else ("web_visitor", people.visitor())
        session = people.fresh("session")
        declined: frozenset[str] = frozenset()
        for page in range(1 + people.chance.randint(1, 4)):
            self.open(HOME_PAGE)
            answer = self.decide(
                self.question(
                    "web",
                    "page_viewed" if page else "session_started",
                    {"hero": 1, "sidebar": 1},
                    identity=identity,
                    session_id=session,
                    budget_ms=50,
                ),
                declined=declined,
            )
            if answer is not None:
                self.show(answer)
                self.think(3, 20)
                declined |= self._react(answer)
        self.think(5, 30)

    def _react(self, answer: Answer) -> frozenset[str]:
        """Click on some, wave some away; returns what was declined."""
        people = self.scene.people
        declined: frozenset[str] = frozenset()
        for option in answer.options:
            if people.happens(0.06):
                self.tell((option, "click", None))
            elif people.happens(0.04):
                declined |= self.tell((option, "decline", people.reason()))
        return declined


class Teller(Touchpoint):
    """A customer at the counter: three cards, a talk, an answer to each, and what comes next."""

    abstract = True
    role = "teller"

    @task
    def serve(self) -> None:
        """One customer at the counter."""
        people = self.scene.people
        customer = people.customer()
        session = people.fresh("session")
        if people.happens(0.5):
            subject = f"customer_id:{customer}"
            event = event_body(people.fresh("event"), source="crm", kind="branch_visit", subject=subject)
            self.send("/v1/events", event, status=ACKNOWLEDGED, name="event", role="touchpoint")
        declined: frozenset[str] = frozenset()
        self.open(COUNTER, customer=customer, visit=session)
        for _ in range(3):
            question = self.question(
                "branch",
                "customer_at_counter",
                {"card": 3},
                identity=("customer_id", customer),
                session_id=session,
                budget_ms=100,
                staff=True,
            )
            answer = self.decide(question, declined=declined)
            if answer is None:
                break
            self.show(answer)
            if people.happens(0.2):
                self.send("/v1/explanations", question.explanation_body(), status=ANSWERED, name="explanation")
            self.think(20, 60)
            newly_declined = self._talk(answer)
            if not newly_declined:
                break
            declined |= newly_declined
        self.think(20, 60)

    def _talk(self, answer: Answer) -> frozenset[str]:
        """Settle every card with the customer; returns what was declined."""
        people = self.scene.people
        settled: list[tuple[Option, str, str | None]] = []
        for option in answer.options:
            drawn = people.chance.random()
            if drawn < 0.15:
                settled.append((option, "accept", None))
            elif drawn < 0.50:
                settled.append((option, "decline", people.reason()))
            elif drawn < 0.75:
                settled.append((option, "later", None))
        return self.tell(*settled)


def touchpoints(scene: Scene, mix: Mix) -> list[type[Touchpoint]]:
    """The user classes of a run, weighted by the mix."""
    kinds: list[tuple[type[Touchpoint], int]] = [(CashMachine, mix.atm), (WebPage, mix.web), (Teller, mix.branch)]
    return [
        type(kind.__name__, (kind,), {"abstract": False, "scene": scene, "weight": weight})
        for kind, weight in kinds
        if weight
    ]
