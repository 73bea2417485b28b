//! The flows with every fault: which function they run, and which call changes something.

/// What a person or a product does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Requests a backup email.
    Define,
    /// Confirms it.
    Confirm,
    /// Confirms another one instead.
    Change,
    /// Requests the username.
    ForgotUsername,
    /// Requests a sign-in link.
    RequestLink,
    /// Opens the link that went to the backup email.
    OpenLink,
    /// Signs in with the backup email and the password.
    SignIn,
    /// Removes the backup email.
    Remove,
    /// Undoes its addition, from the notice.
    TakeBack,
    /// Cancels an address that is not confirmed.
    Cancel,
    /// Signs out.
    SignOut,
    /// Ends the session of another browser.
    EndSession,
    /// Ends all sessions but this browser's.
    EndOthers,
    /// Sets a password.
    SetPassword,
    /// Makes the backup email the primary.
    Promote,
    /// Asks for another primary email.
    RequestPrimary,
    /// Confirms it.
    ConfirmPrimary,
    /// A product creates an account.
    CreateAccount,
    /// It gives the account another primary email.
    ChangeAccount,
    /// It disables the account.
    DisableAccount,
    /// It ends all sessions of the account.
    EndAccountSessions,
    /// It gets a link for a person whom it has signed in.
    HandOver,
    /// The person opens that link.
    OpenHandOver,
    /// Requests a sign-in link; the fault occurs in the mailer.
    Mailer,
}

impl Flow {
    /// In the order of the document.
    pub const ALL: [Self; 24] = [
        Self::Define,
        Self::Confirm,
        Self::Change,
        Self::ForgotUsername,
        Self::RequestLink,
        Self::OpenLink,
        Self::SignIn,
        Self::Remove,
        Self::TakeBack,
        Self::Cancel,
        Self::SignOut,
        Self::EndSession,
        Self::EndOthers,
        Self::SetPassword,
        Self::Promote,
        Self::RequestPrimary,
        Self::ConfirmPrimary,
        Self::CreateAccount,
        Self::ChangeAccount,
        Self::DisableAccount,
        Self::EndAccountSessions,
        Self::HandOver,
        Self::OpenHandOver,
        Self::Mailer,
    ];

    /// The function with the fault.
    pub fn function(self) -> &'static str {
        match self {
            Self::Define => "request-backup",
            Self::Confirm | Self::Change => "confirm-backup",
            Self::ForgotUsername => "forgot-username",
            Self::RequestLink => "request-magic-link",
            Self::OpenLink => "open-magic-link",
            Self::SignIn => "password-login",
            Self::Remove | Self::Cancel => "remove-backup",
            Self::TakeBack => "undo-change",
            Self::SignOut => "sign-out",
            Self::EndSession | Self::EndOthers => "end-session",
            Self::SetPassword => "set-password",
            Self::Promote => "promote-backup",
            Self::RequestPrimary => "request-primary",
            Self::ConfirmPrimary => "confirm-primary",
            Self::CreateAccount | Self::ChangeAccount | Self::DisableAccount | Self::EndAccountSessions => {
                "admin-account"
            }
            Self::HandOver => "admin-hand-over",
            Self::OpenHandOver => "open-hand-over",
            Self::Mailer => "mailer",
        }
    }

    /// The call that changes something.
    pub fn commit(self) -> &'static str {
        match self {
            Self::SignOut => "DeleteItem",
            Self::HandOver => "PutItem",
            _ => "TransactWriteItems",
        }
    }

    /// Whether it leads to an email.
    pub fn emails(self) -> bool {
        !matches!(
            self,
            Self::Cancel
                | Self::SignOut
                | Self::EndSession
                | Self::CreateAccount
                | Self::DisableAccount
                | Self::EndAccountSessions
                | Self::HandOver
                | Self::OpenHandOver
        )
    }

    /// A table that only the flow's changing transaction uses, if the flow has other transactions.
    pub fn table(self) -> Option<&'static str> {
        // The attempt is counted before, in a transaction of its own.
        (self == Self::SignIn).then_some("SessionsTable")
    }

    /// Its title in the document.
    pub fn title(self) -> &'static str {
        match self {
            Self::Define => "Define a backup email (`POST /account/backup`)",
            Self::Confirm => "Confirm it (`POST /backup/confirm`)",
            Self::Change => "Confirm another in its place (`POST /backup/confirm`)",
            Self::ForgotUsername => "Forgot username (`POST /forgot-username`)",
            Self::RequestLink => "Ask for a sign-in link (`POST /login/link`)",
            Self::OpenLink => "Open the link to the backup email (`POST /login/open`)",
            Self::SignIn => "Sign in with backup email and password (`POST /login`)",
            Self::Remove => "Remove the backup email (`POST /account/backup/remove`)",
            Self::TakeBack => "Take a change back (`POST /undo`)",
            Self::Cancel => "Cancel a pending address (`POST /account/backup/remove`)",
            Self::SignOut => "Sign out (`POST /logout`)",
            Self::EndSession => "End the session of another browser (`POST /account/sessions/end`)",
            Self::EndOthers => "End all other sessions (`POST /account/sessions/end`)",
            Self::SetPassword => "Set a password (`POST /account/password`)",
            Self::Promote => "Make the backup email the primary (`POST /account/primary/promote`)",
            Self::RequestPrimary => "Ask for another primary email (`POST /account/primary`)",
            Self::ConfirmPrimary => "Confirm it (`POST /primary/confirm`)",
            Self::CreateAccount => "A product creates an account (`PUT /admin/accounts/{external_id}`)",
            Self::ChangeAccount => "It gives it another primary email (`PUT /admin/accounts/{external_id}`)",
            Self::DisableAccount => "It disables it (`POST /admin/accounts/{external_id}/disable`)",
            Self::EndAccountSessions => {
                "It ends its sessions (`POST /admin/accounts/{external_id}/end-sessions`)"
            }
            Self::HandOver => "It hands a person over (`POST /admin/accounts/{external_id}/hand-over`)",
            Self::OpenHandOver => "The person opens that link (`POST /hand-over`)",
            Self::Mailer => "The mailer, at work on a sign-in link",
        }
    }

    /// Whether a product sends the request, signed.
    pub fn is_of_product(self) -> bool {
        matches!(self.function(), "admin-account" | "admin-hand-over")
    }
}
