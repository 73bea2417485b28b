### The texts of emails.

mail-greeting = Hello { $username },
mail-reason = You get this email because this address was entered at { $product }.
mail-notice-reason = You get this email because this is the primary email of your { $product } account.
mail-asked = This email was requested on { $date }.
mail-elsewhere = If you open the link on another device or in another browser, you need the code shown on the page where you asked for it.
mail-elsewhere-by-product = First sign in to your account, then open the link in the same browser. In any other browser, you need the code shown on your account page.
mail-link-fallback = If the button doesn’t work, copy this address into your browser:

verify-subject = Confirm your backup email
verify-lead = Please confirm that you want to use this address as the backup email of the { $product } account { $username }. The link works for 24 hours.
verify-preheader = It is to be the backup email of { $username }. The link works for 24 hours.
verify-action = Confirm backup email
verify-ignore = If it wasn’t you, do nothing. We don’t use this address unless you confirm it.
verify-ignore-by-product = If you don’t want this, do nothing. We don’t use this address unless you confirm it.

username-subject = Your username
username-lead = Your username at { $product } is:
username-preheader = You can sign in with it, or with your email address.
username-action = Go to sign-in
username-ignore = If you didn’t ask for this, there is nothing you need to do.

sign-in-subject = Your sign-in link
sign-in-lead = With this link you sign in to { $product } as { $username }. It works once, within 10 minutes.
sign-in-preheader = It works once, within 10 minutes.
sign-in-action = Sign in
sign-in-ignore = If you didn’t ask for this, do nothing. Please don’t forward this email: the link opens your account.

added-subject = A backup email was added to your account
added-lead = On { $date }, { $backup } became the backup email of your account.
added-at-once = It can now be used to get back into the account.
added-held = It can be used to get back into the account from { $date }.
changed-subject = The backup email of your account was changed
changed-lead = On { $date }, the backup email of your account was changed from { $former } to { $backup }.
changed-at-once = The former address no longer works.
changed-held = The new address works from { $date }; until then the former one does.
changed-held-both = The new address works from { $date }. The former one was not in use yet, and it won’t be.
removed-subject = The backup email of your account was removed
removed-lead = On { $date }, { $backup } was removed as the backup email of your account. It no longer works.
used-subject = Your backup email was used to sign in
used-lead = On { $date }, someone signed in to your account with the backup email { $backup }.
sessions-ended-subject = All other sessions of your account were ended
sessions-ended-lead = On { $date }, someone who is signed in to your account ended all its other sessions. Sign-in links and confirmation links that were sent before no longer work.
password-set-subject = A new password was set for your account
password-set-lead = On { $date }, a new password was set for your account. Everybody else was signed out. Sign-in links and confirmation links that were sent before no longer work.
taken-back-subject = A change to your account was undone
taken-back-lead = On { $date }, a change was undone through the link in our email. The backup email of your account is now { $backup }.
taken-back-to-none-subject = A change to your account was undone
taken-back-to-none-lead = On { $date }, a change was undone through the link in our email. Your account has no backup email now.
taken-back-password = The password that was set no longer works. Sign in with a link that we send you, and set a new one.
notice-explain = Everybody was signed out. Sign in and check your account, and set a new password if someone else may know yours.
undo-action = This wasn’t me
undo-calm = Was this you? Then all is well, and there is nothing to do.
undo-explain = If it wasn’t you, use this link within 7 days. It undoes what happened, and it works without signing in.
notice-action = Go to your account

wanted-subject = Your address was entered at another account
wanted-lead = On { $date }, someone asked to use { $backup } for another account. It belongs to your account, so we didn’t allow it, and we told them nothing about you.
wanted-ignore = If that was you, you can use the account you already have. If not, there is nothing you need to do.

promoted-subject = Your primary email was changed
promoted-lead = On { $date }, { $backup } became the primary email of your account.
swapped-subject = Your primary and backup email changed places
swapped-lead = On { $date }, { $backup } became the primary email of your account, and { $former } its backup email.
former-primary-used-subject = Your former primary email was used to sign in
former-primary-used-lead = On { $date }, somebody signed in to your account with { $backup }, which was its primary email until a short time ago.
mail-former-reason = You get this email because this was the primary email of your { $product } account until a short time ago.
promoted-held = The primary before it, { $former }, still gives access until { $until }.
promoted-at-once = The primary before it, { $former }, no longer gives access.

verify-primary-subject = Confirm your new primary email
verify-primary-lead = Please confirm this address as the primary email of the { $product } account { $username }. The link works for 24 hours.
verify-primary-preheader = It becomes the primary email of { $username }. The link works for 24 hours.
verify-primary-action = Confirm primary email
primary-requested-subject = Someone asked to change your primary email
primary-requested-lead = On { $date }, someone who is signed in asked to make { $backup } the primary email of your account. It takes effect once it is confirmed through an email to that address.
primary-requested-by-product = A product asked to change your primary email
primary-requested-by-product-lead = On { $date }, { $backup } was named as the next primary email of your account. It takes effect once it is confirmed through an email to that address.
primary-changed-subject = Your primary email was changed
primary-changed-lead = On { $date }, { $backup } became the primary email of your account.

bounced-subject = Your backup email can’t be reached
bounced-lead = On { $date }, an email that we sent to your backup email { $backup } came back.
complained-subject = Your backup email can’t be reached
complained-lead = On { $date }, an email that we sent to your backup email { $backup } was reported as spam. After that, no more email from us gets there.
undeliverable-explain = If you lost your primary mailbox now, this address would not let you back in. Sign in and choose another backup email.
