### The texts of emails.

mail-greeting = Hej { $username },
mail-reason = Du får denne mail, fordi adressen er skrevet ind hos { $product }.
mail-notice-reason = Du får denne mail, fordi det er den primære mailadresse på din konto hos { $product }.
mail-asked = Der blev bedt om denne mail den { $date }.
mail-elsewhere = Hvis du åbner linket på en anden enhed eller i en anden browser, skal du bruge den kode, der vises på siden, hvor du bad om det.
mail-elsewhere-by-product = Log først ind på din konto, og åbn så linket i den samme browser. I en anden browser skal du bruge den kode, der vises på din kontoside.
mail-link-fallback = Virker knappen ikke? Kopiér denne adresse til din browser:

verify-subject = Bekræft din reservemail
verify-lead = Bekræft, at du vil bruge denne adresse som reservemail til kontoen { $username } hos { $product }. Linket virker i 24 timer.
verify-preheader = Den skal være reservemail for { $username }. Linket virker i 24 timer.
verify-action = Bekræft reservemail
verify-ignore = Var det ikke dig? Så gør ingenting. Vi bruger ikke adressen, medmindre du bekræfter den.
verify-ignore-by-product = Ønsker du det ikke? Så gør ingenting. Vi bruger ikke adressen, medmindre du bekræfter den.

username-subject = Dit brugernavn
username-lead = Dit brugernavn hos { $product } er:
username-preheader = Du kan logge ind med det eller med din mailadresse.
username-action = Gå til login
username-ignore = Har du ikke bedt om det? Så behøver du ikke gøre noget.

sign-in-subject = Dit link til at logge ind
sign-in-lead = Med dette link logger du ind hos { $product } som { $username }. Det virker én gang og i 10 minutter.
sign-in-preheader = Det virker én gang og i 10 minutter.
sign-in-action = Log ind
sign-in-ignore = Har du ikke bedt om det? Så gør ingenting. Send ikke denne mail videre: linket åbner din konto.

added-subject = Der er føjet en reservemail til din konto
added-lead = Den { $date } blev { $backup } reservemail til din konto.
added-at-once = Nu kan den bruges til at komme ind på kontoen igen.
added-held = Fra den { $date } kan den bruges til at komme ind på kontoen igen.
changed-subject = Reservemailen til din konto er skiftet
changed-lead = Den { $date } blev reservemailen til din konto skiftet fra { $former } til { $backup }.
changed-at-once = Den tidligere adresse virker ikke længere.
changed-held = Den nye adresse virker fra den { $date }; indtil da virker den tidligere.
changed-held-both = Den nye adresse virker fra den { $date }. Den tidligere var endnu ikke i brug og bliver det ikke.
removed-subject = Reservemailen til din konto er fjernet
removed-lead = Den { $date } blev { $backup } fjernet som reservemail til din konto. Den virker ikke længere.
used-subject = Din reservemail er brugt til at logge ind
used-lead = Den { $date } loggede nogen ind på din konto med reservemailen { $backup }.
sessions-ended-subject = Alle andere sessioner på din konto blev afsluttet
sessions-ended-lead = Den { $date } afsluttede en, der er logget ind på din konto, alle andre sessioner. Loginlinks og bekræftelseslinks fra før virker ikke længere.
password-set-subject = Der er valgt en ny adgangskode til din konto
password-set-lead = Den { $date } blev der valgt en ny adgangskode til din konto. Alle andre er logget ud. Loginlinks og bekræftelseslinks fra før virker ikke længere.
taken-back-subject = En ændring af din konto er rullet tilbage
taken-back-lead = Den { $date } blev en ændring rullet tilbage gennem linket i vores mail. Reservemailen til din konto er nu { $backup }.
taken-back-to-none-subject = En ændring af din konto er rullet tilbage
taken-back-to-none-lead = Den { $date } blev en ændring rullet tilbage gennem linket i vores mail. Din konto har nu ingen reservemail.
taken-back-password = Den adgangskode, der blev valgt, virker ikke længere. Log ind med et link, som vi sender dig, og vælg en ny.
notice-explain = Alle er logget ud. Log ind, og tjek din konto, og vælg en ny adgangskode, hvis andre måske kender den.
undo-action = Det var ikke mig
undo-calm = Var det dig? Så er alt i orden, og du behøver ikke gøre noget.
undo-explain = Var det ikke dig, så brug dette link inden 7 dage. Det ruller det skete tilbage og virker uden at logge ind.
notice-action = Gå til din konto

wanted-subject = Din adresse er skrevet ind på en anden konto
wanted-lead = Den { $date } ville nogen bruge { $backup } til en anden konto. Den hører til din konto, så det tillod vi ikke, og vi fortalte dem intet om dig.
wanted-ignore = Var det dig, kan du bruge den konto, du allerede har. Hvis ikke, behøver du ikke gøre noget.

promoted-subject = Din primære mail er ændret
promoted-lead = Den { $date } blev { $backup } den primære mail for din konto.
swapped-subject = Din primære mail og din reservemail har byttet plads
swapped-lead = Den { $date } blev { $backup } den primære mail for din konto, og { $former } dens reservemail.
former-primary-used-subject = Din tidligere primære mail er brugt til at logge ind
former-primary-used-lead = Den { $date } loggede nogen ind på din konto med { $backup }, som indtil for kort tid siden var den primære mail.
mail-former-reason = Du får denne mail, fordi dette indtil for kort tid siden var den primære mail for din { $product }-konto.
promoted-held = Den tidligere, { $former }, giver stadig adgang indtil den { $until }.
promoted-at-once = Den tidligere, { $former }, giver ikke længere adgang.

verify-primary-subject = Bekræft din nye primære mail
verify-primary-lead = Bekræft, at du vil bruge denne adresse som primær mail til kontoen { $username } hos { $product }. Linket virker i 24 timer.
verify-primary-preheader = Den bliver den primære mail for { $username }. Linket virker i 24 timer.
verify-primary-action = Bekræft primær mail
primary-requested-subject = Nogen vil ændre din primære mail
primary-requested-lead = Den { $date } bad en, der er logget ind på din konto, om at gøre { $backup } til den primære mail for din konto. Det sker først, når det er bekræftet gennem en mail til den adresse.
primary-requested-by-product = Et produkt vil ændre din primære mail
primary-requested-by-product-lead = Den { $date } blev { $backup } angivet som den næste primære mail for din konto. Det sker først, når det er bekræftet gennem en mail til den adresse.
primary-changed-subject = Din primære mail er ændret
primary-changed-lead = Den { $date } blev { $backup } den primære mail for din konto.

bounced-subject = Din reservemail kan ikke nås
bounced-lead = Den { $date } kom en mail tilbage, som vi havde sendt til din reservemail { $backup }.
complained-subject = Din reservemail kan ikke nås
complained-lead = Den { $date } blev en mail til din reservemail { $backup } meldt som spam. Derefter kommer der ingen mails fra os frem dertil.
undeliverable-explain = Hvis du mistede din primære mailboks nu, kunne du ikke komme ind på din konto igen med denne adresse. Log ind, og vælg en anden reservemail.
