"""Whether the roles of deploy/role.yaml can make, change, read and delete what the template becomes, and no more.

actions.json says for each type of resource which actions its handlers name that we need, and why the others are not needed.
The handlers are AWS's own (the schemas that come with cfn-lint), so an action that is in neither list fails the check, and so
does one that AWS no longer names. Run by `check`.
"""
import fnmatch
import glob
import json
import os
import re
import sys

import cfnlint

import edges
import translated

TABLE = "tests/deploy/actions.json"
ROLES = "deploy/role.yaml"
OPERATIONS = ("create", "read", "update", "delete")
SCHEMAS = os.path.join(os.path.dirname(cfnlint.__file__), "data", "schemas", "resources")


def handlers(kinds):
    """The actions that AWS's handlers of these types name, for all operations but listing."""
    named = {}
    for path in sorted(glob.glob(os.path.join(SCHEMAS, "*.json"))):
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        kind = schema.get("typeName")
        if kind in kinds:
            for operation in OPERATIONS:
                permissions = schema.get("handlers", {}).get(operation, {}).get("permissions", [])
                named.setdefault(kind, set()).update(permissions)
    return named


def plain(value):
    """A value with both branches of each Fn::If, so that all that a parameter can switch on is in it."""
    if isinstance(value, list):
        return [item for each in value for item in branches(each)]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def branches(value):
    """The values that an item of a list can have."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        return [plain(item) for item in value["Fn::If"][1:] if item != {"Ref": "AWS::NoValue"}]
    return [plain(value)]


def statements(role):
    """The statements of a role of deploy/role.yaml."""
    inline, managed = policies(role)
    for document in inline + managed:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow", statement
            actions = statement["Action"]
            yield statement, [actions] if isinstance(actions, str) else actions


def policies(role):
    """The documents of a role's inline policies, and of the managed policies that are its own."""
    _, source = translated.source(ROLES)
    resources = source["Resources"]
    own = [resource["Properties"] for resource in resources.values()
           if resource["Type"] == "AWS::IAM::ManagedPolicy" and {"Ref": role} in resource["Properties"]["Roles"]]
    inline = resources[role]["Properties"]["Policies"]
    return [plain(policy["PolicyDocument"]) for policy in inline], [plain(policy["PolicyDocument"]) for policy in own]


# IAM's limits, in characters without white space: all inline policies of a role together, and each managed policy.
INLINE, MANAGED = 10_240, 6_144
# What names become, each about as long as it can be.
LONGEST = {
    "AWS::AccountId": "1" * 12, "AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-1", "StackName": "s" * 25,
    "HostedZoneId": "Z" * 32, "KmsKeyArn": "k" * 90, "PermissionsBoundaryArn": "p" * 90, "ArtifactBucket.Arn": "b" * 80,
    "StackRole.Arn": "r" * 95,
}


def resolved(value):
    """A value with its names filled in."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": name}:
            return LONGEST[name]
        case {"Fn::GetAtt": [*path]}:
            return LONGEST[".".join(path)]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([^}]+)\}", lambda name: LONGEST[name[1]], text)
        case {"Fn::If": [_, value, _]}:
            return resolved(value)
    return {key: resolved(item) for key, item in value.items() if item != {"Ref": "AWS::NoValue"}}


def check_sizes():
    """IAM takes the policies."""
    wrong = []
    for role in ("DeployRole", "StackRole"):
        inline, managed = ([len(json.dumps(resolved(policy), separators=(",", ":"))) for policy in kind]
                           for kind in policies(role))
        print(f"{role}: {sum(inline)} characters of inline policies, managed ones of {managed or 'none'}")
        if sum(inline) > INLINE or any(length > MANAGED for length in managed):
            wrong.append(f"{role}: IAM takes {INLINE} characters of inline policies and {MANAGED} of each other one")
    return wrong


def allowed(role):
    """The actions that a role may take, wherever."""
    return {action for _, actions in statements(role) for action in actions}


def covered(action, by):
    """Whether one of these allows an action. Actions ignore case."""
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in by)


def check(table, kinds):
    """The three figures of the stack's role, and what is wrong."""
    named, wrong = handlers(kinds), []
    wrong += [f"{TABLE} has no {kind}" for kind in sorted(kinds - set(table["types"]))]
    wrong += [f"{TABLE}: the template makes no {kind}" for kind in sorted(set(table["types"]) - kinds)]
    needed = set(table["further"])
    for kind in sorted(kinds & set(table["types"])):
        entry = table["types"][kind]
        ours, not_ours = set(entry["needed"]), set(entry["not needed"])
        ours_or_not = {action.lower() for action in ours | not_ours}
        for action in sorted(named[kind]):
            if action.lower() not in ours_or_not:
                wrong.append(f"{kind}: AWS names {action}, {TABLE} does not")
        for action in sorted(ours | not_ours):
            if action.lower() not in {name.lower() for name in named[kind]}:
                wrong.append(f"{kind}: {TABLE} names {action}, AWS does not")
        wrong += [f"{kind}: {action} is needed and not needed" for action in sorted(ours & not_ours)]
        needed |= ours
    may = allowed("StackRole")
    wrong += [f"the stack's role lacks {action}" for action in sorted(needed) if not covered(action, may)]
    beyond = {action for action in may if not any(covered(need, [action]) for need in needed)}
    wrong += [f"nothing needs {action} of the stack's role" for action in sorted(beyond)]
    wrong += [f"the stack's role has a pattern: {action}" for action in sorted(may) if "*" in action]
    return needed, may, beyond, wrong


def check_pipeline(table):
    """The pipeline's own role: what its commands need."""
    may, needed = allowed("DeployRole"), {action for actions in table["pipeline"].values() for action in actions}
    wrong = [f"the pipeline's role lacks {action}" for action in sorted(needed - may)]
    wrong += [f"nothing needs {action} of the pipeline's role" for action in sorted(may - needed)]
    return needed, may, may - needed, wrong


def check_scopes():
    """No statement is wider than its service makes it."""
    wrong = []
    for role in ("DeployRole", "StackRole"):
        for statement, actions in statements(role):
            resources = statement["Resource"]
            text = json.dumps(resources)
            bound = "${StackName}" in text or "StackRole" in text or "ArtifactBucket" in text or "HostedZoneId" in text
            if not bound and statement["Sid"] not in UNBOUND and "KmsKeyArn" not in text:
                wrong.append(f"{statement['Sid']} reaches beyond the stack: {actions}")
    return wrong


# Statements whose resources have no name that we choose, each with the reason.
UNBOUND = {
    "AccessLogs": "log deliveries have no names",
    "CloudFront": "ids of distributions and of their policies are drawn by AWS",
    "DrawAKey": "draws a random text and reads nothing",
    "FirstDomainOfTheAccount": "one role of AWS, by its name",
    "HttpApi": "an API's id is drawn by AWS",
    "MakeTheSigningKey": "a key has no id yet; the condition names its tag and its kind",
    "ReadATemplateThatIsNoStackYet": "reads what it is given",
    "SeeAlarms": "a list",
    "SeeMappings": "a mapping's id is drawn by AWS",
    "Sender": "configuration sets get their names from AWS, and an identity is called like its domain",
    "SignTheCode": "a signing profile has the operator's name",
    "SigningKey": "a key's id is drawn by AWS; the condition names its tag and its kind",
    "StreamToMailer": "a mapping's id is drawn by AWS; the condition names the functions",
    "TagTheSigningKey": "a key's id is drawn by AWS; the condition names the tag that it gets and its kind",
    "TagsOfStages": "an API's id is drawn by AWS",
    "TransformSam": "AWS's own transform",
    "WebAcl": "reads the one that the distribution gets, which has the operator's name",
    "WaitForTheName": "a change's id is drawn by AWS",
}


def check_regions(kinds):
    """docs/deploy.md names the regions that lack a type, and no other. CloudFormation refuses the whole template there."""
    lacking = set()
    for path in glob.glob(os.path.join(SCHEMAS, "..", "providers", "*-*.json")):
        with open(path, encoding="utf-8") as file:
            if not kinds <= set(json.load(file)):
                lacking.add(os.path.basename(path).removesuffix(".json"))
    with open("docs/deploy.md", encoding="utf-8") as file:
        paragraph = file.read().split("**These regions do not have")[1].split("\n\n")[0]
    named = set(re.findall(r"\b[a-z]{2}(?:-[a-z]+)+-[0-9]", paragraph))
    return [f"{region}: docs/deploy.md and the schemas of AWS disagree" for region in sorted(lacking ^ named)]


def main(_):
    """All of it. Returns the status."""
    with open(TABLE, encoding="utf-8") as file:
        table = json.load(file)
    text, _ = translated.source()
    template = translated.translate(text, translated.EVERYTHING)
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    _, role = translated.source(ROLES)
    tried, at_edges = edges.check(role["Parameters"], "tests/deploy/role_edges.json")
    wrong = check_scopes() + check_sizes() + check_regions(kinds) + at_edges
    for role, (needed, may, beyond, found) in {
        "the stack's role": check(table, kinds), "the pipeline's role": check_pipeline(table),
    }.items():
        print(f"{role}: {len(needed)} actions needed, {len(may)} allowed, {len(beyond)} allowed and not needed")
        wrong += found
    print(f"{len(kinds)} types of resources, {len(template['Resources'])} resources; "
          f"{tried} values of the roles' parameters tried")
    for line in wrong:
        print(f"WRONG  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
