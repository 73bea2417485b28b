"""Parameters at the edge of what their patterns allow: edges.json for the template and role_edges.json for deploy/role.yaml,
by CloudFormation's rules for parameters.

For each parameter `taken` and `refused` by the template, and `stopped`: taken, because no pattern can tell, and then refused
by the functions, which do not start. tests/it/parameters.rs starts them with what is taken.
"""
import json
import re

EDGES = "tests/deploy/edges.json"


def takes(parameter, value):
    """Whether CloudFormation takes a value for a parameter."""
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return False
    if parameter["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return False
        return parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number)
    if not int(parameter.get("MinLength", 0)) <= len(value) <= int(parameter.get("MaxLength", len(value))):
        return False
    return "AllowedPattern" not in parameter or re.fullmatch(parameter["AllowedPattern"], value) is not None


def check(parameters, path=EDGES):
    """How many values were tried, and what is wrong."""
    with open(path, encoding="utf-8") as file:
        edges = json.load(file)
    wrong = [f"{path} has nothing of {name}" for name in sorted(set(parameters) - set(edges))]
    wrong += [f"{path}: there is no parameter {name}" for name in sorted(set(edges) - set(parameters))]
    tried = 0
    for name in sorted(set(parameters) & set(edges)):
        for kind, values in edges[name].items():
            for value in values:
                tried += 1
                if takes(parameters[name], value) != (kind != "refused"):
                    wrong.append(f"{name}: {value!r} is to be {kind}")
    return tried, wrong
