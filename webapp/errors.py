"""The root of every refusal a person or a program may read."""


class Refused(Exception):
    """Something was asked that cannot be done; nothing was changed.

    `slug` names the kind for programs, `sentence` tells a person what to do, `facts` holds the numbers.
    """

    slug = "refused"

    def __init__(self, sentence: str, **facts: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.facts = facts
