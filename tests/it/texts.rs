//! The texts: every language has all of them, and nothing that is not used.
use std::collections::BTreeSet;

use shared::web::{Banner, Change, Code};

use crate::house::{read, sources, without_tests};
use crate::rendering::keys;

#[test]
fn every_text_exists_in_every_language_and_is_used() {
    let [en, nl, da] = ["en", "nl", "da"].map(keys);
    assert_eq!((&en, &en), (&nl, &da));

    let all: String = ["shared/domain/src", "shared/src", "shared/templates", "functions"]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|path| without_tests(&read(&path)).to_owned())
        .collect();
    let mut used: BTreeSet<String> =
        all.split('"').skip(1).filter(|text| en.contains(*text)).map(str::to_owned).collect();
    for code in Code::ALL {
        used.insert(format!("problem-{}", code.as_str()));
        used.insert(format!("problem-{}-advice", code.as_str()));
    }
    for code in ["unknown", "expired", "used", "replaced", "locked"] {
        used.insert(format!("problem-link-{code}-advice-confirm"));
    }
    used.extend(["unknown", "expired", "used"].map(|code| format!("problem-link-{code}-advice-undo")));
    used.extend(
        ["link-unknown", "link-expired", "link-used", "link-replaced", "too-many-sign-ins"]
            .map(|code| format!("problem-{code}-advice-hand-over")),
    );
    for code in Code::ALL.map(Code::as_str) {
        let texts = [format!("problem-{code}-program"), format!("problem-{code}-advice-program")];
        used.extend(texts.into_iter().filter(|text| en.contains(text)));
    }
    used.insert("problem-unsupported-media-type-advice-openid-connect".to_owned());
    used.extend(["primary", "backup"].map(|which| format!("problem-same-as-{which}-advice-primary")));
    used.extend(
        ["verify", "verify-primary"]
            .iter()
            .flat_map(|stem| ["subject", "preheader", "lead"].map(|part| format!("{stem}-{part}"))),
    );
    used.extend((1..=12).map(|month| format!("month-{month}")));
    let stems = [
        "added",
        "changed",
        "removed",
        "used",
        "bounced",
        "complained",
        "sessions-ended",
        "password-set",
        "promoted",
        "swapped",
        "primary-requested",
        "primary-changed",
        "former-primary-used",
        "taken-back",
        "taken-back-to-none",
    ];
    for stem in stems {
        assert!(all.contains(&format!("=> \"{stem}\"")), "{stem} is the stem of a notice");
        used.extend(["subject", "lead"].map(|part| format!("{stem}-{part}")));
    }
    let actions = [
        "requested",
        "cancelled",
        "confirmed-again",
        "created",
        "account-changed",
        "disabled",
        "enabled",
        "all-sessions-ended",
        "deletion-begun",
        "deleted",
        "primary-bounced",
        "primary-complained",
        "deliverable",
    ];
    assert!(actions.iter().all(|action| all.contains(&format!("=> \"{action}\""))), "of the log");
    used.extend(stems.iter().chain(&actions).map(|what| format!("history-{what}")));
    for stem in ["added", "changed", "promoted"] {
        used.extend(["at-once", "held"].map(|effect| format!("{stem}-{effect}")));
    }
    let devices = ["iphone", "ipad", "android", "windows", "mac", "chrome-os", "linux", "unknown"];
    for device in devices {
        assert!(all.contains(&format!("=> \"{device}\"")), "{device} is a device");
        used.extend([format!("device-{device}"), format!("session-on-{device}")]);
    }
    used.extend(Banner::all().map(|banner| format!("banner-{}", banner.as_str())));
    used.extend(Change::ALL.map(|change| format!("again-{}", change.as_str())));
    used.insert("check-mail-minutes-one".to_owned());
    used.extend(["ago-minutes", "ago-hours", "left-minutes", "left-hours"].map(|key| format!("{key}-one")));
    assert_eq!(en, used, "left: what there is, right: what is used");

    for call in [".message(\"", ".format(\""] {
        for part in all.split(call).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            assert!(en.contains(key), "{call}{key}\") asks for a text that is not there");
        }
    }
}
