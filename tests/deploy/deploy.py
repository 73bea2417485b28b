"""Deploys the template on the emulator, checks the result, and runs the project's own code on it.

`run` starts it from the root of the repository. Exits with 1 at a surprise.
"""
import collections
import os
import subprocess
import sys
import time

import checks
from emulator import KEYS, Emulator
from findings import Findings
from stack import Stack

NAME = "sparekey-test"
MAIL_FROM = "no-reply@example.com"
# Parameters that the template does not have are ignored.
PARAMETERS = {"MailFrom": MAIL_FROM, "Architecture": "x86_64", "Stage": "staging", "Tracing": "Active"}
# Every option, in a second stack.
OPTIONS = {
    **PARAMETERS,
    "MailFrom": "no-reply@mail.example.org",
    "Stage": "production",
    "DomainName": "account.example.org",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "CreateMailIdentity": "true",
    "MailFromDomain": "bounce.mail.example.org",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "GradualDeployment": "true",
    "PasswordConcurrency": "5",
    "MailerConcurrency": "2",
    "OpenIdConnect": "true",
    "AccountApi": "true",
    "EventBusName": "products",
    "ProductName": "Spare & Key",
    "LogRetentionDays": "90",
    "RequestsPerSecond": "50",
    "RequestBurst": "100",
    "SignInsPerSecond": "10",
    "BackupHoldHours": "24",
    "PrimaryHoldHours": "24",
    "FormerHashes": "bcrypt$c=10,l=23",
    "TimeZone": "Europe/Copenhagen",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
}
# The recipients of the emails in tests/deploy/mailer.rs.
SEND = "/v2/email/outbound-emails"
MAILED = ["lea@spare.example", "lea@spare.example", "max@spare.example"]


def heading(text):
    """Begins a part."""
    print(f"\n=== {text}", flush=True)


def sender(stack):
    """SES sends for the identity in the template, or else for the one that the operator has verified."""
    identities = [item["IdentityName"] for item in stack.aws("sesv2").list_email_identities()["EmailIdentities"]]
    if identities:
        stack.findings.expect("the template's identity", identities, [MAIL_FROM.split("@")[1]])
    else:
        stack.aws("sesv2").create_email_identity(EmailIdentity=MAIL_FROM.split("@")[1])
        print("      the template makes no identity with these parameters; verified as an operator would")


def own_code(emulator, variables):
    """Runs the tests in Rust, in an environment of the functions' variables."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    endpoints = {"AWS_ENDPOINT_URL_DYNAMODB": emulator.url, "AWS_ENDPOINT_URL_SESV2": emulator.url}
    # One at a time: the emulator's transactions are not isolated.
    command = ["cargo", "test", "--quiet", "--package", "tests", "--test", "deploy", "--locked",
               "--", "--ignored", "--test-threads=1"]
    emulator.record()
    tests = subprocess.run(command, env={**surroundings, **variables, **KEYS, **endpoints}, check=False)
    return tests.returncode, emulator.recorded()


def emails(stack, asked):
    """The emails that SES got and accepted."""
    expect, given = stack.findings.expect, [mail for operation, mail in asked if operation == SEND]
    expect("who got an email", sorted(to for mail in given for to in mail["Destination"]["ToAddresses"]), MAILED)
    expect("who sent it", {mail["FromEmailAddress"] for mail in given}, {f'"Sparekey" <{MAIL_FROM}>'})
    expect("what SES took", stack.aws("ses").get_send_quota()["SentLast24Hours"], len(MAILED))


def removal(stack):
    """Deleting the stack keeps the accounts."""
    stack.aws("cloudformation").delete_stack(StackName=stack.name)
    left = stack.aws("dynamodb").list_tables()["TableNames"]
    stack.findings.expect("the tables that outlive the stack", left, [stack.physical["AccountsTable"]])


def main():
    """The whole run."""
    begun, findings = time.monotonic(), Findings()
    with Emulator() as emulator:
        stack = Stack(emulator, findings, NAME, PARAMETERS)
        heading("what the translator makes of the template")
        for kind, count in sorted(stack.counts().items()):
            print(f"  {count:>3}  {kind}")
        heading("created")
        stack.create()
        for logical_id, physical in sorted(stack.physical.items()):
            print(f"      {logical_id:<48} {physical}")
        for logical_id, physical in stack.by_hand.items():
            print(f"      {logical_id:<48} {physical} (by hand)")
        heading("tables")
        checks.tables(stack)
        heading("functions")
        variables = checks.functions(stack)
        heading("the API and the sender")
        checks.api(stack)
        sender(stack)
        heading("the project's own storage code and mailer")
        status, asked = own_code(emulator, variables)
        if status != 0:
            findings.surprise("tests/deploy/main.rs", "a test failed; its words are above")
        for operation, count in collections.Counter(operation for operation, _ in asked).most_common():
            print(f"  {count:>4}  {operation}")
        heading("what they left behind")
        checks.records(stack)
        emails(stack, asked)
        heading("the stream's mapping, and the stack's removal")
        stack.create_last()
        checks.event_source(stack)
        removal(stack)
        heading("another with its options")
        # The operator's own; without it the rule on it fails.
        emulator.client("events").create_event_bus(Name=OPTIONS["EventBusName"])
        other = Stack(emulator, findings, f"{NAME}-options", OPTIONS)
        other.create()
        checks.options(other)
    heading("findings")
    findings.print()
    print(f"\n{findings.surprises()} surprises, {time.monotonic() - begun:.0f} s")
    return 1 if findings.surprises() else 0


if __name__ == "__main__":
    sys.exit(main())
