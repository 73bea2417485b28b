//! `ops accounts history`: what happened to an account lately.
use domain::{Activity, SignInMethod};

use super::{Operator, account_admin};
use crate::error::Failure;
use crate::output::{counted, print_line};

/// Prints the newest of it, the newest first. No address is in full.
pub async fn print(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let id = account_admin::find(operator, typed).await?;
    let activity = operator.store.list_activity(&id, operator.now()).await?;
    let found = match activity.len() {
        0 => "nothing".to_owned(),
        count => counted(count, "entry", "entries"),
    };
    print_line!("{typed} ({}): {found} in the last 90 days, the newest first", id.as_str());
    for activity in &activity {
        print_line!("{}", line(activity));
    }
    Ok(())
}

fn line(activity: &Activity) -> String {
    let addresses = activity.addresses();
    let addresses = match (addresses.former, addresses.backup) {
        (Some(former), Some(backup)) => format!("{former} -> {backup}"),
        (None, Some(backup)) => backup,
        (_, None) => activity.how().map(words).unwrap_or_default().to_owned(),
    };
    let network = Some(&*activity.source.network).filter(|network| !network.is_empty()).unwrap_or("-");
    let device = if activity.source.is_product { "product" } else { activity.source.device.as_str() };
    let line = format!(
        "{}  {:18}  {:10}  {network:12}  {addresses}",
        activity.at.rfc3339(),
        activity.what(),
        device,
    );
    line.trim_end().to_owned()
}

const fn words(how: SignInMethod) -> &'static str {
    match how {
        SignInMethod::Password => "with a password",
        SignInMethod::PasswordWithBackup => "with a password and the backup email",
        SignInMethod::LinkToPrimary => "through a link to the primary email",
        SignInMethod::LinkToBackup => "through a link to the backup email",
        SignInMethod::HandOver => "handed over by a product",
    }
}
