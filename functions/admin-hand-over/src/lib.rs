//! A product's back end hands a person over whom it has signed in: it gets a link to the account page, with the way back.
//!
//! Only principals of IAM reach it, by a policy of its own (docs/decisions/0037).
use domain::hand_over::stated_sign_in;
use domain::{ExternalId, HandOver, Timestamp};
use serde::Serialize;
use shared::app::App;
use shared::error::Error;
use shared::requirements::HandOvers;
use shared::web::{Code, Method, Problem, Reply, Request, StatusCode};

/// The fields of a POST.
const FIELDS: [&str; 2] = ["return_to", "signed_in_at"];

/// A link as the product gets it.
#[derive(Serialize)]
struct Given {
    external_id: ExternalId,
    /// Where the product sends the person at once.
    link: String,
    /// The last second in which it works.
    expires_at: String,
}

/// POST `/admin/accounts/{external_id}/hand-over`. Each gives another link.
pub async fn post(app: &App<HandOvers>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let external_id = request.external_id()?;
    let (return_to, signed_in_at) = read(&request, now)?;
    let account = app.find_account_by_external_id(&external_id).await?.ok_or(Code::AccountUnknown)?;
    // A link has no representation, so a condition on one is false.
    request.preconditions().check(&Method::POST, None).map_err(|failed| {
        Problem::from(failed).with_detail("a link has no tag: leave If-Match and If-None-Match out")
    })?;
    if account.deleting_since.is_some() {
        return Err(Code::AccountBeingDeleted.into());
    }
    if account.is_disabled() {
        let disabled = Problem::from(Code::AccountDisabled);
        return Err(disabled.with_detail("nobody can be signed in to it; enable it first").into());
    }
    let back = app.store.find_way_back(&return_to).await?.ok_or_else(|| {
        Problem::invalid_field(
            "return_to",
            &"no product has registered it as a return address (--return-uri)",
        )
    })?;

    let token = app.entropy.token();
    let link = HandOver::new(token.hash(), &account, back, signed_in_at, now);
    app.store.create_hand_over(&link).await?;
    let (client, states_sign_in) = (link.client.as_str(), signed_in_at.is_some());
    tracing::info!(client, states_sign_in, "gave a link that hands a person over");
    let given = Given {
        external_id,
        link: format!("{}/hand-over?token={}", app.needs.public_url, token.expose()),
        expires_at: link.expires_at.rfc3339(),
    };
    Ok(Reply::document(StatusCode::CREATED, &given))
}

/// Reads the body: where the person returns to and, if it is stated, when they signed in to the product.
fn read(request: &Request, now: Timestamp) -> Result<(String, Option<Timestamp>), Problem> {
    let fields = request.fields(&FIELDS)?;
    let return_to = fields.text("return_to")?.to_owned();
    let signed_in_at = fields.optional_text("signed_in_at")?.map(|stated| {
        stated_sign_in(stated, now).map_err(|why| Problem::invalid_field("signed_in_at", &why))
    });
    Ok((return_to, signed_in_at.transpose()?))
}
