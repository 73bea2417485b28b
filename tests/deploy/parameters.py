"""Whether a changed parameter reaches the alias `live` of every function that uses it, and what the patterns let pass.

Translates the template twice for each parameter and compares the versions that the aliases call. Run by `check`.
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import edges
import translated

PAGE = pathlib.Path("docs/deploy.md")
BEGIN, END = "<!-- parameters: written by tests/deploy/check --write -->\n", "<!-- end of parameters -->\n"
ALIAS = "live"
SECRET = "the value of the secret `HashingKey`"
ORIGIN_SECRET = "the value of the secret `OriginKey`"
# Rows of secrets, which come last.
SECRETS = 2

# A second value for each parameter. The first is its default.
CHANGED = {
    "AccountApi": "true",
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "Architecture": "x86_64",
    "BackupHoldHours": "24",
    "PrimaryHoldHours": "24",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "CloudFront": "true",
    "CloudFrontCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "CreateMailIdentity": "true",
    "DailyMails": "48000",
    "DomainName": "account.example.org",
    "EventAddresses": "true",
    "EventBusName": "products",
    "FormerHashes": "bcrypt$c=10,l=23",
    "GradualDeployment": "true",
    "HostedZoneId": "Z0123456789",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    "LogRetentionDays": "90",
    "MailFrom": "no-reply@mail.example.org",
    "MailFromDomain": "bounce.mail.example.org",
    "MailerConcurrency": "10",
    "OpenIdConnect": "true",
    "PasswordConcurrency": "10",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "ProductName": "Account",
    "PublicUrl": "https://account.example.org",
    "RequestBurst": "100",
    "RequestsPerSecond": "50",
    "SignInsPerSecond": "10",
    "Stage": "production",
    "TimeZone": "Europe/Copenhagen",
    "Tracing": "Active",
    "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/sparekey/11111111-2222-3333-4444-555555555555",
}

# Parameters that no function has, each with what gets it instead.
REACHES_NO_FUNCTION = {
    "AlarmTopicArn": "the alarms, at once",
    "CreateMailIdentity": "the identity of SES, at once",
    "GradualDeployment": "how this deployment moves the aliases",
    "HostedZoneId": "the records of the domain, at once",
    "MailFromDomain": "the identity of SES, at once",
    "PermissionsBoundaryArn": "the functions' roles, at once",
    "RequestBurst": "the API's throttle, at once",
    "RequestsPerSecond": "the API's throttle, at once",
    "SignInsPerSecond": "the API's throttle, at once",
    "WebAclArn": "the distribution, at once",
}

# Without the fingerprint SAM sees these alone: it takes them over into the function's text itself.
SEEN_BY_SAM_ALONE = {"Tracing"}


def module(path):
    """A script of deploy/, as a module."""
    loader = importlib.machinery.SourceFileLoader(pathlib.Path(path).name, path)
    script = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(script)
    return script


RELEASE = module("deploy/release")


def versions(text, parameters):
    """The logical id of the version that each function's alias calls."""
    template = translated.translate(text, parameters)
    aliases = translated.of_kind(template, "AWS::Lambda::Alias").values()
    called = {alias["Properties"]["FunctionName"]["Ref"]: alias["Properties"] for alias in aliases}
    functions = translated.of_kind(template, "AWS::Lambda::Function")
    assert set(called) == set(functions), "a function has no alias"
    assert {properties["Name"] for properties in called.values()} == {ALIAS}
    return {name: properties["FunctionVersion"]["Fn::GetAtt"][0] for name, properties in called.items()}


def deployed(text, parameters, secret=None):
    """The same after deploy/release."""
    return versions(RELEASE.released(text, parameters, secret or {}), parameters)


def unchanged(before, after):
    """The functions whose alias would go on calling the former version."""
    return sorted(name for name in before if before[name] == after[name])


def check_each(text, source):
    """Each parameter, and the secret. Returns the rows of the page, and what is wrong."""
    first = {"MailFrom": "no-reply@example.com"}
    first |= {name: str(value["Default"]) for name, value in source["Parameters"].items() if "Default" in value}
    template = translated.translate(text, first)
    functions = translated.of_kind(template, "AWS::Lambda::Function")
    uses = {name: translated.used_by(template, function["Properties"]) for name, function in functions.items()}
    for name in SEEN_BY_SAM_ALONE:
        changed = translated.translate(text, {**first, name: CHANGED[name]})
        for function, resource in translated.of_kind(changed, "AWS::Lambda::Function").items():
            if resource != functions[function]:
                uses[function].add(name)
    before, plain = deployed(text, first), versions(text, first)
    rows, wrong = [], []
    for name in sorted(source["Parameters"]):
        if name not in CHANGED or CHANGED[name] == first[name]:
            wrong.append(f"{name}: give it another value in CHANGED")
            continue
        second = {**first, name: CHANGED[name]}
        using = sorted(function for function, parameters in uses.items() if name in parameters)
        left = [function for function in unchanged(before, deployed(text, second)) if function in using]
        if left:
            wrong.append(f"{name} does not reach the alias of {', '.join(left)}")
        if bool(using) == (name in REACHES_NO_FUNCTION):
            wrong.append(f"{name} is used by {using or 'no function'}: see REACHES_NO_FUNCTION")
        seen = not unchanged(plain, versions(text, second))
        if seen != (name in SEEN_BY_SAM_ALONE):
            wrong.append(f"{name}: without a fingerprint SAM {'sees' if seen else 'does not see'} it")
        rows.append((f"`{name}`", told(using, len(uses), REACHES_NO_FUNCTION.get(name)), "yes" if seen else "no"))
    keyed = [name for name, function in functions.items()
             if "HASHING_KEY" in function["Properties"]["Environment"]["Variables"]]
    with_cloudfront = {**first, "CloudFront": "true"}
    origin_keyed = [name for name, function in functions.items()
                    if function["Properties"]["Environment"]["Variables"].get("ORIGIN_KEY")]
    comments = []
    for secret in ({"a": ["AWSCURRENT"]}, {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT"]}):
        released = translated.translate(RELEASE.released(text, with_cloudfront, secret), with_cloudfront)
        distribution = released["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
        comments.append(json.dumps(distribution["Comment"]))
    if comments[0] == comments[1]:
        wrong.append("a rotated key does not reach the distribution")
    rotated = deployed(text, first, {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT"]})
    left = unchanged(deployed(text, first, {"a": ["AWSCURRENT"]}), rotated)
    if left:
        wrong.append(f"a rotated key does not reach the alias of {', '.join(left)}")
    rows.append((SECRET, told(sorted(keyed), len(uses), None), "no"))
    rows.append((ORIGIN_SECRET, f"{told(sorted(origin_keyed), len(uses), None)}, and the distribution", "no"))
    return rows, wrong


def told(using, of_all, elsewhere):
    """Who uses a parameter, for the page."""
    if not using:
        return f"none: {elsewhere}"
    if len(using) == of_all:
        return "all"
    if len(using) > of_all // 2:
        return f"{len(using)} of {of_all}"
    return ", ".join(f"`{name.removesuffix('Function')}`" for name in using)


def check_other_changes(text):
    """Changes that are no parameter's."""
    first = {"MailFrom": "no-reply@example.com"}
    before, wrong = deployed(text, first), []
    # A changed tag makes a version resource too, and Lambda refuses a second version of what it holds to be the same.
    retagged = text.replace("Product: sparekey", "Product: account", 1)
    for what, changed in {"the same again": text, "a changed tag": retagged}.items():
        after = deployed(changed, first)
        if (what == "the same again") != (unchanged(before, after) == sorted(before)):
            wrong.append(f"{what}: {len(unchanged(before, after))} of {len(before)} aliases keep their version")
    if RELEASE.released(text, first, {}) == RELEASE.released(retagged, first, {}):
        wrong.append("a changed tag changes no variable, so Lambda would refuse the new version")
    return wrong


AWS = """#!/usr/bin/env python3
import json, sys
stack, secret = json.loads(%r)
print(*sys.argv[1:-2], file=open("asked.txt", "a"))
answer = secret if sys.argv[1] == "secretsmanager" else stack if sys.argv[2] == "describe-stacks" else {}
sys.exit(answer) if isinstance(answer, str) else print(json.dumps(answer))
"""
SAM = """#!/usr/bin/env python3
import json, sys
name = sys.argv[sys.argv.index("--template-file") + 1]
lines = [line for line in open(name) if " RELEASE: " in line]
assert len({line.split()[-1] for line in lines}) == 1, lines
json.dump([sys.argv[1:], lines[0].split()[-1]], open("deployed.json", "w"))
"""


def run_release(text, arguments, stack, secret):
    """What deploy/release has `sam deploy` do, with AWS answering so."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / ".aws-sam/build").mkdir(parents=True)
        (place / ".aws-sam/build/template.yaml").write_text(text, encoding="utf-8")
        (place / "samconfig.toml").write_text(pathlib.Path("samconfig.toml").read_text("utf-8"), "utf-8")
        for name, script in {"aws": AWS % json.dumps([stack, secret]), "sam": SAM}.items():
            (place / name).write_text(script, encoding="utf-8")
            (place / name).chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        command = [sys.executable, os.path.abspath("deploy/release"), *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, done.stderr
        assert not (place / RELEASE.RELEASED).exists(), "a later `sam deploy` would find the former fingerprint"
        given, literal = json.loads((place / "deployed.json").read_text("utf-8"))
        changes = [line for line in (place / "asked.txt").read_text("utf-8").splitlines() if "describe-" not in line]
        return (given, literal) if not changes else (changes, literal)


def check_script(text):
    """deploy/release itself, with AWS and `sam` played."""
    wrong = []
    absent = ["Stack with id sparekey-staging does not exist", "ResourceNotFoundException"]
    stack = {"Stacks": [{"Parameters": [{"ParameterKey": "DailyMails", "ParameterValue": "30000"}]}]}
    other = {"Stacks": [{"Parameters": [{"ParameterKey": "DailyMails", "ParameterValue": "40000"}]}]}
    secret = {"VersionIdsToStages": {"a": ["AWSCURRENT"]}}
    runs = {
        "first": (["staging"], *absent),
        "again": (["staging"], stack, secret),
        "the same": (["staging"], stack, secret),
        "another value in the stack": (["staging"], other, secret),
        "rotated": (["staging"], stack, {"VersionIdsToStages": {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT"]}}),
        "given": (["staging", "--parameter-overrides", "DailyMails=50000", "--no-confirm-changeset"], stack, secret),
        "at once": (["production", "--at-once", "--role-arn", "r"], stack, secret),
    }
    given, literals = {}, {}
    for name, run in runs.items():
        given[name], literals[name] = run_release(text, *run)
        if given[name] is None:
            wrong.append(f"deploy/release, {name}: {literals[name]}")
    if wrong:
        return wrong
    if literals["again"] != literals["the same"] or len(set(literals.values())) != len(literals) - 1:
        wrong.append(f"deploy/release makes these fingerprints: {literals}")
    if "--parameter-overrides" in given["again"] and "Stage=staging" not in given["again"]:
        wrong.append("deploy/release loses the parameters of samconfig.toml")
    if given["given"][-2:] != ["--parameter-overrides", "DailyMails=50000"]:
        wrong.append(f"deploy/release loses parameters of the command line: {given['given']}")
    at_once = given["at once"]
    if at_once[-1] != RELEASE.AT_ONCE or "Stage=production" not in at_once or "r" not in at_once:
        wrong.append(f"--at-once: {at_once}")
    never = {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE"}]}
    stuck = {"Stacks": [{"StackStatus": "UPDATE_ROLLBACK_FAILED"}]}
    live = {"Stacks": [{"StackStatus": "UPDATE_ROLLBACK_COMPLETE"}]}
    for status, called in {"delete-stack": never, "continue-update-rollback": stuck}.items():
        changes, _ = run_release(text, ["staging", "--mend"], called, secret)
        if f"cloudformation {status} --stack-name sparekey-staging" not in changes:
            wrong.append(f"--mend: {changes} instead of {status}")
        left, _ = run_release(text, ["staging"], called, secret)
        if left[0] != "deploy":
            wrong.append(f"without --mend deploy/release changes the stack: {left}")
    left, _ = run_release(text, ["staging", "--mend"], live, secret)
    if left[0] != "deploy":
        wrong.append(f"--mend changes a stack that can be updated: {left}")
    _, refused = run_release(text, ["staging"], "AccessDenied", secret)
    if "AccessDenied" not in refused:
        wrong.append("deploy/release goes on although AWS did not tell it the stack's parameters")
    return wrong


def check_pruning():
    """deploy/prune-versions: what it would delete."""
    old = module("deploy/prune-versions").old
    versions = [{"Version": number} for number in ["$LATEST", *map(str, range(1, 12))]]
    weighted = {"FunctionVersion": "2", "RoutingConfig": {"AdditionalVersionWeights": {"11": 0.1}}}
    return [f"prune-versions deletes {old(*given)} of {given[1:]}" for given, wanted in [
        ((versions, [{"FunctionVersion": "11"}], 5), [1, 2, 3, 4, 5]),
        ((versions, [weighted], 5), [1, 3, 4, 5]),
        ((versions, [{"FunctionVersion": "1"}], 20), []),
        ((versions[:2], [{"FunctionVersion": "1"}], 5), []),
    ] if old(*given) != wanted]


def page_with(rows):
    """docs/deploy.md with this table."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    lines = ["| parameter | functions that use it, all of whose aliases get it | seen by SAM without `deploy/release` |",
             "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)]
    return f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{after}"


def main(arguments):
    """All of it. Returns the status."""
    text, source = translated.source()
    rows, wrong = check_each(text, source)
    wrong += check_other_changes(text) + check_script(text) + check_pruning()
    page = page_with(rows)
    if "--write" in arguments:
        PAGE.write_text(page, encoding="utf-8")
    elif page != PAGE.read_text("utf-8"):
        wrong.append(f"{PAGE} has another table; write it with tests/deploy/check --write")
    refused, at_edges = edges.check(source["Parameters"])
    wrong += at_edges
    for row in rows:
        print("  " + "  ".join(f"{cell:<28}" for cell in row))
    used = sum(not row[1].startswith("none") for row in rows[:-SECRETS])
    print(f"{len(rows) - SECRETS} parameters: {used} reach the alias of every function that uses them, "
          f"{len(rows) - SECRETS - used} reach no function; {refused} values at the edges tried")
    for line in wrong:
        print(f"WRONG  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
