//! What every call passes before a service carries it out: may the caller do this, and shall the call fail?
//!
//! The endpoint of the local stack and the tests in process use the same checks.

use std::collections::BTreeSet;
use std::time::Duration;

use super::faults::{FaultKind, Faults, RefusedEntries};
use super::iam::{AccessKeys, Principal};
use super::kms::Kms;
use super::request::AwsRequest;
use super::response::AwsResponse;
use crate::template::Template;
use crate::template::keys::Keys;
use crate::template::statement::Permission;

/// The permissions of all callers, and the faults to come; clones share the faults and the keys of KMS.
#[derive(Debug, Clone)]
pub struct Checks {
    /// Who owns which access key.
    pub keys: AccessKeys,
    /// The faults to come.
    pub faults: Faults,
    /// The keys of the tables, on which permissions depend.
    pub table_keys: Keys,
    /// The configuration sets of SES that exist.
    pub configuration_sets: BTreeSet<String>,
    /// The keys of KMS, whose policies decide too.
    pub kms: Kms,
}

/// What happens to a call.
#[derive(Debug)]
pub enum Decision {
    /// This is the response; the call is not carried out.
    Respond(AwsResponse),
    /// The caller's process is killed; the call is not carried out.
    KillCaller,
    /// The call is carried out.
    CarryOut {
        /// How long the caller waits for it in addition.
        delay: Duration,
        /// Whether the connection closes without a response.
        lose_response: bool,
        /// Which of its entries fail.
        refused: Option<RefusedEntries>,
    },
}

impl Checks {
    /// Those of a template's functions.
    pub fn of(template: &Template, faults: Faults) -> Self {
        let configuration_sets = template.configuration_sets.keys().cloned().collect();
        Self {
            keys: AccessKeys::of(template),
            faults,
            table_keys: Keys::of(template),
            configuration_sets,
            kms: Kms::of(template),
        }
    }

    /// Decides about a call, and uses up a fault that fits it.
    pub fn decide(&self, caller: &Principal, request: &AwsRequest<'_>) -> Decision {
        let mut permissions = request.permissions(&self.table_keys);
        if let AwsRequest::Kms(call) = request {
            self.kms.add_tags(call, &mut permissions);
        }
        if let Some(lacking) = permissions.iter().find(|permission| !caller.may(permission)) {
            return Decision::Respond(request.denied(&caller.refusal(lacking)));
        }
        if let Some(denied) = self.denied_by_key(caller, request, &permissions) {
            return Decision::Respond(denied);
        }
        if let Some(missing) = request.without_configuration_set(&self.configuration_sets) {
            return Decision::Respond(missing);
        }
        let fault = self.faults.take(caller.name(), request.operation(), &request.tables());
        if let Some(failure) = fault.and_then(|fault| request.failure(fault)) {
            return Decision::Respond(failure);
        }
        match fault {
            Some(FaultKind::Kill) => Decision::KillCaller,
            Some(FaultKind::Delay { delay_ms }) => {
                let delay = Duration::from_millis(delay_ms);
                Decision::CarryOut { delay, lose_response: false, refused: None }
            }
            fault => Decision::CarryOut {
                delay: Duration::ZERO,
                lose_response: fault == Some(FaultKind::LostAnswer),
                refused: fault.and_then(|fault| self.faults.refused(fault, request.entries())),
            },
        }
    }
    /// The response to a call that the policy of its key does not allow, whatever the caller's policies say.
    fn denied_by_key(
        &self,
        caller: &Principal,
        request: &AwsRequest<'_>,
        permissions: &[Permission],
    ) -> Option<AwsResponse> {
        let AwsRequest::Kms(call) = request else { return None };
        permissions.iter().find_map(|permission| {
            let policy = self.kms.policy_on(call, permission)?;
            Some(request.denied(&caller.refusal_by_key(permission, policy)?))
        })
    }
}
