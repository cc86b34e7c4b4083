"""The category of an article, which decides who hears of it."""

from rosehip import Article
from text import trim

# The branches of the step that sorts by category.
BRANCHES = ("urgent", "newsletter", "other")


def of(article: Article) -> str | None:
    """What an article was filed under, in lower case: the category field, else the first hashtag, else none."""
    field = None if article.category is None else _normal(article.category)
    if field is not None:
        return field
    first_tag = next((tag for tag in article.tag if tag.kind == "Hashtag"), None)
    return None if first_tag is None else _normal(first_tag.name)


def branch(category: str | None) -> str:
    """The branch to take. An article that says nothing is never urgent."""
    return category if category in ("urgent", "newsletter") else "other"


def _normal(name: str) -> str | None:
    return trim(trim(name).lstrip("#")).lower() or None
