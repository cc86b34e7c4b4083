"""What happens when an article is published: validate it, then tell people now, with the next digest, or not at all.

    validate ─ urgent ──────→ notify
             ─ newsletter ──→ wait ─→ digest
             ─ other ───────→ skip

The branch follows from the category alone, never from the findings: they are for the editor to read.
"""

import body
import category
import findings
from rosehip import Article, Behavior, Call, Effect, Outcome, Transition, Trigger, effect
from text import trim

# Characters of the body that a message carries.
EXCERPT_CHARS = 280

behavior = Behavior(
    "{{name}}",
    "1.0.0",
    description=(
        "Checks an article when it is published, then notifies now (urgent), with the next digest (newsletter), or not "
        "at all."
    ),
    triggers=[Trigger("Create", "Article", transition=Transition("status", to="published"))],
    effects=["validate", "notify"],
    config_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "digest": {
                "description": "When the digest goes out: a daily or weekly schedule, or one moment (RFC 3339).",
                "default": {"at": "09:00", "tz": "UTC"},
                "type": ["object", "string"],
                "minLength": 20,
                "additionalProperties": False,
                "required": ["at", "tz"],
                "properties": {
                    "at": {
                        "description": "The time of day, on a 24-hour clock.",
                        "type": "string",
                        "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
                    },
                    "days": {
                        "description": "The days of the week; every day where it is left out.",
                        "type": "array",
                        "minItems": 1,
                        "uniqueItems": True,
                        "items": {"enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
                    },
                    "tz": {
                        "description": "The time zone by its IANA name, such as Europe/Berlin.",
                        "type": "string",
                        "minLength": 1,
                    },
                },
            },
            "channel": {
                "description": "The channel that is notified.",
                "default": "log",
                "type": "string",
                "minLength": 1,
            },
        },
    },
)


@behavior.step("validate", label="Validate", branches=category.BRANCHES)
def validate(call: Call) -> Outcome:
    article = Article.of(call)
    verdict = effect.validate(findings.of(article))
    name = category.of(article)
    output = {"valid": verdict.payload["valid"], "category": name}
    return Outcome(output=output, branch=category.branch(name), effects=[verdict])


@behavior.step("notify", label="Notify now")
def notify(call: Call) -> Outcome:
    return Outcome(effects=[message(call)])


behavior.wait("wait", until="/config/digest", label="Wait for the digest")


@behavior.step("digest", label="Add to the digest")
def digest(call: Call) -> Outcome:
    """Adds the article to the digest that the wait was for, unless it has been taken back meanwhile."""
    if call.current is None or call.current["status"] != "published":
        return Outcome()
    return Outcome(effects=[message(call, batch=call.output("wait")["at"])])


@behavior.step("skip", label="Notify nobody")
def skip(call: Call) -> None:
    return None


behavior.edge("validate", "notify", when="urgent")
behavior.edge("validate", "wait", when="newsletter")
behavior.edge("wait", "digest", when="fired")
behavior.edge("validate", "skip", when="other")


def message(call: Call, *, batch: str | None = None) -> Effect:
    article = Article.of(call)
    names = (trim(name) for name in (article.name, article.slug, article.id))
    return effect.notify(
        next(filter(None, names), "Untitled"),
        body.excerpt(article.content, EXCERPT_CHARS),
        channel=call.config.get("channel"),
        url=article.url or None,
        batch=batch,
    )
