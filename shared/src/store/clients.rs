//! The table of clients, by their id. Without OpenID Connect there is no such table. Its row of signing keys is no client
//! (`signing_keys`).
use serde::{Deserialize, Serialize};

use super::error::Context;
use super::signing_keys::SIGNING_KEYS_ID;
use super::write::{Item, Write, key, number, text, texts};
use super::{Store, StoreError};
use domain::oidc::{
    Client, ClientAuthentication, ClientId, ClientName, ClientSecrets, RedirectUri, StoredSecret,
};
use domain::{Timestamp, TokenHash};

#[derive(Serialize, Deserialize)]
struct Row {
    client_id: ClientId,
    /// `NAME` is a reserved word of DynamoDB's expressions.
    client_name: ClientName,
    redirect_uris: Vec<RedirectUri>,
    sign_out_uris: Vec<RedirectUri>,
    /// Clients of earlier versions have none.
    #[serde(default)]
    return_uris: Vec<RedirectUri>,
    created_at: Timestamp,
    /// A public client has none of these.
    #[serde(flatten)]
    secrets: SecretAttributes,
}

/// The secrets of a confidential client, each attribute by itself, so that a condition can name it.
#[derive(Default, Serialize, Deserialize)]
struct SecretAttributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_hash: Option<TokenHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_made_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_secret_hash: Option<TokenHash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_secret_made_at: Option<Timestamp>,
}

impl From<&ClientSecrets> for SecretAttributes {
    fn from(secrets: &ClientSecrets) -> Self {
        let (current, former) = (&secrets.current, secrets.former.as_ref());
        Self {
            secret_hash: Some(current.hash.clone()),
            secret_made_at: Some(current.made_at),
            former_secret_hash: former.map(|former| former.hash.clone()),
            former_secret_made_at: former.map(|former| former.made_at),
        }
    }
}

impl From<SecretAttributes> for ClientAuthentication {
    fn from(attributes: SecretAttributes) -> Self {
        let stored = |hash: Option<TokenHash>, made_at: Option<Timestamp>| {
            Some(StoredSecret { hash: hash?, made_at: made_at? })
        };
        let former = stored(attributes.former_secret_hash, attributes.former_secret_made_at);
        match stored(attributes.secret_hash, attributes.secret_made_at) {
            Some(current) => Self::Confidential(ClientSecrets { current, former }),
            None => Self::Public,
        }
    }
}

impl From<Row> for Client {
    fn from(row: Row) -> Self {
        Self {
            id: row.client_id,
            name: row.client_name,
            redirect_uris: row.redirect_uris,
            sign_out_uris: row.sign_out_uris,
            return_uris: row.return_uris,
            authentication: row.secrets.into(),
            created_at: row.created_at,
        }
    }
}

impl From<&Client> for Row {
    fn from(client: &Client) -> Self {
        Self {
            client_id: client.id.clone(),
            client_name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            sign_out_uris: client.sign_out_uris.clone(),
            return_uris: client.return_uris.clone(),
            created_at: client.created_at,
            secrets: match &client.authentication {
                ClientAuthentication::Public => SecretAttributes::default(),
                ClientAuthentication::Confidential(secrets) => secrets.into(),
            },
        }
    }
}

fn client_key(id: &ClientId) -> Item {
    key([("client_id", id.as_str())])
}

impl Store {
    /// Whether there is a table of clients.
    pub const fn has_clients(&self) -> bool {
        self.tables.clients.is_some()
    }

    pub(super) fn clients_table(&self) -> Result<&str, StoreError> {
        self.tables.clients.as_deref().ok_or("CLIENTS_TABLE is not set").context("reach the table of clients")
    }

    /// Registers a client. Key: the client. False when there is one of that id.
    pub async fn add_client(&self, client: &Client) -> Result<bool, StoreError> {
        let put = Write::put(self.clients_table()?, &Row::from(client))?;
        self.write_once("register a client", put.when("attribute_not_exists(client_id)")).await
    }

    /// Finds a client, consistently: one that was removed, or a secret that has ended, is of no use from then on.
    pub async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let row: Option<Row> =
            self.get(self.clients_table()?, client_key(id)).await.context("find a client")?;
        Ok(row.map(Client::from))
    }

    /// Lists all clients, the oldest first. Reads the whole table, which has a row for each product.
    pub async fn list_clients(&self) -> Result<Vec<Client>, StoreError> {
        let call = self.dynamodb.scan().table_name(self.clients_table()?).consistent_read(true);
        let call = call
            .filter_expression("client_id <> :signing_keys")
            .expression_attribute_values(":signing_keys", text(SIGNING_KEYS_ID));
        let (mut clients, mut start): (Vec<Client>, _) = (Vec::new(), None);
        loop {
            let answer = call.clone().set_exclusive_start_key(start).send().await.context("list clients")?;
            let rows: Vec<Row> =
                serde_dynamo::from_items(answer.items.unwrap_or_default()).context("list clients")?;
            clients.extend(rows.into_iter().map(Client::from));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        clients.sort_by(|a, b| (a.created_at, a.id.as_str()).cmp(&(b.created_at, b.id.as_str())));
        Ok(clients)
    }

    /// Changes the name and the addresses of a client. Key: the client. False when it was removed, or they are not those that
    /// were read.
    pub async fn change_client(&self, read: &Client, new: &Client) -> Result<bool, StoreError> {
        let list = |uris: &[RedirectUri]| texts(uris.iter().map(RedirectUri::as_str));
        // Clients of earlier versions have none.
        let return_is_as_read = if read.return_uris.is_empty() {
            "(attribute_not_exists(return_uris) OR return_uris = :return_read)"
        } else {
            "return_uris = :return_read"
        };
        let update = Write::update(
            self.clients_table()?,
            client_key(&read.id),
            "SET client_name = :name, redirect_uris = :redirect, sign_out_uris = :sign_out, return_uris = :return",
        )
        .when(format!(
            "client_name = :name_read AND redirect_uris = :redirect_read AND sign_out_uris = :sign_out_read \
             AND {return_is_as_read}"
        ))
        .value(":name", text(new.name.as_str()))
        .value(":redirect", list(&new.redirect_uris))
        .value(":sign_out", list(&new.sign_out_uris))
        .value(":return", list(&new.return_uris))
        .value(":name_read", text(read.name.as_str()))
        .value(":redirect_read", list(&read.redirect_uris))
        .value(":sign_out_read", list(&read.sign_out_uris))
        .value(":return_read", list(&read.return_uris));
        self.write_once("change a client", update).await
    }

    /// Replaces the secrets of a client by those that follow from them. Key: the client. False when it was removed, or
    /// its secrets are not those that were read.
    pub async fn replace_client_secrets(
        &self,
        id: &ClientId,
        read: &ClientSecrets,
        new: &ClientSecrets,
    ) -> Result<bool, StoreError> {
        let table = self.clients_table()?;
        let update = match &new.former {
            Some(former) => Write::update(
                table,
                client_key(id),
                "SET secret_hash = :hash, secret_made_at = :made_at, \
                 former_secret_hash = :former_hash, former_secret_made_at = :former_made_at",
            )
            .value(":former_hash", text(former.hash.as_str()))
            .value(":former_made_at", number(former.made_at.unix_seconds())),
            None => Write::update(
                table,
                client_key(id),
                "SET secret_hash = :hash, secret_made_at = :made_at \
                 REMOVE former_secret_hash, former_secret_made_at",
            ),
        };
        let update = update
            .value(":hash", text(new.current.hash.as_str()))
            .value(":made_at", number(new.current.made_at.unix_seconds()))
            .value(":read", text(read.current.hash.as_str()));
        let update = match &read.former {
            Some(former) => update
                .when("secret_hash = :read AND former_secret_hash = :former_read")
                .value(":former_read", text(former.hash.as_str())),
            None => update.when("secret_hash = :read AND attribute_not_exists(former_secret_hash)"),
        };
        self.write_once("replace the secrets of a client", update).await
    }

    /// Removes a client. Key: the client. False when it does not exist.
    pub async fn remove_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        let delete = Write::delete(self.clients_table()?, client_key(id));
        self.write_once("remove a client", delete.when("attribute_exists(client_id)")).await
    }
}
