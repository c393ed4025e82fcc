"""The one error of this package: a reason why the platform can't run, as a sentence for a person."""


class UnableToStart(Exception):
    """Its text is printed as it is; what raised it needs no traceback to be understood."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
