"""What the emulator refused or did otherwise, as a table at the end."""
import dataclasses

# A known limit of the emulator, not a fault of the template.
LIMIT = "limit of moto"
# Unexpected: the run fails.
SURPRISE = "SURPRISE"
# The length of a refusal; some list every valid value.
LONGEST = 300


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row."""

    kind: str
    what: str
    why: str


class Findings:
    """All findings of a run."""

    def __init__(self):
        # In order and without duplicates: both stacks have the same limits.
        self._rows = {}

    def limit(self, what, why):
        """Notes what the emulator cannot do."""
        self._rows[Finding(LIMIT, what, why)] = True

    def surprise(self, what, why):
        """Notes something unexpected."""
        self._rows[Finding(SURPRISE, what, " ".join(str(why).split())[:LONGEST])] = True

    def expect(self, what, found, wanted):
        """Compares the actual with the expected value."""
        if found == wanted:
            print(f"  ok  {what}")
        else:
            print(f"  NO  {what}")
            self.surprise(what, f"is {found!r}, and has to be {wanted!r}")

    def surprises(self):
        """The number of rows that fail the run."""
        return sum(row.kind == SURPRISE for row in self._rows)

    def print(self):
        """The table, with unexpected findings last, where they are seen."""
        rows = sorted(self._rows, key=lambda row: (row.kind == SURPRISE, row.what))
        width = max((len(row.what) for row in rows), default=0)
        for row in rows:
            print(f"  {row.kind:<13}  {row.what:<{width}}  {row.why}")
