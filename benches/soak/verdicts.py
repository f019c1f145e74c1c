"""What should hold."""


class Verdicts:
    """What should hold, and whether it does."""

    def __init__(self):
        self.lines, self.failed = [], False

    def add(self, holds, text):
        self.failed |= not holds
        self.lines.append(f"- {'holds' if holds else '**does not hold**'}: {text}")
        print(self.lines[-1], flush=True)
