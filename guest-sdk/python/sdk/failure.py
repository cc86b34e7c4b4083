"""Why a call gave no Outcome. None of its effects exist then."""


class Retry(Exception):
    """Raised where another attempt may succeed: the host tries again by the node's policy, then fails the node.

    The message is for people.
    """


class Fatal(Exception):
    """Raised where no attempt will succeed: the node and its flow fail now. The message is for people."""
