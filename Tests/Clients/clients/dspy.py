# packages: dspy
import typing

import dspy

from client import BASE, QUESTION, check, feature

model = dspy.LM("openai/demo", api_base=BASE, api_key="none", max_tokens=200, cache=False)
dspy.configure(lm=model, adapter=dspy.JSONAdapter())


@feature("chat")
def _():
    check(model(QUESTION)[0])


class Colour(dspy.Signature):
    """Names the ball's colour."""

    story: str = dspy.InputField()
    colour: typing.Literal["red", "blue"] = dspy.OutputField()


@feature("schema")
def _():
    check(dspy.Predict(Colour)(story="The ball was red.").colour in ["red", "blue"])


@feature("n")
def _():
    check(len(model(QUESTION, n=3, temperature=1.0, max_tokens=8)) == 3)
