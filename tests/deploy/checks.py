"""What a finished stack must have, by the design and not by the template."""
import fnmatch
import json
import re

# Index: its name, its hash key, its projection.
INDEXES = {
    "AccountsTable": [("email-index", "email", "KEYS_ONLY")],
    "SessionsTable": [("account-index", "account_id", "INCLUDE")],
}

# Table: hash key, range key, the attribute of the time to live.
TABLES = {
    "AccountsTable": ("account_id", "record", None),
    "LinksTable": ("token_hash", None, "expires_at"),
    "SessionsTable": ("session_hash", None, "expires_at"),
    "LimitsTable": ("bucket", None, "expires_at"),
    "OutboxTable": ("message_id", None, "expires_at"),
    "HistoryTable": ("account_id", "event_id", "expires_at"),
}
SECRET = re.compile(r"^\{\{resolve:secretsmanager:(.+):SecretString\}\}$")


def tables(stack):
    """Keys, index, stream, time to live, recovery, protection."""
    expect, dynamodb = stack.findings.expect, stack.aws("dynamodb")
    expect("the tables there are", sorted(stack.wanted("AWS::DynamoDB::Table")), sorted(TABLES))
    for logical_id, (hash_key, range_key, ttl) in TABLES.items():
        name = stack.physical[logical_id]
        table = dynamodb.describe_table(TableName=name)["Table"]
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        expect(f"{logical_id}: its key", (keys["HASH"], keys.get("RANGE")), (hash_key, range_key))
        expect(f"{logical_id}: on demand", table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
        indexes = [
            (index["IndexName"], index["KeySchema"][0]["AttributeName"], index["Projection"]["ProjectionType"])
            for index in table.get("GlobalSecondaryIndexes", [])
        ]
        expect(f"{logical_id}: its indexes", indexes, INDEXES.get(logical_id, []))
        if logical_id == "AccountsTable":
            expect(f"{logical_id}: protected from deletion", table["DeletionProtectionEnabled"], True)
            backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
            expect(f"{logical_id}: point-in-time recovery", recovery, "ENABLED")
        stream = table.get("StreamSpecification", {}).get("StreamViewType")
        expect(f"{logical_id}: its stream", stream, "NEW_IMAGE" if logical_id == "OutboxTable" else None)
        lives = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        expect(f"{logical_id}: time to live", lives.get("AttributeName"), ttl)


def functions(stack):
    """Architecture, runtime, code, and the variables they would be started with; returns all variables together."""
    expect, together = stack.findings.expect, {}
    for logical_id in stack.wanted("AWS::Lambda::Function"):
        made = stack.aws("lambda").get_function_configuration(FunctionName=stack.physical[logical_id])
        built = (made["Architectures"], made["Runtime"], made["Handler"])
        expect(f"{logical_id}: what it runs on", built, (["x86_64"], "provided.al2023", "bootstrap"))
        variables = made["Environment"]["Variables"]
        # CloudFormation turns a parameter's numbers into strings; the emulator does not.
        for name, value in ((name, str(value)) for name, value in variables.items()):
            secret = SECRET.match(value)
            if secret:
                value = stack.aws("secretsmanager").get_secret_value(SecretId=secret[1])["SecretString"]
            if "${" in value or "{{" in value or not value:
                stack.findings.surprise(f"{logical_id}: {name}", f"is {value!r}")
            if together.setdefault(name, value) != value:
                stack.findings.surprise(f"{logical_id}: {name}", "differs from another function's")
        print(f"      {len(variables)} variables, {made['MemorySize']} MB, {made['Timeout']} s")
    stack.findings.limit("{{resolve:secretsmanager:…}}", "not resolved by its CloudFormation; read from the secret")
    return together


def api(stack):
    """Every event of the source template is a route to its function, which allows the API to call it."""
    expect, gateway, api_id = stack.findings.expect, stack.aws("apigatewayv2"), stack.by_hand["Api"]
    wanted, holds = {}, stack.resolver().holds
    for logical_id, resource in stack.source["Resources"].items():
        if not holds(resource.get("Condition")):
            continue
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if event["Type"] == "HttpApi":
                path = event["Properties"].get("Path")
                wanted[f"{event['Properties']['Method']} {path}" if path else "$default"] = logical_id
    integrations = {
        integration["IntegrationId"]: integration["IntegrationUri"]
        for integration in gateway.get_integrations(ApiId=api_id)["Items"]
    }
    by_name = {stack.physical[logical_id]: logical_id for logical_id in stack.wanted("AWS::Lambda::Function")}
    routes = {}
    for route in gateway.get_routes(ApiId=api_id)["Items"]:
        # The emulator's import uses a method's name in OpenAPI for the route.
        key = route["RouteKey"].replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY")
        key = "$default" if key.endswith("$default") else key
        uri = integrations[route["Target"].removeprefix("integrations/")]
        function = uri.split(":function:")[-1].removesuffix("/invocations").split(":")[0]
        routes[key] = by_name.get(function, uri)
    expect("the API's routes", dict(sorted(routes.items())), dict(sorted(wanted.items())))
    for key, logical_id in sorted(routes.items()):
        policy = json.loads(stack.aws("lambda").get_policy(FunctionName=stack.physical[logical_id])["Policy"])
        asked = f":{api_id}/$default/{key.replace(' ', '')}"
        sources = [statement["Condition"]["ArnLike"]["AWS:SourceArn"] for statement in policy["Statement"]]
        expect(f"{key}: the API may call", any(fnmatch.fnmatchcase(asked, "*" + source[source.index(f':{api_id}'):])
                                               for source in sources), True)


def event_source(stack):
    """The mailer's mapping, as the rules for streams require."""
    mappings = stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    if len(mappings) != 1:
        stack.findings.surprise("the stream's mapping", f"there are {len(mappings)}")
        return
    (mapping,) = mappings
    expect = stack.findings.expect
    expect("the stream's failures one by one", mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])
    expect("the stream's bisection", mapping["BisectBatchOnFunctionError"], True)
    expect("the stream's retries have no count", mapping.get("MaximumRetryAttempts") in (None, -1), True)
    expect("a record is not older than the stream keeps it", mapping["MaximumRecordAgeInSeconds"], 82800)
    expect("the lanes of a shard", mapping["ParallelizationFactor"], 5)
    queue = stack.attributes["UnsentQueue", "Arn"]
    expect("what fails goes to the queue", mapping["DestinationConfig"]["OnFailure"]["Destination"], queue)
    pattern = json.loads(mapping["FilterCriteria"]["Filters"][0]["Pattern"])
    expect("the stream's filter", pattern, {"eventName": ["INSERT"]})
    expect("it starts at the oldest", mapping["StartingPosition"], "TRIM_HORIZON")


def records(stack):
    """The outbox's stream after the storage code has run."""
    streams = stack.aws("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=stack.physical["OutboxTable"])["Streams"]
    described = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    expect = stack.findings.expect
    expect("the stream's view", described["StreamViewType"], "NEW_IMAGE")
    found = []
    for shard in described["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        found += streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    names = [record["eventName"] for record in found]
    print(f"      {names.count('INSERT')} INSERT, {names.count('MODIFY')} MODIFY, {names.count('REMOVE')} REMOVE")
    rows = stack.aws("dynamodb").scan(TableName=stack.physical["OutboxTable"])["Items"]
    asked = sorted(row["message_id"]["S"] for row in rows)
    inserted = sorted(r["dynamodb"]["Keys"]["message_id"]["S"] for r in found if r["eventName"] == "INSERT")
    expect("one INSERT for each mail request", inserted, asked)
    waiting = all(
        record["dynamodb"]["NewImage"]["mail_state"]["S"] == "waiting" and "OldImage" not in record["dynamodb"]
        for record in found if record["eventName"] == "INSERT")
    expect("an INSERT has the new image only, waiting", waiting, True)
    done = {record["dynamodb"]["NewImage"]["mail_state"]["S"] for record in found if record["eventName"] == "MODIFY"}
    expect("a MODIFY is a request that is done", done, {"done"})


def options(stack):
    """Resources of optional parameters."""
    expect, findings = stack.findings.expect, stack.findings
    variables = functions(stack)
    expect("where links lead", variables["PUBLIC_URL"], f"https://{stack.parameters['DomainName']}")
    if "SIGNING_KEY" not in variables:
        findings.surprise("the signing key", "no function has it")
    else:
        key = stack.aws("kms").describe_key(KeyId=variables["SIGNING_KEY"])["KeyMetadata"]
        expect("the key of tokens", (key["KeySpec"], key["KeyUsage"]), ("RSA_2048", "SIGN_VERIFY"))
    expect("the table of products", variables.get("CLIENTS_TABLE"), stack.physical.get("ClientsTable"))
    history = stack.aws("dynamodb").describe_table(TableName=stack.physical["HistoryTable"])["Table"]
    expect("the history's stream", history.get("StreamSpecification", {}).get("StreamViewType"), "NEW_IMAGE")
    bus = stack.parameters["EventBusName"]
    rules = stack.aws("events").list_rules(EventBusName=bus)["Rules"]
    expect("the rule on the bus", [json.loads(rule["EventPattern"]) for rule in rules], [{"source": ["sparekey"]}])
    expect("the publisher's bus", variables.get("EVENT_BUS_NAME"), bus)
    identities = [item["IdentityName"] for item in stack.aws("sesv2").list_email_identities()["EmailIdentities"]]
    domain = stack.parameters["MailFrom"].split("@")[1]
    expect("SES sends for the sender's domain", domain in identities, True)
    alarms = stack.aws("cloudwatch").describe_alarms(AlarmNamePrefix=stack.name)["MetricAlarms"]
    for alarm in alarms:
        expect(f"{alarm['AlarmName']}: whom it tells", alarm["AlarmActions"], [stack.parameters["AlarmTopicArn"]])
    if not alarms:
        findings.surprise("the alarms", "there are none")
    for name in sorted(set(stack.source["Parameters"]) - set(stack.parameters)):
        print(f"      {name} stays at its default")
