"""The template, transformed and created."""
import collections
import io
import json
import logging
import os
import zipfile

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import by_hand
from emulator import REGION
from intrinsics import Resolver, Unresolved

# It logs its own settings and statistics.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

ACCOUNT = "123456789012"  # moto's
BUCKET = "artifacts"


class NoManagedPolicies:
    """The translator loads AWS's managed policies, which the template does not use."""

    def load(self):
        """Returns none."""
        return {}


class Stack:
    """The template as created on the emulator."""

    def __init__(self, emulator, findings, name, parameters):
        self.aws = emulator.client
        self.findings = findings
        self.name = name
        with open("template.yaml", encoding="utf-8") as file:
            self.source = yaml_parse(file.read())
        known = self.source["Parameters"]
        self.parameters = {key: value for key, value in parameters.items() if key in known}
        self.template = self._transform()
        self.physical = {}
        self.attributes = {}
        self.by_hand = {}

    def counts(self):
        """How many resources there are of each type."""
        kinds = (resource["Type"] for resource in self.template["Resources"].values())
        return collections.Counter(kinds)

    def resolver(self):
        """Resolves against the parameters and the resources created so far."""
        defaults = {key: value.get("Default", "") for key, value in self.source["Parameters"].items()}
        pseudo = {
            "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::Region": REGION,
            "AWS::StackName": self.name, "AWS::URLSuffix": "amazonaws.com",
        }
        given = {**defaults, **self.parameters}
        for key, value in self.source["Parameters"].items():
            if value["Type"] == "Number":
                given[key] = int(given[key])
        values = {**pseudo, **given, **self.by_hand, **self.physical}
        return Resolver(self.template, values, self.attributes)

    def wanted(self, kind=None):
        """The resources whose condition holds, by logical id."""
        holds = self.resolver().holds
        return {
            logical_id: resource
            for logical_id, resource in self.template["Resources"].items()
            if (kind is None or resource["Type"] == kind) and holds(resource.get("Condition"))
        }

    def create(self):
        """Creates the stack, and by hand what the emulator's CloudFormation leaves out."""
        self._upload()
        before = {key: value for key, value in self.wanted().items() if value["Type"] in by_hand.BEFORE}
        for logical_id, resource in sorted(before.items(), key=lambda item: by_hand.BEFORE.index(item[1]["Type"])):
            # Only the API's id is needed now; its routes refer to functions.
            is_api = resource["Type"] == "AWS::ApiGatewayV2::Api"
            properties = {} if is_api else self.resolver().resolve(resource.get("Properties", {}))
            self.by_hand[logical_id] = by_hand.before(
                self.aws, self.name, logical_id, resource["Type"], properties)
        self._create_by_cloudformation(before)
        self._learn()
        self._complete()

    def create_last(self):
        """Creates what was postponed."""
        last = self.wanted(by_hand.LAST)
        for logical_id, resource in last.items():
            self._make_by_hand(logical_id, resource)
        self.findings.limit(
            f"{by_hand.LAST} ({len(last)})",
            "starts a container at each write and empties the stream; made when our code was done")

    def _transform(self):
        template = json.loads(json.dumps(self.source))
        # As `sam package` leaves it.
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/function.zip"
        os.environ["AWS_DEFAULT_REGION"] = REGION  # the translator reads it
        return transform(template, dict(self.parameters), NoManagedPolicies())

    def _upload(self):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("bootstrap", "#!/bin/sh\n")
        self.aws("s3").create_bucket(Bucket=BUCKET)
        self.aws("s3").put_object(Bucket=BUCKET, Key="function.zip", Body=code.getvalue())

    def _create_by_cloudformation(self, before):
        template = json.loads(json.dumps(self.template))
        parameters = dict(self.parameters)
        for logical_id in before:
            del template["Resources"][logical_id]
            template["Parameters"][logical_id] = {"Type": "String"}
            parameters[logical_id] = self.by_hand[logical_id]
        template["Resources"] = _with_arns(template["Resources"], {
            logical_id: _key_arn(self.by_hand[logical_id])
            for logical_id, resource in before.items() if resource["Type"] == "AWS::KMS::Key"})
        gone = {*before, *self.wanted(by_hand.LAST), *self.wanted(by_hand.ALIAS)}
        for logical_id in gone - set(before):
            del template["Resources"][logical_id]
        functions = {key: value["Properties"]["FunctionName"] for key, value in self.wanted(by_hand.ALIAS).items()}
        template["Resources"] = _without_aliases(template["Resources"], functions)
        self._without_outputs_of(template, gone | {
            key for key, value in self.wanted().items() if value["Type"] in by_hand.NOT_MADE})
        for resource in template["Resources"].values():
            waits_for = resource.pop("DependsOn", [])
            waits_for = [waits_for] if isinstance(waits_for, str) else waits_for
            resource["DependsOn"] = [name for name in waits_for if name not in gone]
        self.aws("cloudformation").create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        stack = self.aws("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        self.findings.expect("CloudFormation's status", stack["StackStatus"], "CREATE_COMPLETE")

    def _without_outputs_of(self, template, missing):
        for name, output in list(template.get("Outputs", {}).items()):
            text = json.dumps(output)
            if any(f'"Fn::GetAtt": ["{logical_id}",' in text for logical_id in missing):
                del template["Outputs"][name]
                self.findings.limit(f"Output {name}", "an attribute of what its CloudFormation does not make")

    def _learn(self):
        pages = self.aws("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        for resource in (resource for page in pages for resource in page["StackResourceSummaries"]):
            # A resource without a logical id was left out.
            if resource["LogicalResourceId"]:
                self.physical[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
        for logical_id, resource in self.wanted().items():
            name = self.physical.get(logical_id) or self.by_hand.get(logical_id, "")
            arn = {
                "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
                "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*",
                "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}",
                "AWS::KMS::Key": _key_arn(name),
                "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name.rsplit('/', 1)[-1]}",
            }.get(resource["Type"])
            self.attributes[logical_id, "Arn"] = arn
            if resource["Type"] == "AWS::Lambda::Version":
                # The emulator does not return it; a new function has version 1.
                self.attributes[logical_id, "Version"] = "1"
            if resource["Type"] == "AWS::SQS::Queue":
                self.attributes[logical_id, "QueueName"] = name.rsplit("/", 1)[-1]
            if resource["Type"] == "AWS::DynamoDB::Table":
                table = self.aws("dynamodb").describe_table(TableName=name)["Table"]
                self.attributes[logical_id, "StreamArn"] = table.get("LatestStreamArn")

    def _complete(self):
        left = {
            logical_id: resource
            for logical_id, resource in self.wanted().items()
            if logical_id not in self.physical and resource["Type"] != by_hand.LAST
        }
        # The API's routes invoke aliases.
        for logical_id, resource in sorted(left.items(), key=lambda item: item[1]["Type"] != by_hand.ALIAS):
            if resource["Type"] not in by_hand.NOT_MADE:
                self._make_by_hand(logical_id, resource)
        for kind, count in collections.Counter(resource["Type"] for resource in left.values()).items():
            why = by_hand.NOT_MADE.get(kind, "not in its CloudFormation; made through the service's own API")
            self.findings.limit(f"{kind} ({count})", why)
        for logical_id, resource in self.wanted("AWS::DynamoDB::Table").items():
            properties = self.resolver().resolve(resource["Properties"])
            by_hand.table_settings(self.aws, self.physical[logical_id], properties)
        self.findings.limit(
            "TTL, point-in-time recovery", "dropped by its CloudFormation; set through DynamoDB's own API")
        self.findings.limit(
            "SSESpecification", "dropped by its CloudFormation and by its UpdateTable; not looked at here")

    def _make_by_hand(self, logical_id, resource):
        kind, made_before = resource["Type"], self.by_hand.get(logical_id)
        try:
            properties = self.resolver().resolve(resource.get("Properties", {}))
            made = by_hand.after(self.aws, self.name, logical_id, kind, properties, made_before)
        except Unresolved as missing:
            self.findings.surprise(f"{kind} {logical_id}", f"needs {missing}, which nothing here makes")
        except Exception as refused:  # any error of botocore or of the server
            self.findings.surprise(f"{kind} {logical_id}", refused)
        else:
            if made:
                self.by_hand[logical_id] = made
            else:
                self.findings.surprise(
                    f"{kind} {logical_id}", "moto's CloudFormation left it out, and by_hand.py does not know it")


def _key_arn(key_id):
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}"


def _with_arns(value, arns):
    """The value with the ARNs of these resources, which are no longer in the template."""
    if isinstance(value, list):
        return [_with_arns(item, arns) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("Fn::GetAtt"), list) and value["Fn::GetAtt"][0] in arns:
        assert value["Fn::GetAtt"][1] == "Arn", value
        return arns[value["Fn::GetAtt"][0]]
    return {key: _with_arns(item, arns) for key, item in value.items()}


def _without_aliases(value, functions):
    """The value with each alias replaced by its function."""
    if isinstance(value, list):
        return [_without_aliases(item, functions) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("Ref"), str) and value["Ref"] in functions:
        return functions[value["Ref"]]
    return {key: _with_arn(key, _without_aliases(item, functions)) for key, item in value.items()}


def _with_arn(key, value):
    """The ARN of a function where its name would not do, as in the target of a rule."""
    if key == "Arn" and isinstance(value, dict) and isinstance(value.get("Ref"), str):
        return {"Fn::GetAtt": [value["Ref"], "Arn"]}
    return value
