"""Writes the title of every article that is published to the log of its flow."""

from rosehip import Behavior, Call, Outcome, Transition, Trigger, effect

behavior = Behavior(
    "{{name}}",
    "0.1.0",
    description="Writes the title of every article that is published to the log of its flow.",
    triggers=[Trigger("Create", "Article", transition=Transition("status", to="published"))],
    effects=["log"],
)


@behavior.step("announce", label="Announce")
def announce(call: Call) -> Outcome:
    title = call.object.get("name") or ""
    if not title.strip():
        title = "Untitled"
    return Outcome(effects=[effect.log(f"published: {title}", level="info")])
