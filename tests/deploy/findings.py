"""What the emulator refused or did otherwise, as a table at the end."""
import dataclasses

# The emulator is known not to do this; it says nothing about the template.
LIMIT = "limit of moto"
# Nobody expected it: the run fails.
SURPRISE = "SURPRISE"
# Of a refusal; some list all that would have been right.
LONGEST = 300


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row."""

    kind: str
    what: str
    why: str


class Findings:
    """All of a run."""

    def __init__(self):
        # In order, and each once: two stacks meet the same limits.
        self._rows = {}

    def limit(self, what, why):
        """Notes what the emulator cannot do."""
        self._rows[Finding(LIMIT, what, why)] = True

    def surprise(self, what, why):
        """Notes what nobody expected."""
        self._rows[Finding(SURPRISE, what, " ".join(str(why).split())[:LONGEST])] = True

    def expect(self, what, found, wanted):
        """Compares what is there with what has to be."""
        if found == wanted:
            print(f"  ok  {what}")
        else:
            print(f"  NO  {what}")
            self.surprise(what, f"is {found!r}, and has to be {wanted!r}")

    def surprises(self):
        """How many rows make the run fail."""
        return sum(row.kind == SURPRISE for row in self._rows)

    def print(self):
        """The table, surprises last, where they are read."""
        rows = sorted(self._rows, key=lambda row: (row.kind == SURPRISE, row.what))
        width = max((len(row.what) for row in rows), default=0)
        for row in rows:
            print(f"  {row.kind:<13}  {row.what:<{width}}  {row.why}")
