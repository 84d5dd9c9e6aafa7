"""The smallest FastAPI endpoint that takes and gives pydantic models: what a decision's cost is compared with."""

from fastapi import FastAPI
from pydantic import BaseModel

PATH = "/v1/empty"


class Question(BaseModel):
    """Two fields in."""

    customer: str
    channel: str


class Answer(BaseModel):
    """Two fields out."""

    customer: str
    ok: bool


app = FastAPI(openapi_url=None)


@app.post(PATH)
async def answer(question: Question) -> Answer:
    """Answer at once."""
    return Answer(customer=question.customer, ok=True)
