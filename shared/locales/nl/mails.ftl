### The texts of emails.

mail-greeting = Hallo { $username },
mail-reason = Je krijgt deze mail omdat dit adres bij { $product } is ingevuld.
mail-notice-reason = Je krijgt deze mail omdat dit het primaire e-mailadres van je { $product }-account is.
mail-asked = Deze mail is aangevraagd op { $date }.
mail-elsewhere = Als je de link op een ander apparaat of in een andere browser opent, heb je de code nodig die te zien is op de pagina waar je hem hebt aangevraagd.
mail-elsewhere-by-product = Log eerst in op je account en open dan de link in dezelfde browser. In een andere browser heb je de code nodig die op je accountpagina staat.
mail-link-fallback = Werkt de knop niet? Kopieer dan dit adres naar je browser:

verify-subject = Bevestig je reserve-e-mailadres
verify-lead = Bevestig dat je dit adres wilt gebruiken als reserve-e-mailadres van het { $product }-account { $username }. De link werkt 24 uur.
verify-preheader = Het wordt het reserve-e-mailadres van { $username }. De link werkt 24 uur.
verify-action = Reserve-e-mailadres bevestigen
verify-ignore = Was jij het niet? Doe dan niets. Zonder je bevestiging gebruiken we dit adres niet.
verify-ignore-by-product = Wil je dit niet? Doe dan niets. Zonder je bevestiging gebruiken we dit adres niet.

username-subject = Je gebruikersnaam
username-lead = Je gebruikersnaam bij { $product } is:
username-preheader = Je kunt ermee inloggen, of met je e-mailadres.
username-action = Naar de inlogpagina
username-ignore = Heb je hier niet om gevraagd? Dan hoef je niets te doen.

sign-in-subject = Je inloglink
sign-in-lead = Met deze link log je bij { $product } in als { $username }. Hij werkt één keer, binnen 10 minuten.
sign-in-preheader = Hij werkt één keer, binnen 10 minuten.
sign-in-action = Inloggen
sign-in-ignore = Heb je hier niet om gevraagd? Doe dan niets. Stuur deze mail niet door: de link opent je account.

added-subject = Er is een reserve-e-mailadres aan je account toegevoegd
added-lead = Op { $date } is { $backup } het reserve-e-mailadres van je account geworden.
added-at-once = Je kunt er nu mee in je account komen als je niet meer bij je primaire mailbox kunt.
added-held = Vanaf { $date } kun je ermee in je account komen als je niet meer bij je primaire mailbox kunt.
changed-subject = Het reserve-e-mailadres van je account is gewijzigd
changed-lead = Op { $date } is het reserve-e-mailadres van je account gewijzigd van { $former } in { $backup }.
changed-at-once = Het vorige adres werkt niet meer.
changed-held = Het nieuwe adres werkt vanaf { $date }; tot dan werkt het vorige.
changed-held-both = Het nieuwe adres werkt vanaf { $date }. Het vorige was nog niet in gebruik en wordt dat ook niet meer.
removed-subject = Het reserve-e-mailadres van je account is verwijderd
removed-lead = Op { $date } is { $backup } verwijderd als reserve-e-mailadres van je account. Het werkt niet meer.
used-subject = Er is ingelogd met je reserve-e-mailadres
used-lead = Op { $date } heeft iemand bij je account ingelogd met het reserve-e-mailadres { $backup }.
sessions-ended-subject = Alle andere sessies van je account zijn beëindigd
sessions-ended-lead = Op { $date } heeft iemand die bij je account is ingelogd alle andere sessies beëindigd. Inloglinks en bevestigingslinks van daarvoor werken niet meer.
password-set-subject = Er is een nieuw wachtwoord voor je account ingesteld
password-set-lead = Op { $date } is een nieuw wachtwoord voor je account ingesteld. Iedereen anders is uitgelogd. Inloglinks en bevestigingslinks van daarvoor werken niet meer.
taken-back-subject = Een wijziging van je account is teruggedraaid
taken-back-lead = Op { $date } is via de link in onze mail een wijziging teruggedraaid. Het reserve-e-mailadres van je account is nu { $backup }.
taken-back-to-none-subject = Een wijziging van je account is teruggedraaid
taken-back-to-none-lead = Op { $date } is via de link in onze mail een wijziging teruggedraaid. Je account heeft nu geen reserve-e-mailadres.
taken-back-password = Het wachtwoord dat was ingesteld werkt niet meer. Log in met een link die we je mailen en stel een nieuw wachtwoord in.
notice-explain = Iedereen is uitgelogd. Log in en controleer je account, en kies een nieuw wachtwoord als iemand anders het jouwe kan kennen.
undo-action = Dit was ik niet
undo-calm = Was jij dit? Dan is alles in orde en hoef je niets te doen.
undo-explain = Was jij het niet, gebruik dan deze link binnen 7 dagen. Die draait terug wat er is gebeurd en werkt zonder in te loggen.
notice-action = Naar je account

wanted-subject = Je adres is bij een ander account ingevuld
wanted-lead = Op { $date } wilde iemand { $backup } gebruiken voor een ander account. Het hoort bij jouw account, dus we hebben dat niet toegestaan en niets over jou verteld.
wanted-ignore = Was jij dat? Dan kun je het account gebruiken dat je al hebt. Zo niet, dan hoef je niets te doen.

promoted-subject = Je primaire e-mailadres is gewijzigd
promoted-lead = Op { $date } is { $backup } het primaire e-mailadres van je account geworden.
swapped-subject = Je primaire en je reserve-e-mailadres zijn omgewisseld
swapped-lead = Op { $date } is { $backup } het primaire e-mailadres van je account geworden, en { $former } het reserve-e-mailadres.
former-primary-used-subject = Er is ingelogd met je vorige primaire e-mailadres
former-primary-used-lead = Op { $date } heeft iemand op je account ingelogd met { $backup }, tot voor kort het primaire e-mailadres.
mail-former-reason = Je krijgt deze mail omdat dit tot voor kort het primaire e-mailadres van je { $product }-account was.
promoted-held = Met het vorige, { $former }, kun je nog inloggen tot { $until }.
promoted-at-once = Met het vorige, { $former }, kun je niet meer inloggen.

verify-primary-subject = Bevestig je nieuwe primaire e-mailadres
verify-primary-lead = Bevestig dat je dit adres wilt gebruiken als primair e-mailadres van het { $product }-account { $username }. De link werkt 24 uur.
verify-primary-preheader = Het wordt het primaire e-mailadres van { $username }. De link werkt 24 uur.
verify-primary-action = Primair e-mailadres bevestigen
primary-requested-subject = Iemand wil je primaire e-mailadres wijzigen
primary-requested-lead = Op { $date } heeft iemand die bij je account is ingelogd gevraagd om { $backup } het primaire e-mailadres van je account te maken. Dat gebeurt pas als het via een mail aan dat adres is bevestigd.
primary-requested-by-product = Een product wil je primaire e-mailadres wijzigen
primary-requested-by-product-lead = Op { $date } is { $backup } opgegeven als het volgende primaire e-mailadres van je account. Dat gebeurt pas als het via een mail aan dat adres is bevestigd.
primary-changed-subject = Je primaire e-mailadres is gewijzigd
primary-changed-lead = Op { $date } is { $backup } het primaire e-mailadres van je account geworden.

bounced-subject = Je reserve-e-mailadres is niet bereikbaar
bounced-lead = Op { $date } kwam een mail terug die we naar je reserve-e-mailadres { $backup } hadden gestuurd.
complained-subject = Je reserve-e-mailadres is niet bereikbaar
complained-lead = Op { $date } is een mail aan je reserve-e-mailadres { $backup } als spam gemeld. Daarna komt daar geen mail van ons meer aan.
undeliverable-explain = Als je nu niet meer bij je primaire mailbox kunt, kom je met dit adres niet meer in je account. Log in en kies een ander reserve-e-mailadres.
