"""Write rosehip behaviors in Python.

A behavior is data and functions: a `Behavior` says what it is and what starts it, and each function that it decorates is
a step. It is pure: it reads no clock, draws no randomness and opens nothing. What it needs is in the `Call`, what it
wants done leaves as effects, which the host records before it carries them out.

    from rosehip import Behavior, Call, Outcome, Transition, Trigger, effect

    behavior = Behavior(
        "hello",
        "1.0.0",
        triggers=[Trigger("Create", "Article", transition=Transition("status", to="published"))],
        effects=["log"],
    )


    @behavior.step("greet", label="Greet")
    def greet(call: Call) -> Outcome:
        return Outcome(effects=[effect.log(f"hello, {call.object['name']}")])

The module is a picture of the interpreter after all imports, so import at the top of a file: a file that is imported
within a step is not there.
"""

from . import effect, log
from .article import Article, Source, Tag
from .behavior import Behavior
from .call import Call, Current, EffectStatus, Input, WaitOutput
from .effect import Effect, Finding
from .failure import Fatal, Retry
from .manifest import RetryPolicy, Transition, Trigger
from .outcome import Outcome

__all__ = [
    "Article",
    "Behavior",
    "Call",
    "Current",
    "Effect",
    "EffectStatus",
    "Fatal",
    "Finding",
    "Input",
    "Outcome",
    "Retry",
    "RetryPolicy",
    "Source",
    "Tag",
    "Transition",
    "Trigger",
    "WaitOutput",
    "effect",
    "log",
]
