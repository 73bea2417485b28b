//! Accounts and the life of a backup email: what the base table decides, what the index finds.
use domain::limit::Limit;
use domain::{
    Backup, ClientInfo, ConfirmedAddress, Notice, PendingAddress, Purpose, RecoveryEmails, UndoLink,
};
use shared::store::{ConfirmRefused, LimitReached, NotCreated, Undo, UndoRefused};

use crate::stack::{Stack, address, source};

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_username_and_an_address_belong_to_one_account() {
    let stack = Stack::reach(1);
    let ada = stack.person("ada").await;
    let taken = stack.make("ada", &address("other@example.com")).await;
    assert_eq!(taken, Err(NotCreated::UsernameTaken));
    let taken = stack.make("other", &address("ADA@example.com")).await;
    assert_eq!(taken, Err(NotCreated::EmailTaken));

    let account = stack.load(&ada).await;
    assert_eq!(account.backup, Backup::None);
    let by_name = stack.store().find_by_username(&account.username).await.expect("a claim is read");
    assert_eq!(by_name, Some(ada.clone()));
    let by_email = stack.store().find_by_email(&address("ada@example.com")).await.expect("the index answers");
    assert_eq!(by_email, [ada]);
    assert_eq!(
        stack.store().find_owner(&address("other@example.com"), stack.now()).await.expect("a claim is read"),
        None
    );
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_backup_email_is_found_from_its_confirmation_until_its_removal() {
    let stack = Stack::reach(2);
    let (bea, spare) = (stack.person("bea").await, address("Bea@spare.example"));
    let found = async || stack.store().find_by_email(&spare).await.expect("the index answers");

    let pending = stack.ask(&bea, &spare).await;
    assert_eq!(stack.load(&bea).await.backup.pending(), Some(&pending));
    assert!(found().await.is_empty(), "the index has no pending address");
    assert_eq!(
        stack.store().find_owner(&spare, stack.now()).await.expect("a claim is read"),
        None,
        "it reserves nothing"
    );

    let link = stack.confirmation_link(&bea, &pending).await;
    let account = stack.load(&bea).await;
    assert_eq!(stack.confirm(&account, &link).await, Ok(()));
    assert_eq!(found().await, std::slice::from_ref(&bea));
    assert_eq!(
        stack.store().find_owner(&spare, stack.now()).await.expect("a claim is read"),
        Some(bea.clone())
    );
    assert_eq!(stack.confirm(&account, &link).await, Err(ConfirmRefused::LinkDead));

    let account = stack.load(&bea).await;
    let remove = async || {
        stack
            .store()
            .remove_backup(&account, stack.app.message_id(), source(), stack.now())
            .await
            .expect("a removal is decided")
    };
    assert!(remove().await);
    assert!(!remove().await, "it is gone already");
    assert!(found().await.is_empty());
    assert_eq!(stack.load(&bea).await.backup, Backup::None);
    assert_eq!(stack.store().find_owner(&spare, stack.now()).await.expect("a claim is read"), None);
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_change_keeps_the_former_address_until_the_new_one_is_confirmed() {
    let stack = Stack::reach(3);
    let (cleo, former, new) =
        (stack.person("cleo").await, address("c@old.example"), address("c@new.example"));
    stack.back_up(&cleo, &former).await;

    let pending = stack.ask(&cleo, &new).await;
    let account = stack.load(&cleo).await;
    assert_eq!(account.backup.confirmed().map(|backup| &backup.address), Some(&former));
    let link = stack.confirmation_link(&cleo, &pending).await;
    assert_eq!(stack.confirm(&account, &link).await, Ok(()));
    assert_eq!(stack.store().find_by_email(&new).await.expect("the index answers"), [cleo]);
    assert!(stack.store().find_by_email(&former).await.expect("the index answers").is_empty());
    assert_eq!(stack.store().find_owner(&former, stack.now()).await.expect("a claim is read"), None);
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn of_two_accounts_that_race_for_an_address_one_gets_it() {
    let stack = Stack::reach(4);
    let (dora, dirk, spare) =
        (stack.person("dora").await, stack.person("dirk").await, address("d@d.example"));
    let (doras, dirks) = (stack.ask(&dora, &spare).await, stack.ask(&dirk, &spare).await);
    let doras = stack.confirmation_link(&dora, &doras).await;
    let dirks = stack.confirmation_link(&dirk, &dirks).await;
    // Both have read that the address is free before either writes.
    let (dora, dirk) = (stack.load(&dora).await, stack.load(&dirk).await);
    assert_eq!(stack.confirm(&dora, &doras).await, Ok(()));
    assert_eq!(stack.confirm(&dirk, &dirks).await, Err(ConfirmRefused::Taken));

    assert_eq!(stack.store().find_by_email(&spare).await.expect("the index answers"), [dora.id]);
    let dirk = stack.load(&dirk.id).await;
    assert!(dirk.backup.confirmed().is_none() && dirk.backup.pending().is_some(), "nothing was half written");
    let link = stack.store().find_link(&dirks.token_hash, Purpose::ConfirmBackup).await;
    assert_eq!(link.expect("a link is read").expect("it is there").spent_at, None);
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_later_request_and_a_cancelled_one_make_links_dead() {
    let stack = Stack::reach(5);
    let eve = stack.person("eve").await;
    let first = stack.ask(&eve, &address("e@first.example")).await;
    let former = stack.confirmation_link(&eve, &first).await;
    let second = stack.ask(&eve, &address("e@second.example")).await;
    let link = stack.confirmation_link(&eve, &second).await;
    let account = stack.load(&eve).await;
    assert_eq!(stack.confirm(&account, &former).await, Err(ConfirmRefused::NoLongerPending));

    let cancel = async |pending: &PendingAddress| {
        let entry = (stack.app.message_id(), ClientInfo::default());
        let cancelled = stack.store().cancel_pending(&account, pending, entry, stack.now()).await;
        cancelled.expect("a cancellation is decided")
    };
    assert!(!cancel(&first).await, "another has taken its place");
    assert!(cancel(&second).await);
    assert_eq!(stack.confirm(&account, &link).await, Err(ConfirmRefused::NoLongerPending));
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_limit_in_a_transaction_keeps_all_of_it_from_being_written() {
    let stack = Stack::reach(6);
    let fay = stack.person("fay").await;
    let spacing = Limit::backup_request_spacing(&fay);
    let ask = async |backup: &str| {
        let account = stack.load(&fay).await;
        let pending = PendingAddress {
            address: address(backup),
            since: stack.now(),
            request: stack.app.message_id(),
            generation: account.generation,
        };
        let limits = std::slice::from_ref(&spacing);
        let wanted = (&pending, &ClientInfo::default());
        let asked = stack.counted().request_backup(&account, wanted, limits, stack.now()).await;
        (asked.expect("a request is decided"), pending)
    };
    let (asked, first) = ask("f@first.example").await;
    assert_eq!(asked, Ok(()));
    let (asked, second) = ask("f@second.example").await;
    assert_eq!(asked, Err(LimitReached(spacing.clone())));
    assert_eq!(stack.load(&fay).await.backup.pending(), Some(&first));
    let queued = stack.store().find_email_request(&second.request).await.expect("the outbox is read");
    assert!(queued.is_none(), "no email was requested");
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_change_is_undone_once_and_what_was_restored_can_be_removed() {
    let stack = Stack::reach(7);
    let (gus, old, new) = (stack.person("gus").await, address("g@old.example"), address("g@new.example"));
    stack.back_up(&gus, &old).await;
    stack.back_up(&gus, &new).await;
    let account = stack.load(&gus).await;
    let link = UndoLink {
        token_hash: stack.app.entropy.token().hash(),
        account_id: gus.clone(),
        sent_to: None,
        event: None,
        notice: Notice::BackupChanged {
            former: old.clone(),
            former_usable_from: None,
            address: new.clone(),
            usable_from: None,
        },
        at: stack.now(),
        source: source(),
        username: None,
        spent_at: None,
    };
    stack.store().create_undo_link(&link).await.expect("a link is kept");
    let undo = async || {
        let taking = Undo {
            link: &link,
            account: &account,
            since: &link.event_id(),
            restored: &RecoveryEmails {
                backup: Some(ConfirmedAddress::new(old.clone(), stack.now())),
                former: None,
            },
            primary: &account.primary_emails(),
            event_id: &stack.app.message_id(),
            source: &source(),
        };
        stack.store().undo(taking, stack.now()).await.expect("an undo is decided")
    };
    assert_eq!(undo().await, Ok(()));
    assert_eq!(undo().await, Err(UndoRefused::LinkDead));
    let found = async |address| stack.store().find_by_email(address).await.expect("the index answers");
    assert_eq!(found(&old).await, std::slice::from_ref(&gus));
    assert!(found(&new).await.is_empty());
    let account = stack.load(&gus).await;
    assert!(account.frozen_until(stack.now()).is_some() && account.sessions_ended_at == Some(stack.now()));
    let event_id = stack.app.message_id();
    let removed = stack.store().remove_backup(&account, event_id, source(), stack.now()).await;
    assert!(removed.expect("a removal is decided"), "what was restored may be removed meanwhile");
}
