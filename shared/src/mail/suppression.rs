//! The suppression list of SES: addresses to which the account sends nothing, because email to them bounced or their readers
//! complained. Only operators change it.
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::delete_suppressed_destination::DeleteSuppressedDestinationError;
use aws_types::SdkConfig;
use domain::EmailAddress;

/// The list of the account in this region.
#[derive(Debug, Clone)]
pub struct SuppressionList {
    ses: Client,
}

/// The list could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("could not take an address from the suppression list of SES")]
pub struct SuppressionError(#[source] Box<SdkError<DeleteSuppressedDestinationError>>);

impl SuppressionList {
    /// Connects to SES.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { ses: Client::new(sdk) }
    }

    /// Takes an address from the list. False when it is not on it.
    pub async fn remove(&self, address: &EmailAddress) -> Result<bool, SuppressionError> {
        let call = self.ses.delete_suppressed_destination().email_address(address.as_str());
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteSuppressedDestinationError::is_not_found_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(SuppressionError(Box::new(error))),
        }
    }
}
