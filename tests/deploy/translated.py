"""The template as SAM's own translator leaves it, without an emulator."""
import json
import logging
import os
import re

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import intrinsics_multi_constructor

# It logs its own settings and statistics.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

REGION = "us-east-1"
# With everything that a parameter can switch on.
EVERYTHING = {
    "MailFrom": "no-reply@example.com", "Tracing": "Active", "GradualDeployment": "true", "CreateMailIdentity": "true",
}


# The translator's own parser, on the loader that is compiled: the template is parsed some sixty times.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LOADER.add_multi_constructor("!", intrinsics_multi_constructor)


class NoManagedPolicies:
    """The translator loads AWS's managed policies, which the template does not use."""

    def load(self):
        """Returns none."""
        return {}


def source(path="template.yaml"):
    """A template's text and what it says."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return text, yaml.load(text, Loader=LOADER)


def translate(text, parameters):
    """What CloudFormation gets for this text and these values of parameters."""
    template = json.loads(json.dumps(yaml.load(text, Loader=LOADER)))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # As `sam package` leaves it.
            resource["Properties"]["CodeUri"] = "s3://artifacts/function.zip"
    os.environ["AWS_DEFAULT_REGION"] = REGION  # the translator reads it
    return transform(template, dict(parameters), NoManagedPolicies())


def of_kind(template, kind):
    """The resources of a type, by logical id."""
    return {key: value for key, value in template["Resources"].items() if value["Type"] == kind}


def used_by(template, value):
    """The parameters on which a value depends: named by Ref or Fn::Sub, or through the condition of an Fn::If."""
    found = set()
    if isinstance(value, list):
        return found.union(*(used_by(template, item) for item in value))
    if not isinstance(value, dict):
        return found
    for key, item in value.items():
        found |= used_by(template, item)
        if key == "Ref":
            found.add(item)
        elif key == "Fn::Sub":
            text = item if isinstance(item, str) else item[0]
            found |= set(re.findall(r"\$\{([A-Za-z0-9]+)\}", text))
        elif key == "Fn::If":
            found |= used_by(template, template["Conditions"][item[0]])
        elif key == "Condition" and isinstance(item, str):
            found |= used_by(template, template["Conditions"][item])
    return found & set(template["Parameters"])
