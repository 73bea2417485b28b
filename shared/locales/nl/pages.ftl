### The texts of pages.

date-time = { $day } { $month } { $year } om { $hour }:{ $minute } UTC
month-1 = januari
month-2 = februari
month-3 = maart
month-4 = april
month-5 = mei
month-6 = juni
month-7 = juli
month-8 = augustus
month-9 = september
month-10 = oktober
month-11 = november
month-12 = december

source = Het verzoek kwam van { $device }, ergens uit het netwerk { $network }.
device-iphone = een iPhone
device-ipad = een iPad
device-android = een Android-apparaat
device-windows = een Windows-computer
device-mac = een Mac
device-chrome-os = een Chromebook
device-linux = een Linux-computer
device-unknown = een apparaat dat we niet kennen

username-label = Gebruikersnaam
email-label = E-mailadres
password-label = Wachtwoord
sign-out = Uitloggen
way-on-account = Naar je account
way-on-sign-in = Naar inloggen
way-on-new-link = Nieuwe link aanvragen

account-title = Accountgegevens
primary-label = Primair e-mailadres
backup-label = Reserve-e-mailadres
backup-purpose = Hiermee kom je weer in je account als je niet meer bij je primaire mailbox kunt. We gebruiken het alleen voor herstel en sturen er geen andere mail naartoe.
backup-sso = Je logt in via je organisatie, en die kan je ook weer toegang geven. Daarom heeft dit account geen reserve-e-mailadres.
backup-define = Reserve-e-mailadres instellen
backup-field = Reserve-e-mailadres
backup-hint = Kies een mailbox die je nog kunt openen als je de primaire kwijt bent. We sturen er één mail heen, die je moet bevestigen.
backup-submit = Bevestigingsmail sturen
backup-change = Wijzigen
backup-other = Een ander adres gebruiken
backup-remove = Verwijderen
backup-remove-warning = Als je het verwijdert, kom je met dit adres niet meer in je account. Links die we er al naartoe hebben gestuurd, werken dan niet meer.
backup-remove-submit = Reserve-e-mailadres verwijderen
backup-again = Opnieuw sturen
backup-cancel = Annuleren
backup-frozen = Er is een wijziging teruggedraaid. Daarom kan tot { $date } geen nieuw reserve-e-mailadres worden ingesteld.
backup-held = Om het account te beschermen geldt voor een nieuw reserve-e-mailadres een wachttijd. Vanaf { $date } kun je ermee in je account komen.
backup-held-former = Tot dan kan dat met { $former }.
confirmed-label = In gebruik
held-label = Nog niet in gebruik
confirmed-since = Bevestigd op { $date }
former-label = In gebruik totdat je het nieuwe bevestigt
pending-label = Wacht op je bevestiging
pending-since = Aangevraagd op { $date }
pending-next = Open de mail die we naar dit adres hebben gestuurd en kies ‘{ verify-action }’. De link in die mail werkt 24 uur.
pending-patience = Geen mail gekregen? Kijk in de spammap en controleer het adres hierboven op typefouten.
pending-expired = De link in de mail is verlopen. Kies ‘{ backup-again }’ voor een nieuwe.
typed-kept = Dit vulde je in voordat je opnieuw inlogde. Er is nog niets verstuurd.

sessions-title = Waar je bent ingelogd
sessions-none-other = Je bent alleen hier ingelogd.
sessions-more = Er kunnen er meer zijn dan hier staan. ‘{ sessions-end-others }’ beëindigt die ook.
sessions-end-others = Alle andere sessies beëindigen
sessions-end-pending = ‘{ sessions-end-others }’ annuleert ook het reserve-e-mailadres dat op bevestiging wacht, want misschien heeft iemand anders het opgegeven.
sessions-recovered = Je bent weer binnengekomen met je reserve-e-mailadres. Beëindig alle andere sessies als er misschien iemand anders is ingelogd.
sessions-elsewhere = Bekijk waar je bent ingelogd
session-own = Deze browser
session-by-password = Ingelogd met een wachtwoord op { $date }
session-by-primary = Ingelogd met een link naar het primaire e-mailadres op { $date }
session-by-backup = Ingelogd met een link naar het reserve-e-mailadres op { $date }
session-seen = Laatst gebruikt op { $date }
session-end = Sessie beëindigen
session-end-which = Sessie beëindigen: { $device }. { $begin }
session-on-iphone = iPhone
session-on-ipad = iPad
session-on-android = Android-apparaat
session-on-windows = Windows-computer
session-on-mac = Mac
session-on-chrome-os = Chromebook
session-on-linux = Linux-computer
session-on-unknown = Onbekend apparaat

sign-in-title = Inloggen
sign-in-fresh = Voor zo’n wijziging vragen we je opnieuw in te loggen, zodat we zeker weten dat jij het bent. Daarna ben je terug bij je account.
identifier-label = Gebruikersnaam of e-mailadres
sign-in-submit = Inloggen
link-title = Inloggen zonder wachtwoord
link-purpose = We mailen je een link waarmee je inlogt. Met je reserve-e-mailadres kan het ook.
link-submit = Mail me een link
forgot-username-link = Gebruikersnaam vergeten?

forgot-title = Gebruikersnaam vergeten?
forgot-purpose = Vul je primaire e-mailadres of je reserve-e-mailadres in. We mailen je gebruikersnaam naar dat adres.
forgot-submit = Mail me mijn gebruikersnaam

check-mail-title = Kijk in je mail
check-mail-username = Als dit adres bij een account hoort, is een mail met de gebruikersnaam onderweg.
check-mail-link = Als dit adres bij een account hoort, is een mail met een inloglink onderweg. De link werkt 10 minuten.
check-mail-patience = Na een paar minuten nog niets? Kijk in de spammap. Probeer het daarna opnieuw; misschien zat er een typefout in het adres.

confirm-title = Bevestig je reserve-e-mailadres
confirm-explain = Zodra je bevestigt, kun je met dit adres weer in dit account komen.
confirm-submit = Dit adres bevestigen
confirm-not-you = Niet jouw account? Sluit deze pagina, dan verandert er niets.
confirmed-title = Je reserve-e-mailadres is bevestigd
confirmed-explain = Vanaf nu kun je hiermee je gebruikersnaam of een inloglink opvragen, of inloggen met je wachtwoord.
confirmed-held = Om het account te beschermen geldt voor een nieuw reserve-e-mailadres een wachttijd. Vanaf { $date } kun je er je gebruikersnaam of een inloglink mee opvragen, of ermee inloggen met je wachtwoord.

open-title = Inloggen
open-question = Inloggen als { $username }?
open-signed-in = Je bent hier al ingelogd als { $username }. Je kunt ingelogd blijven, of in plaats daarvan deze link gebruiken.
open-submit = Inloggen als { $username }
open-stay = Ingelogd blijven als { $username }
open-not-you = Heb je deze link niet aangevraagd? Sluit deze pagina, dan gebeurt er niets.

code-elsewhere = Open je de link op een ander apparaat? Vul daar deze code in:
code-label = Code
code-hint = Je hebt deze link in een andere browser geopend dan waarin hij is aangevraagd. De pagina daar toont een code van zes letters en cijfers. Na vijf verkeerde codes werkt de link niet meer.

undo-title = Was jij dit niet?
undo-effect = Als je de wijziging terugdraait, wordt iedereen uit je account uitgelogd, werken links die al zijn verstuurd niet meer en kan het reserve-e-mailadres 72 uur lang niet worden gewijzigd.
undo-effect-restored = { $backup } wordt weer je reserve-e-mailadres.
undo-effect-waits = { $backup } wordt vanaf { $date } weer je reserve-e-mailadres.
undo-effect-replaced = { $former } wordt weer je reserve-e-mailadres, totdat { $backup } op { $date } de plaats inneemt.
undo-effect-none = Je account heeft dan geen reserve-e-mailadres.
undo-events = Wat er de afgelopen 7 dagen is gebeurd
undo-events-hint = Kies het vroegste dat jij niet was. Dat wordt teruggedraaid, en alles wat erboven staat ook.
undo-events-undone = teruggedraaid
undo-events-then = Als je vanaf hier terugdraait:
undo-username = Je gebruikersnaam
undo-username-hint = Je vindt hem in de mail met deze link. We vragen ernaar zodat geen mailscanner iets voor je kan terugdraaien.
undo-submit = Wijziging terugdraaien
undo-was-you = Was jij het toch? Sluit deze pagina, dan verandert er niets.
taken-back-title = De wijziging is teruggedraaid
taken-back-restored = { $backup } is weer je reserve-e-mailadres.
taken-back-waits = { $backup } is vanaf { $date } weer je reserve-e-mailadres.
taken-back-replaced = { $former } is weer je reserve-e-mailadres, totdat { $backup } op { $date } de plaats inneemt.
taken-back-none = Je account heeft nu geen reserve-e-mailadres.
taken-back-former-taken = Het vorige adres hoort inmiddels bij een ander account. Daarom heeft je account geen reserve-e-mailadres.
taken-back-explain = Iedereen is uitgelogd. Log nu opnieuw in en kies een nieuw wachtwoord als iemand anders het jouwe kan kennen. Vanaf { $date } kun je het reserve-e-mailadres weer wijzigen.

signed-out-title = Je bent uitgelogd
signed-out-explain = In deze browser kan niemand bij je account totdat je weer inlogt.
