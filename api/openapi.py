"""The parts of the OpenAPI document that FastAPI cannot see: the routes and bodies that are read without its help."""

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.asgi import JSON
from api.forms import CallbackForm, ConsentForm, EventForm, OrderReportForm, OutcomeForm
from api.problems import KINDS, MEDIA_TYPE, TYPE_PREFIX
from api.schemas import DecisionRequest, DecisionResponse, ExplanationRequest, PastDecision
from api.tie_forms import MemberForm, MergeForm, RelationForm, SeparationForm

_REF: Final = "#/components/schemas/"
_FORMS: Final = (
    OutcomeForm,
    EventForm,
    ConsentForm,
    CallbackForm,
    OrderReportForm,
    MergeForm,
    SeparationForm,
    RelationForm,
    MemberForm,
)
_STRUCTS: Final = (DecisionRequest, DecisionResponse, ExplanationRequest, PastDecision)


def body_of(form: type[BaseModel], *, batch: bool = False, media_types: Collection[bytes] = JSON) -> dict[str, Any]:
    """What a route says of a body that it reads itself: one form, or also a batch of them."""
    one = {"$ref": _REF + form.__name__}
    schema = {"oneOf": [one, {"type": "array", "items": one, "minItems": 1}]} if batch else one
    return {"requestBody": _body(schema, (kind.decode() for kind in media_types))}


def body_of_structs(*structs: type[msgspec.Struct]) -> dict[str, Any]:
    """The same for msgspec structs, one of which the body has to be."""
    refs = [{"$ref": _REF + struct.__name__} for struct in structs]
    return {"requestBody": _body(refs[0] if len(refs) == 1 else {"oneOf": refs})}


def answer_of(struct: type[msgspec.Struct], description: str) -> dict[str, Any]:
    """What a route says of an answer that is a msgspec struct."""
    schema = {"$ref": _REF + struct.__name__}
    return {"responses": {"200": {"description": description, "content": {"application/json": {"schema": schema}}}}}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add the hot route, the shapes of bodies, and what every refusal looks like."""
    components = document.setdefault("components", {}).setdefault("schemas", {})
    _, forms = models_json_schema([(form, "validation") for form in _FORMS], ref_template=_REF + "{model}")
    _, structs = msgspec.json.schema_components(_STRUCTS, ref_template=_REF + "{name}")
    components |= forms["$defs"] | structs | {"Problem": _problem()}
    document["paths"]["/v1/decisions"] = {"post": _decisions()}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _refusal()
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    document["components"]["schemas"] = dict(sorted(components.items()))
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


def _body(schema: dict[str, Any], media_types: Iterable[str] = ("application/json",)) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": schema} for kind in media_types}}


def _decisions() -> dict[str, Any]:
    return {
        "summary": "The next best offers for a customer here and now",
        "description": "Always answered inside the budget; `degraded` names what was missing.",
        "operationId": "post_decisions",
        **body_of_structs(DecisionRequest),
        **answer_of(DecisionResponse, "The answer"),
    }


def _refusal() -> dict[str, Any]:
    return {"description": "A problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}}}}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    error = {"type": "object", "properties": {"pointer": text, "detail": text}, "required": ["pointer", "detail"]}
    return {
        "title": "Problem",
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": [TYPE_PREFIX + kind for kind in KINDS]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {"type": "array", "items": error},
        },
        "required": ["type", "title", "status"],
    }
