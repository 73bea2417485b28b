### The texts of pages.

date-time = { $day } { $month } { $year } at { $hour }:{ $minute } UTC
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

source = The request came from { $device }, from somewhere in the network { $network }.
device-iphone = an iPhone
device-ipad = an iPad
device-android = an Android device
device-windows = a Windows computer
device-mac = a Mac
device-chrome-os = a Chromebook
device-linux = a Linux computer
device-unknown = a device we don’t know

username-label = Username
email-label = Email address
password-label = Password
sign-out = Sign out
way-on-account = Go to your account
way-on-sign-in = Go to sign-in
way-on-new-link = Get a new link

account-title = Account details
primary-label = Primary email
backup-label = Backup email
backup-purpose = It lets you back into your account if you lose your primary mailbox. It is used for recovery only and gets no other email.
backup-sso = You sign in through your organisation, and your organisation can also let you back in. So this account has no backup email.
backup-define = Define a backup email
backup-field = Backup email address
backup-hint = Choose a mailbox you can still open if you lose the primary one. We send one email to it, for you to confirm.
backup-submit = Send confirmation email
backup-change = Change
backup-other = Use another address
backup-remove = Remove
backup-remove-warning = If you remove it, this address no longer lets you into your account. Links we already sent to it stop working.
backup-remove-submit = Remove backup email
backup-again = Send again
backup-cancel = Cancel
backup-frozen = A change was undone, so no new backup email can be set until { $date }.
backup-held = To keep the account safe, a new backup email has a waiting period. It gives you access to the account from { $date }.
backup-held-former = Until then, { $former } does.
confirmed-label = In use
held-label = Not in use yet
confirmed-since = Confirmed on { $date }
former-label = In use until you confirm the new one
pending-label = Waiting for confirmation
pending-since = Asked for on { $date }
pending-next = Open the email we sent to this address and choose “{ verify-action }”. The link in it works for 24 hours.
pending-patience = No email? Look in the spam folder and check the address above for typing errors.
pending-expired = The link in the email has expired. Choose “{ backup-again }” to get a new one.
typed-kept = This is what you entered before you signed in again. Nothing has been sent yet.

sessions-title = Where you are signed in
sessions-none-other = You are signed in only here.
sessions-more = There may be more than are shown. “{ sessions-end-others }” ends those too.
sessions-end-others = End all other sessions
sessions-end-pending = “{ sessions-end-others }” also cancels the backup email that is waiting for confirmation, because someone else may have asked for it.
sessions-recovered = You got back in through your backup email. If someone else may be signed in, end all other sessions.
sessions-elsewhere = See where you are signed in
session-own = This browser
session-by-password = Signed in with a password on { $date }
session-by-primary = Signed in through a link to the primary email on { $date }
session-by-backup = Signed in through a link to the backup email on { $date }
session-seen = Last used on { $date }
session-end = End session
session-end-which = End session: { $device }. { $begin }
session-on-iphone = iPhone
session-on-ipad = iPad
session-on-android = Android device
session-on-windows = Windows computer
session-on-mac = Mac
session-on-chrome-os = Chromebook
session-on-linux = Linux computer
session-on-unknown = Unknown device

sign-in-title = Sign in
sign-in-fresh = For a change like this we ask you to sign in again, to make sure it’s you. After that you are back at your account.
identifier-label = Username or email
sign-in-submit = Sign in
link-title = Sign in without a password
link-purpose = We mail you a link that signs you in. Your backup email works too.
link-submit = Mail me a link
forgot-username-link = Forgot your username?

forgot-title = Forgot your username?
forgot-purpose = Enter your primary or your backup email. We mail your username to that address.
forgot-submit = Mail me my username

check-mail-title = Check your mail
check-mail-username = If this address belongs to an account, an email with the username is on its way.
check-mail-link = If this address belongs to an account, an email with a sign-in link is on its way. The link works for 10 minutes.
check-mail-patience = Nothing there after a few minutes? Look in the spam folder. Then try again, in case there was a typing error in the address.

confirm-title = Confirm your backup email
confirm-explain = Once you confirm, this address can be used to get back into this account.
confirm-submit = Confirm this address
confirm-not-you = Not your account? Close this page, and nothing changes.
confirmed-title = Your backup email is confirmed
confirmed-explain = From now on you can use it to get your username or a sign-in link, or to sign in with your password.
confirmed-held = To keep the account safe, a new backup email has a waiting period. From { $date }, you can use it to get your username or a sign-in link, or to sign in with your password.

open-title = Sign in
open-question = Sign in as { $username }?
open-signed-in = You are already signed in here as { $username }. You can stay signed in, or use this link instead.
open-submit = Sign in as { $username }
open-stay = Stay signed in as { $username }
open-not-you = You didn’t ask for this link? Close this page, and nothing happens.

code-elsewhere = Opening the link on another device? Enter this code there:
code-label = Code
code-hint = You opened this link in another browser than the one that asked for it. The page there shows a code of six letters and digits. After five wrong codes the link stops working.

undo-title = This wasn’t you?
undo-effect = If you undo the change, everybody is signed out of your account, links that were already sent stop working, and the backup email can’t be changed for 72 hours.
undo-effect-restored = { $backup } becomes your backup email again.
undo-effect-waits = { $backup } becomes your backup email again, from { $date }.
undo-effect-replaced = { $former } becomes your backup email again, until { $backup } takes its place on { $date }.
undo-effect-none = Your account then has no backup email.
undo-events = What happened in the last 7 days
undo-events-hint = Choose the earliest thing that wasn’t you. It is undone, and so is everything listed above it.
undo-events-undone = undone
undo-events-then = If you undo from here:
undo-username = Your username
undo-username-hint = You find it in the email with this link. We ask for it so that no mail scanner can undo anything for you.
undo-submit = Undo the change
undo-was-you = Was it you after all? Close this page, and nothing changes.
taken-back-title = The change was undone
taken-back-restored = { $backup } is your backup email again.
taken-back-waits = { $backup } is your backup email again, from { $date }.
taken-back-replaced = { $former } is your backup email again, until { $backup } takes its place on { $date }.
taken-back-none = Your account has no backup email now.
taken-back-former-taken = The former address now belongs to another account, so your account has no backup email.
taken-back-explain = Everybody was signed out. Now sign in again, and set a new password if someone else may know yours. The backup email can be changed again from { $date }.

signed-out-title = You are signed out
signed-out-explain = Nobody can open your account in this browser until you sign in again.
