"""Reads what SpamAssassin says about each email, and fails if one has more than 0.0 points.

usage: points.py DIRECTORY

DIRECTORY has emails.mbox, as messages.py writes it, and judged.mbox, as SpamAssassin does.
"""

import mailbox
import sys
from collections import defaultdict
from pathlib import Path


def main(directory):
    expected = len(mailbox.mbox(Path(directory) / "emails.mbox", create=False))
    rules, points, suspicious = defaultdict(set), {}, []
    judged = mailbox.mbox(Path(directory) / "judged.mbox", create=False)
    for message in judged:
        score, _, hits = (message["X-Spam-Points"] or "").partition(" ")
        if not score:
            print("SpamAssassin says nothing about an email")
            return 1
        # "none" stands for no rule.
        for rule, _, value in (hit.partition("=") for hit in hits.split(",") if "=" in hit):
            rules[rule].add(message["Message-ID"])
            points[rule] = float(value)
        if float(score) > 0:
            suspicious.append(f"{score} points, {message['To']}, {message['Subject']}: {hits}")
    print(f"SpamAssassin: {len(judged)} emails, {len(suspicious)} with more than 0.0 points")
    for rule, emails in sorted(rules.items()):
        print(f"  {rule}: {points[rule]} in {len(emails)} emails")
    for email in suspicious:
        print(f"  {email}")
    if len(judged) != expected or expected == 0:
        print(f"  FAILED  {expected} emails were to be judged")
        return 1
    return 1 if suspicious else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
