### The texts of pages.

date-time = { $day }. { $month } { $year } kl. { $hour }.{ $minute } UTC
month-1 = januar
month-2 = februar
month-3 = marts
month-4 = april
month-5 = maj
month-6 = juni
month-7 = juli
month-8 = august
month-9 = september
month-10 = oktober
month-11 = november
month-12 = december

source = Anmodningen kom fra { $device } et sted i netværket { $network }.
device-iphone = en iPhone
device-ipad = en iPad
device-android = en Android-enhed
device-windows = en Windows-computer
device-mac = en Mac
device-chrome-os = en Chromebook
device-linux = en Linux-computer
device-unknown = en enhed, vi ikke kender

username-label = Brugernavn
email-label = Mailadresse
password-label = Adgangskode
sign-out = Log ud
way-on-account = Gå til din konto
way-on-sign-in = Gå til log ind
way-on-new-link = Få et nyt link

account-title = Kontooplysninger
primary-label = Primær mailadresse
backup-label = Reservemail
backup-purpose = Med den kan du komme ind på din konto igen, hvis du mister adgangen til din primære mailboks. Den bruges kun til det og får ingen andre mails.
backup-sso = Du logger ind gennem din organisation, og den kan også give dig adgang igen. Derfor har denne konto ingen reservemail.
backup-define = Angiv en reservemail
backup-field = Din reservemail
backup-hint = Vælg en mailboks, som du stadig kan åbne, hvis du mister den primære. Vi sender én mail til den, som du skal bekræfte.
backup-submit = Send bekræftelsesmail
backup-change = Skift
backup-other = Brug en anden adresse
backup-remove = Fjern
backup-remove-warning = Hvis du fjerner den, kan du ikke længere komme ind på din konto med denne adresse. Links, som vi allerede har sendt til den, holder op med at virke.
backup-remove-submit = Fjern reservemail
backup-again = Send igen
backup-cancel = Annuller
backup-frozen = En ændring er trukket tilbage, så en ny reservemail kan ikke vælges før den { $date }.
backup-held = For at beskytte kontoen er der en ventetid for en ny reservemail. Fra den { $date } giver den adgang til kontoen.
backup-held-former = Indtil da gør { $former } det.
confirmed-label = I brug
held-label = Endnu ikke i brug
confirmed-since = Bekræftet den { $date }
former-label = I brug, indtil du bekræfter den nye
pending-label = Venter på din bekræftelse
pending-since = Angivet den { $date }
pending-next = Åbn den mail, vi har sendt til denne adresse, og vælg ”{ verify-action }”. Linket i mailen virker i 24 timer.
pending-patience = Ingen mail? Kig i spammappen, og tjek adressen ovenfor for tastefejl.
pending-expired = Linket i mailen er udløbet. Vælg »{ backup-again }« for at få et nyt.
typed-kept = Dette skrev du, før du loggede ind igen. Der er ikke sendt noget endnu.

sessions-title = Hvor du er logget ind
sessions-none-other = Du er kun logget ind her.
sessions-more = Der kan være flere, end der vises. »{ sessions-end-others }« afslutter også dem.
sessions-end-others = Afslut alle andre sessioner
sessions-end-pending = »{ sessions-end-others }« annullerer også den reservemail, der venter på bekræftelse, for måske har en anden angivet den.
sessions-recovered = Du kom ind igen med din reservemail. Afslut alle andre sessioner, hvis en anden måske er logget ind.
sessions-elsewhere = Se, hvor du er logget ind
session-own = Denne browser
session-by-password = Logget ind med en adgangskode den { $date }
session-by-primary = Logget ind med et link til den primære mailadresse den { $date }
session-by-backup = Logget ind med et link til reservemailen den { $date }
session-seen = Sidst brugt den { $date }
session-end = Afslut session
session-end-which = Afslut session: { $device }. { $begin }
session-on-iphone = iPhone
session-on-ipad = iPad
session-on-android = Android-enhed
session-on-windows = Windows-computer
session-on-mac = Mac
session-on-chrome-os = Chromebook
session-on-linux = Linux-computer
session-on-unknown = Ukendt enhed

sign-in-title = Log ind
sign-in-fresh = Ved en ændring som denne beder vi dig logge ind igen, så vi er sikre på, at det er dig. Bagefter er du tilbage ved din konto.
identifier-label = Brugernavn eller mailadresse
sign-in-submit = Log ind
link-title = Log ind uden adgangskode
link-purpose = Vi sender dig en mail med et link, der logger dig ind. Din reservemail kan også bruges.
link-submit = Send mig et link
forgot-username-link = Har du glemt dit brugernavn?

forgot-title = Har du glemt dit brugernavn?
forgot-purpose = Skriv din primære mailadresse eller din reservemail. Vi sender dit brugernavn til den adresse.
forgot-submit = Send mig mit brugernavn

check-mail-title = Tjek din mail
check-mail-username = Hvis denne adresse hører til en konto, er en mail med brugernavnet på vej.
check-mail-link = Hvis denne adresse hører til en konto, er en mail med et link til at logge ind på vej. Linket virker i 10 minutter.
check-mail-patience = Er der ikke kommet noget efter et par minutter? Kig i spammappen. Prøv så igen, for der kan have været en tastefejl i adressen.

confirm-title = Bekræft din reservemail
confirm-explain = Når du bekræfter, kan denne adresse bruges til at komme ind på denne konto igen.
confirm-submit = Bekræft denne adresse
confirm-not-you = Ikke din konto? Luk siden, så sker der ingenting.
confirmed-title = Din reservemail er bekræftet
confirmed-explain = Fra nu af kan du bruge den til at få dit brugernavn eller et link til at logge ind, eller logge ind med din adgangskode.
confirmed-held = For at beskytte kontoen er der en ventetid for en ny reservemail. Fra den { $date } kan du bruge den til at få dit brugernavn eller et link til at logge ind, eller logge ind med din adgangskode.

open-title = Log ind
open-question = Log ind som { $username }?
open-signed-in = Du er allerede logget ind her som { $username }. Du kan forblive logget ind eller bruge dette link i stedet.
open-submit = Log ind som { $username }
open-stay = Forbliv logget ind som { $username }
open-not-you = Har du ikke bedt om dette link? Luk siden, så sker der ingenting.

code-elsewhere = Åbner du linket på en anden enhed? Skriv denne kode der:
code-label = Kode
code-hint = Du har åbnet linket i en anden browser end den, der bad om det. Siden dér viser en kode på seks bogstaver og tal. Efter fem forkerte koder virker linket ikke længere.

undo-title = Var det ikke dig?
undo-effect = Hvis du trækker ændringen tilbage, bliver alle logget ud af din konto, links, der allerede er sendt, virker ikke længere, og reservemailen kan ikke ændres i 72 timer.
undo-effect-restored = { $backup } bliver din reservemail igen.
undo-effect-waits = { $backup } bliver din reservemail igen fra den { $date }.
undo-effect-replaced = { $former } bliver din reservemail igen, indtil { $backup } tager over den { $date }.
undo-effect-none = Din konto har så ingen reservemail.
undo-events = Hvad der er sket de seneste 7 dage
undo-events-hint = Vælg det tidligste, der ikke var dig. Det trækkes tilbage, og det gør alt, der står over det, også.
undo-events-undone = trukket tilbage
undo-events-then = Hvis du trækker tilbage herfra:
undo-username = Dit brugernavn
undo-username-hint = Du finder det i mailen med dette link. Vi spørger om det, så ingen mailscanner kan trække noget tilbage for dig.
undo-submit = Træk ændringen tilbage
undo-was-you = Var det dig alligevel? Luk denne side, så ændrer intet sig.
taken-back-title = Ændringen er trukket tilbage
taken-back-restored = { $backup } er din reservemail igen.
taken-back-waits = { $backup } er din reservemail igen fra den { $date }.
taken-back-replaced = { $former } er din reservemail igen, indtil { $backup } tager over den { $date }.
taken-back-none = Din konto har nu ingen reservemail.
taken-back-former-taken = Den tidligere adresse hører nu til en anden konto, så din konto har ingen reservemail.
taken-back-explain = Alle er logget ud. Log nu ind igen, og vælg en ny adgangskode, hvis andre kan kende din. Reservemailen kan ændres igen fra den { $date }.

signed-out-title = Du er logget ud
signed-out-explain = Ingen kan åbne din konto i denne browser, før du logger ind igen.
