//! The way through CloudFront in the template: absent without its parameter, and complete with it.
use std::collections::{BTreeMap, BTreeSet};

use dev::template::{Behavior, Distribution, Template};
use domain::oidc::{TOKEN_PATH, USERINFO_PATH};
use shared::web::cloudfront::{ORIGIN_VERIFY, VIEWER_ADDRESS, VIEWER_HOST};
use yaml_serde::Value;

use crate::support::{template, template_text};

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/1111";

fn with(parameters: &[(&str, &str)]) -> anyhow::Result<Template> {
    let always = [("MailFrom", "no-reply@example.com")];
    let parameters = always.iter().chain(parameters);
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Template::parse(&template_text(), &parameters.collect::<BTreeMap<_, _>>())
}

fn distribution() -> Distribution {
    with(&[("CloudFront", "true")]).expect("it can be run").distribution.expect("there is one")
}

fn distribution_for_products() -> Distribution {
    let parameters =
        [("CloudFront", "true"), ("OpenIdConnect", "true"), ("PublicUrl", "https://example.org")];
    with(&parameters).expect("both go together").distribution.expect("there is one")
}

fn resources() -> Vec<(String, Value)> {
    let document: Value = yaml_serde::from_str(&template_text()).expect("the template is YAML");
    let resources = document["Resources"].as_mapping().expect("there are resources").clone();
    resources.into_iter().map(|(id, resource)| (id.as_str().expect("a name").to_owned(), resource)).collect()
}

#[test]
fn without_the_parameter_nothing_of_it_is_there() {
    assert_eq!(template().distribution, None);
    for function in &template().functions {
        assert!(!function.environment.contains_key("ORIGIN_KEY"), "{}", function.name);
    }
    assert_eq!(template().secrets.keys().collect::<Vec<_>>(), ["HashingKey"]);
    for (id, resource) in resources() {
        let kind = resource["Type"].as_str().expect("a type");
        if kind.starts_with("AWS::CloudFront::") || id.starts_with("CloudFront") || id == "OriginKey" {
            let condition = resource["Condition"].as_str().unwrap_or_default();
            let conditions = ["HasCloudFront", "HasCloudFrontForProducts", "HasCloudFrontRecord"];
            assert!(conditions.contains(&condition), "{id}: {condition}");
        }
    }
}

#[test]
fn every_function_with_a_route_knows_the_key_that_the_distribution_sends() {
    let template = with(&[("CloudFront", "true")]).expect("it can be run");
    let reference = "{{resolve:secretsmanager:OriginKey:SecretString}}";
    for function in &template.functions {
        let key = function.environment.get("ORIGIN_KEY").map(String::as_str);
        let expected = if function.routes.is_empty() { "" } else { reference };
        assert_eq!(key, Some(expected), "{}", function.name);
    }
    assert_eq!(distribution().custom_headers, [(ORIGIN_VERIFY.to_owned(), reference.to_owned())]);
}

#[test]
fn what_functions_read_reaches_them_and_who_the_viewer_is() {
    let read = ["accept", "accept-language", "content-type", "origin", "sec-fetch-site", "user-agent"];
    let of_cloudfront = [VIEWER_ADDRESS, VIEWER_HOST];
    let expected: BTreeSet<String> = read.into_iter().chain(of_cloudfront).map(str::to_owned).collect();
    assert!(expected.len() <= 10, "CloudFront allows ten");
    let default = Behavior { forwarded: expected, copies_host: true };
    assert_eq!((&distribution().default, distribution().paths.len()), (&default, 0));

    let products = distribution_for_products();
    assert_eq!(products.default, default, "and no other function gets a product's secrets");
    let mut with_authorization = default;
    with_authorization.forwarded.insert("authorization".to_owned());
    let paths = [TOKEN_PATH, USERINFO_PATH].map(|path| (path.to_owned(), with_authorization.clone()));
    assert_eq!(products.paths, paths.into());
}

#[test]
fn nothing_is_cached_and_nothing_travels_in_clear() {
    let resources: BTreeMap<_, _> = resources().into_iter().collect();
    let config = &resources["Distribution"]["Properties"]["DistributionConfig"];
    let behavior = &config["DefaultCacheBehavior"];
    // The managed policy CachingDisabled.
    assert_eq!(behavior["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
    // A choice: its condition, what it is then, and what else.
    let choice = &config["CacheBehaviors"];
    let of_products = choice[1].as_sequence().expect("a list");
    assert_eq!((choice[0].as_str(), of_products.len()), (Some("HasCloudFrontForProducts"), 2));
    for behavior in of_products.iter().chain([behavior]) {
        assert_eq!(behavior["ViewerProtocolPolicy"], "https-only");
        assert_eq!(behavior["AllowedMethods"].as_sequence().expect("a list").len(), 7, "POST too");
    }
    // An answer without a word about it is kept for no time. Ours say `no-store`.
    let kept = &resources["ProductRequests"]["Properties"]["CachePolicyConfig"];
    assert_eq!(
        ["MinTTL", "DefaultTTL", "MaxTTL"].map(|name| kept[name].as_u64()),
        [Some(0), Some(0), Some(1)]
    );
    assert_eq!((&config["HttpVersion"], &config["IPV6Enabled"]), (&"http2and3".into(), &true.into()));
    let origin = &config["Origins"][0]["CustomOriginConfig"];
    assert_eq!(origin["OriginProtocolPolicy"], "https-only");
    let uncached = config["CustomErrorResponses"].as_sequence().expect("a list");
    let uncached: Vec<_> = uncached
        .iter()
        .filter(|error| error["ErrorCachingMinTTL"] == 0 && error["ResponsePagePath"].is_null())
        .map(|error| error["ErrorCode"].as_u64().expect("a number"))
        .collect();
    assert_eq!(uncached, [400, 403, 404, 405, 414, 500, 501, 502, 503, 504], "all that CloudFront caches");
}

#[test]
fn parameters_that_need_each_other_are_refused_apart() {
    let (cloudfront, name) = (("CloudFront", "true"), ("DomainName", "account.example.com"));
    let (own, regional) = (("CloudFrontCertificateArn", CERTIFICATE), ("CertificateArn", CERTIFICATE));
    let web_acl = ("WebAclArn", "arn:aws:wafv2:us-east-1:123456789012:global/webacl/sparekey/1111");
    let zone = ("HostedZoneId", "Z0123456789");
    let (products, url) = (("OpenIdConnect", "true"), ("PublicUrl", "https://account.example.com"));
    for good in [
        &[cloudfront][..],
        &[cloudfront, web_acl],
        &[cloudfront, web_acl, name, own],
        &[cloudfront, name, own, zone],
        &[name, regional, zone],
        &[cloudfront, products, url],
        &[cloudfront, products, name, own],
    ] {
        with(good).unwrap_or_else(|error| panic!("{good:?}: {error}"));
    }
    for (bad, why) in [
        (&[web_acl][..], "WebAclArn and CloudFrontCertificateArn are for CloudFront"),
        (&[name, own], "are for CloudFront"),
        (&[cloudfront, own], "CloudFrontCertificateArn is for DomainName"),
        (&[cloudfront, name], "DomainName needs CertificateArn or, with CloudFront"),
        (&[cloudfront, name, regional], "give CloudFrontCertificateArn and no CertificateArn"),
        (&[cloudfront, name, own, url], "give one of them"),
        (&[cloudfront, products], "OpenIdConnect needs PublicUrl or DomainName"),
    ] {
        let refused = with(bad).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(why), "{bad:?}: {refused}");
    }
}

#[test]
fn links_lead_to_the_distribution() {
    let (cloudfront, own) = (("CloudFront", "true"), ("CloudFrontCertificateArn", CERTIFICATE));
    for (parameters, url) in [
        (&[cloudfront][..], "https://Distribution.DomainName"),
        (&[cloudfront, ("DomainName", "account.example.com"), own], "https://account.example.com"),
        (&[cloudfront, ("PublicUrl", "https://example.org")], "https://example.org"),
    ] {
        let template = with(parameters).expect("it can be run");
        assert_eq!(template.function("mailer").expect("it is there").environment["PUBLIC_URL"], url);
    }
}
