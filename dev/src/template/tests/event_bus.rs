//! A template whose parameter names the bus that events go to.

use serde_json::json;

use super::*;

/// A part that publishes events to a bus, if one is named.
const BUS: &str = r#"
Parameters:
  EventBusName: { Type: String, Default: "" }
Conditions:
  HasEventBus: !Not [!Equals [!Ref EventBusName, ""]]
Resources:
  History:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      StreamSpecification: !If [HasEventBus, { StreamViewType: NEW_IMAGE }, !Ref AWS::NoValue]
  Publisher:
    Type: AWS::Serverless::Function
    Condition: HasEventBus
    Metadata: { BuildProperties: { Binary: publisher } }
    Properties:
      Environment: { Variables: { EVENT_BUS: !Ref EventBusName } }
      Policies:
        Statement:
          Effect: Allow
          Action: events:PutEvents
          Resource: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}
      Events:
        History:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt History.StreamArn
            StartingPosition: LATEST
            BatchSize: 10
            ParallelizationFactor: 1
            MaximumRetryAttempts: -1
            MaximumRecordAgeInSeconds: 82800
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: { Filters: [{ Pattern: '{"eventName": ["INSERT"]}' }] }
  Target:
    Type: AWS::Serverless::Function
    Condition: HasEventBus
    Metadata: { BuildProperties: { Binary: target } }
    Properties:
      Events:
        E: { Type: EventBridgeRule, Properties: { EventBusName: !Ref EventBusName, Pattern: { source: [sparekey] } } }
"#;

fn with_bus(name: &str) -> anyhow::Result<Template> {
    Template::parse(BUS, &BTreeMap::from([("EventBusName".to_owned(), name.to_owned())]))
}

#[test]
fn without_a_bus_nothing_is_published_and_the_table_has_no_stream() {
    for template in [Template::parse(BUS, &BTreeMap::new()), with_bus("")] {
        let template = template.expect("it can be run without a bus");
        assert!(template.functions.is_empty() && template.buses.is_empty());
        assert!(template.tables[0].definition["StreamSpecification"].is_null());
    }
    // A template without the parameter has no bus either.
    let other = "Resources:\n  Q: { Type: AWS::SQS::Queue }\n";
    assert!(Template::parse(other, &BTreeMap::new()).expect("a template").buses.is_empty());
}

#[test]
fn with_a_bus_the_publisher_reads_the_stream_and_may_write_to_that_bus_alone() {
    let template = with_bus("accounts").expect("it can be run with a bus");
    assert_eq!(template.buses, BTreeSet::from(["accounts".to_owned()]));
    let stream = &template.tables[0].definition["StreamSpecification"];
    assert_eq!(*stream, json!({ "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" }));
    let publisher = template.function("publisher").expect("it is there");
    assert_eq!(
        publisher.statements[0].resources(),
        ["arn:aws:events:us-east-1:000000000000:event-bus/accounts"]
    );
    assert_eq!(publisher.environment["EVENT_BUS"], "accounts");
    let source = publisher.stream.as_ref().expect("a stream");
    assert_eq!((source.table.as_str(), source.batch_size, source.lanes), ("History", 10, 1));
    // Tried again without end, for 23 hours.
    assert_eq!(source.maximum_retry_attempts, None);
    assert_eq!(source.maximum_record_age, Some(Duration::from_hours(23)));
    assert!(!source.from_the_beginning && source.report_batch_item_failures);
    assert_eq!(source.event_names, BTreeSet::from(["INSERT".to_owned()]));
    let target = template.function("target").expect("it is there");
    assert_eq!(target.rules[0].bus, "accounts");
    // The default bus is there always, and need not be named twice.
    assert!(with_bus("default").expect("a template").buses.is_empty());
}

#[test]
fn a_rule_of_a_bus_that_does_not_exist_is_refused() {
    let other = BUS.replace("EventBusName: !Ref EventBusName, Pattern", "EventBusName: others, Pattern");
    let given = BTreeMap::from([("EventBusName".to_owned(), "accounts".to_owned())]);
    let error = Template::parse(&other, &given).expect_err("there is no such bus").to_string();
    assert_eq!(error, "template.yaml, Target.Events: the local stack has no bus others");
}
