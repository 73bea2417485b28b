### The mails.

mail-greeting = Hello { $username },
mail-reason = You get this mail because this address was entered at { $product }.
mail-notice-reason = You get this mail because this is the primary email of your { $product } account.
mail-link-fallback = If the button does not work, copy this address into your browser:

verify-subject = Confirm your backup email
verify-lead = You want to use this address as the backup email of your { $product } account { $username }. Confirm it with the link below; it works for 24 hours.
verify-action = Confirm backup email
verify-ignore = If this was not you, do nothing: the address is not used without your confirmation.

username-subject = Your username
username-lead = Your username at { $product } is:
username-action = Go to sign-in
username-ignore = If you did not ask for it, you need not do anything.

sign-in-subject = Your sign-in link
sign-in-lead = This link signs you in to { $product } as { $username }. It works once and for 10 minutes.
sign-in-action = Sign in
sign-in-ignore = If you did not ask for it, do nothing, and do not forward this mail: the link opens your account.

added-subject = A backup email was added to your account
added-lead = On { $date }, { $backup } was added as the backup email of your account. It can be used to get back into the account.
changed-subject = The backup email of your account was changed
changed-lead = On { $date }, the backup email of your account was changed from { $former } to { $backup }. The former address no longer works.
removed-subject = The backup email of your account was removed
removed-lead = On { $date }, { $backup } was removed as the backup email of your account. It no longer works.
used-subject = Your backup email was used to sign in
used-lead = On { $date }, someone signed in to your account with its backup email { $backup }.
notice-if-not-you = If this was not you, sign in now and set the backup email of your account right.
notice-action = Go to your account

wanted-subject = Your address was entered at another account
wanted-lead = On { $date }, someone asked to use { $backup }, which belongs to your account, as the backup email of another account. We refused that; the other person was told nothing.
wanted-ignore = If that was you, use your existing account instead. If not, you need not do anything.
