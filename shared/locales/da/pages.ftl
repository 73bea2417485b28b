### The pages.

date-time = { $day } { $month } { $year } at { $time } UTC
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

username-label = Username
email-label = Email address
password-label = Password
sign-out = Sign out
way-on-account = Go to your account
way-on-sign-in = Go to sign-in
way-on-new-link = Ask for a new link

account-title = Account details
primary-label = Primary email
backup-label = Backup email
backup-purpose = It is used to get back into your account if you lose your primary mailbox. It never gets anything else.
backup-sso = You sign in through your organisation, so your organisation also restores your access. That is why this account has no backup email.
backup-define = Define a backup email
backup-field = Backup email address
backup-hint = An address you can still read if you lose your primary mailbox. We send it one mail to confirm it.
backup-submit = Send confirmation mail
backup-change = Change
backup-other = Use another address
backup-remove = Remove
backup-remove-warning = Once removed, the address no longer signs you in. Links already sent to it stop working.
backup-remove-submit = Remove backup email
backup-again = Send again
backup-cancel = Cancel
confirmed-label = In use
confirmed-since = Confirmed on { $date }
former-label = In use until the new address is confirmed
pending-label = Waiting for confirmation
pending-since = Confirmation mail requested on { $date }
replacing-note = Open the link in the mail to the new address to finish the change. Until then the former address keeps working.

sign-in-title = Sign in
identifier-label = Username or email
sign-in-submit = Sign in
link-title = Sign in with a link
link-purpose = We mail you a link that signs you in. Your backup email works too.
link-submit = Mail me a link
forgot-username-link = Forgot your username?

forgot-title = Forgot your username?
forgot-purpose = Enter your primary or your backup email. We mail your username to that address.
forgot-submit = Mail me my username

check-mail-title = Check your mail
check-mail-username = If this address belongs to an account, a mail with the username is on its way to it.
check-mail-link = If this address belongs to an account, a mail with a sign-in link is on its way to it. The link works for 10 minutes.
check-mail-patience = Nothing there after a few minutes? Look in the spam folder, and check that you typed the address without a slip.

confirm-title = Confirm your backup email
confirm-explain = From then on, this address can be used to get back into the account.
confirm-submit = Confirm this address
confirm-not-you = Not your account? Close this page and nothing happens.
confirmed-title = Your backup email is confirmed
confirmed-explain = From now on you can use it to recover your username, to get a sign-in link, and to sign in with your password.

open-title = Sign in
open-question = Sign in as { $username }?
open-signed-in = You are already signed in here as { $username }. You can stay signed in, or use this link instead.
open-submit = Sign in as { $username }
open-stay = Stay signed in as { $username }
open-not-you = You did not ask for this link? Close this page and nothing happens.

signed-out-title = You are signed out
signed-out-explain = Your session has ended on this device.
