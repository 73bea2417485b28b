"""Resources that the emulator's CloudFormation leaves out, created through their own services.

The properties are the template's, resolved; botocore knows each service's real request and refuses a name or a type
that is not of it.
"""
import json

# Created before the stack, because functions and outputs refer to them. In the stack they are replaced by a parameter
# with the value of Ref.
BEFORE = (
    "AWS::SecretsManager::Secret",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::EmailIdentity",
    "AWS::ApiGatewayV2::Api",
    "AWS::KMS::Key",
)

# Created after the project's own code has run. With a mapping, every write to the outbox would start a container, and
# the emulator would empty the stream.
LAST = "AWS::Lambda::EventSourceMapping"

# An alias is created afterwards, of a version that exists then. Until then references to it name the function.
ALIAS = "AWS::Lambda::Alias"

# What is not created here, and why.
NOT_MADE = {
    "AWS::ApiGatewayV2::DomainName": "needs a certificate, which is issued outside the stack",
    "AWS::ApiGatewayV2::ApiMapping": "needs the custom domain",
    "AWS::CloudWatch::CompositeAlarm": "moto keeps them without looking at the rule",
    "AWS::CodeDeploy::Application": "gradual deployment is AWS's own machinery; nothing of ours runs in it",
    "AWS::CodeDeploy::DeploymentGroup": "gradual deployment is AWS's own machinery; nothing of ours runs in it",
    "AWS::Lambda::EventInvokeConfig": "moto's CloudFormation does not know them",
    "AWS::SES::ConfigurationSetEventDestination": "moto's SES has none",
    "AWS::SNS::Subscription": "moto's CloudFormation does not know them; where alarms go is the operator's",
    "AWS::SNS::TopicPolicy": "moto's CloudFormation does not know them",
    "AWS::SQS::QueuePolicy": "moto's CloudFormation does not know them",
}


def before(aws, stack_name, logical_id, kind, properties):
    """Creates one of BEFORE; returns the value of Ref."""
    match kind:
        case "AWS::SecretsManager::Secret":
            generate = properties.pop("GenerateSecretString")
            password = aws("secretsmanager").get_random_password(**generate)["RandomPassword"]
            made = aws("secretsmanager").create_secret(SecretString=password, **properties)
            return made["ARN"]
        case "AWS::SES::ConfigurationSet":
            name = properties.pop("Name", f"{stack_name}-{logical_id}")
            aws("sesv2").create_configuration_set(ConfigurationSetName=name, **properties)
            return name
        case "AWS::SES::EmailIdentity":
            return identity(aws, properties)
        case "AWS::ApiGatewayV2::Api":
            # Its routes refer to the functions, so they are created after the stack.
            made = aws("apigatewayv2").create_api(Name=stack_name, ProtocolType="HTTP")
            return made["ApiId"]
        case "AWS::KMS::Key":
            # Moto's CloudFormation makes keys that encrypt, and stumbles over tags.
            made = aws("kms").create_key(
                KeySpec=properties["KeySpec"],
                KeyUsage=properties["KeyUsage"],
                Description=properties["Description"],
                Policy=json.dumps(properties["KeyPolicy"]),
                Tags=[{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties["Tags"]])
            return made["KeyMetadata"]["KeyId"]
    raise KeyError(kind)


def identity(aws, properties):
    """Creates an SES identity for a domain or an address. Moto does not know its further settings."""
    request = {"EmailIdentity": properties["EmailIdentity"]}
    signing = properties.get("DkimSigningAttributes")
    if signing:
        request["DkimSigningAttributes"] = signing
    configuration_set = properties.get("ConfigurationSetAttributes")
    if configuration_set:
        request.update(configuration_set)
    if "Tags" in properties:
        request["Tags"] = properties["Tags"]
    aws("sesv2").create_email_identity(**request)
    return properties["EmailIdentity"]


def after(aws, stack_name, logical_id, kind, properties, made):
    """Creates one of the others after the stack; returns the value of Ref, or None if it cannot be created here."""
    match kind:
        case "AWS::Lambda::Alias":
            return aws("lambda").create_alias(**properties)["AliasArn"]
        case "AWS::ApiGatewayV2::Api":
            aws("apigatewayv2").reimport_api(ApiId=made, Body=json.dumps(properties["Body"]))
        case "AWS::ApiGatewayV2::Stage":
            aws("apigatewayv2").create_stage(**properties)
        case "AWS::Lambda::EventSourceMapping":
            aws("lambda").create_event_source_mapping(**properties)
        case "AWS::CloudWatch::Alarm":
            name = properties.pop("AlarmName", f"{stack_name}-{logical_id}")
            aws("cloudwatch").put_metric_alarm(AlarmName=name, **properties)
        case "AWS::Logs::MetricFilter":
            name = properties.pop("FilterName", f"{stack_name}-{logical_id}")
            for transformation in properties["MetricTransformations"]:
                transformation["metricValue"] = str(transformation.pop("MetricValue"))
                for key in list(transformation):
                    transformation[key[0].lower() + key[1:]] = transformation.pop(key)
            aws("logs").put_metric_filter(
                filterName=name,
                logGroupName=properties["LogGroupName"],
                filterPattern=properties["FilterPattern"],
                metricTransformations=properties["MetricTransformations"])
        case _:
            return made
    return made or logical_id


def table_settings(aws, name, properties):
    """The settings of a table that the emulator's CloudFormation drops silently."""
    ttl = properties.get("TimeToLiveSpecification")
    if ttl:
        aws("dynamodb").update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery:
        aws("dynamodb").update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
