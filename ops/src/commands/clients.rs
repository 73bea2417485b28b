//! `ops clients`: the products that sign their people in here with OpenID Connect.
use clap::Subcommand;
use domain::oidc::{
    Client, ClientAuthentication, ClientId, ClientName, ClientSecret, ClientSecrets, RedirectUri,
};

use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{counted, print_line, tell};

/// Commands for clients.
#[derive(Debug, Subcommand)]
pub enum Clients {
    /// Registers a client, and prints its id and its secret. The secret is shown this once: only its hash is stored.
    Add {
        /// What people see that they sign in to: 1 to 80 characters.
        #[arg(long)]
        name: String,
        /// Where people return to with a code, letter by letter: https, or for a program on their own machine
        /// `http://127.0.0.1` and `http://[::1]`. May be given up to ten times.
        #[arg(long = "redirect-uri", value_name = "URI", required = true)]
        redirect_uris: Vec<String>,
        /// Where people may be sent after they signed out. May be given up to ten times.
        #[arg(long = "sign-out-uri", value_name = "URI")]
        sign_out_uris: Vec<String>,
        /// Where people return to from their account page, whom the client's back end hands over. May be given up to ten times.
        #[arg(long = "return-uri", value_name = "URI")]
        return_uris: Vec<String>,
        /// The client cannot keep a secret, because its users have the program, as on a phone: it gets none.
        #[arg(long)]
        public: bool,
    },
    /// Lists all clients, the oldest first. No secret is shown.
    List,
    /// Changes the name or the addresses of a client. What is not given stays as it is; addresses that are given replace all of
    /// their kind. It keeps its id and its secret.
    Change {
        /// The client's id.
        client: String,
        /// What people see that they sign in to: 1 to 80 characters.
        #[arg(long, required_unless_present_any = ["redirect_uris", "sign_out_uris", "no_sign_out_uris", "return_uris", "no_return_uris"])]
        name: Option<String>,
        /// Where people return to with a code, from now on. May be given up to ten times.
        #[arg(long = "redirect-uri", value_name = "URI")]
        redirect_uris: Vec<String>,
        /// Where people may be sent after they signed out, from now on. May be given up to ten times.
        #[arg(long = "sign-out-uri", value_name = "URI", conflicts_with = "no_sign_out_uris")]
        sign_out_uris: Vec<String>,
        /// People are sent nowhere after they signed out.
        #[arg(long = "no-sign-out-uri")]
        no_sign_out_uris: bool,
        /// Where people return to from their account page, from now on. May be given up to ten times.
        #[arg(long = "return-uri", value_name = "URI", conflicts_with = "no_return_uris")]
        return_uris: Vec<String>,
        /// People are handed over no more.
        #[arg(long = "no-return-uri")]
        no_return_uris: bool,
    },
    /// Makes another secret for a client and prints it. The former one works too, until you end it with --end-former.
    RotateSecret {
        /// The client's id.
        client: String,
        /// End the former secret instead, once the client uses the new one everywhere.
        #[arg(long)]
        end_former: bool,
    },
    /// Removes a client: from then on nobody signs in to it. Tokens that it has end within five minutes.
    Remove {
        /// The client's id.
        client: String,
    },
}

/// Runs a command. Wrong input is told before anything is read.
pub async fn run(command: Clients, connection: &Connection) -> Result<(), Failure> {
    match command {
        Clients::Add { name, redirect_uris, sign_out_uris, return_uris, public } => {
            let registration = Registration::parse(&name, &redirect_uris, &sign_out_uris, &return_uris)?;
            add(&Operator::connect_to_clients(connection).await?, registration, public).await
        }
        Clients::List => list(&Operator::connect_to_clients(connection).await?).await,
        Clients::Change {
            client,
            name,
            redirect_uris,
            sign_out_uris,
            no_sign_out_uris,
            return_uris,
            no_return_uris,
        } => {
            let id = parse_id(&client)?;
            let mut changes = Changes::parse(name.as_deref(), &redirect_uris, &sign_out_uris, &return_uris)?;
            if no_sign_out_uris {
                changes.sign_out_uris = Some(Vec::new());
            }
            if no_return_uris {
                changes.return_uris = Some(Vec::new());
            }
            change(&Operator::connect_to_clients(connection).await?, &id, changes).await
        }
        Clients::RotateSecret { client, end_former } => {
            let id = parse_id(&client)?;
            let operator = Operator::connect_to_clients(connection).await?;
            if end_former {
                end_former_secret(&operator, &id).await
            } else {
                rotate(&operator, &id, connection).await
            }
        }
        Clients::Remove { client } => {
            let id = parse_id(&client)?;
            remove(&Operator::connect_to_clients(connection).await?, &id).await
        }
    }
}

/// What an operator says about a new client.
struct Registration {
    name: ClientName,
    redirect_uris: Vec<RedirectUri>,
    sign_out_uris: Vec<RedirectUri>,
    return_uris: Vec<RedirectUri>,
}

impl Registration {
    /// Parses it; the failure names all that is wrong.
    fn parse(
        name: &str,
        redirect_uris: &[String],
        sign_out_uris: &[String],
        return_uris: &[String],
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let name = parse_name(name, &mut problems);
        let redirect_uris = parse_uris("--redirect-uri", redirect_uris, &mut problems);
        let sign_out_uris = parse_uris("--sign-out-uri", sign_out_uris, &mut problems);
        let return_uris = parse_uris("--return-uri", return_uris, &mut problems);
        match name {
            Some(name) if problems.is_empty() => Ok(Self { name, redirect_uris, sign_out_uris, return_uris }),
            _ => Err(Failure::Input(problems)),
        }
    }
}

/// What an operator wants to change of a client. Nothing for what stays.
struct Changes {
    name: Option<ClientName>,
    redirect_uris: Option<Vec<RedirectUri>>,
    sign_out_uris: Option<Vec<RedirectUri>>,
    return_uris: Option<Vec<RedirectUri>>,
}

impl Changes {
    /// Parses them; the failure names all that is wrong.
    fn parse(
        name: Option<&str>,
        redirect_uris: &[String],
        sign_out_uris: &[String],
        return_uris: &[String],
    ) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let name = name.and_then(|name| parse_name(name, &mut problems));
        let redirect_uris = parse_uris("--redirect-uri", redirect_uris, &mut problems);
        let sign_out_uris = parse_uris("--sign-out-uri", sign_out_uris, &mut problems);
        let return_uris = parse_uris("--return-uri", return_uris, &mut problems);
        if !problems.is_empty() {
            return Err(Failure::Input(problems));
        }
        let given = |uris: Vec<RedirectUri>| Some(uris).filter(|uris| !uris.is_empty());
        Ok(Self {
            name,
            redirect_uris: given(redirect_uris),
            sign_out_uris: given(sign_out_uris),
            return_uris: given(return_uris),
        })
    }

    /// The client with these changes.
    fn of(self, client: Client) -> Client {
        Client {
            name: self.name.unwrap_or(client.name),
            redirect_uris: self.redirect_uris.unwrap_or(client.redirect_uris),
            sign_out_uris: self.sign_out_uris.unwrap_or(client.sign_out_uris),
            return_uris: self.return_uris.unwrap_or(client.return_uris),
            ..client
        }
    }
}

fn parse_name(typed: &str, problems: &mut Vec<String>) -> Option<ClientName> {
    ClientName::parse(typed).map_err(|error| problems.push(format!("--name: {error}"))).ok()
}

/// Parses the addresses of one option.
fn parse_uris(option: &str, typed: &[String], problems: &mut Vec<String>) -> Vec<RedirectUri> {
    let mut parsed = Vec::new();
    for uri in typed {
        match RedirectUri::parse(uri) {
            Ok(uri) => parsed.push(uri),
            Err(error) => problems.push(format!("{option} {uri}: {error}")),
        }
    }
    parsed
}

fn parse_id(typed: &str) -> Result<ClientId, Failure> {
    ClientId::parse(typed).map_err(|_| {
        Failure::Input(vec![format!("{typed:?} is not the id of a client: it has 22 characters")])
    })
}

async fn add(operator: &Operator, registration: Registration, public: bool) -> Result<(), Failure> {
    let now = operator.now();
    let secret = (!public).then(|| operator.entropy.client_secret());
    let client = Client {
        id: operator.entropy.client_id(),
        name: registration.name,
        redirect_uris: registration.redirect_uris,
        sign_out_uris: registration.sign_out_uris,
        return_uris: registration.return_uris,
        authentication: secret.as_ref().map_or(ClientAuthentication::Public, |secret| {
            ClientAuthentication::Confidential(ClientSecrets::new(secret, now))
        }),
        created_at: now,
    };
    let client = client.checked().map_err(|error| Failure::Input(vec![error.to_string()]))?;
    if !operator.store.add_client(&client).await? {
        return Err(Failure::Input(vec![format!("{} is registered already", client.id.as_str())]));
    }
    print_line!("client_id      {}", client.id.as_str());
    if let Some(secret) = secret {
        print_secret(&secret);
    }
    Ok(())
}

fn print_secret(secret: &ClientSecret) {
    print_line!("client_secret  {}", secret.expose());
    tell!("Keep the secret now: only its hash is stored.");
}

async fn list(operator: &Operator) -> Result<(), Failure> {
    let clients = operator.store.list_clients().await?;
    for client in &clients {
        print_line!("{}", entry(client));
    }
    print_line!("{}", counted(clients.len(), "client", "clients"));
    Ok(())
}

/// A client as the list shows it, in several lines.
fn entry(client: &Client) -> String {
    let (kind, secrets) = match &client.authentication {
        ClientAuthentication::Public => ("public", None),
        ClientAuthentication::Confidential(secrets) => ("confidential", Some(secrets)),
    };
    let (id, since) = (client.id.as_str(), client.created_at.rfc3339());
    let mut lines = vec![format!("{id}  {since}  {kind:12}  {}", client.name)];
    for (what, uris) in [
        ("redirect-uri", &client.redirect_uris),
        ("sign-out-uri", &client.sign_out_uris),
        ("return-uri  ", &client.return_uris),
    ] {
        lines.extend(uris.iter().map(|uri| format!("    {what}   {uri}")));
    }
    if let Some(secrets) = secrets {
        lines.push(format!("    secret         made {}", secrets.current.made_at.rfc3339()));
        if let Some(former) = &secrets.former {
            lines.push(format!("    former secret  made {}, still accepted", former.made_at.rfc3339()));
        }
    }
    lines.join("\n")
}

/// Changes what is registered. Somebody else may have changed it since it was read: then nothing is done.
async fn change(operator: &Operator, id: &ClientId, changes: Changes) -> Result<(), Failure> {
    let read = operator.store.find_client(id).await?.ok_or_else(|| unknown(id))?;
    let new = changes.of(read.clone()).checked().map_err(|error| Failure::Input(vec![error.to_string()]))?;
    if !operator.store.change_client(&read, &new).await? {
        return Err(Failure::Input(vec![format!(
            "{} was changed at the same time; nothing was done",
            id.as_str()
        )]));
    }
    print_line!("{}", entry(&new));
    Ok(())
}

/// Makes another secret. With one that is being replaced already, a third would end the secret that the client may still use.
async fn rotate(operator: &Operator, id: &ClientId, connection: &Connection) -> Result<(), Failure> {
    let (name, secrets) = secrets_of(operator, id).await?;
    if secrets.former.is_some() {
        return Err(Failure::Input(vec![format!(
            "the former secret of {name} is still accepted; end it with --end-former first"
        )]));
    }
    let secret = operator.entropy.client_secret();
    replace(operator, id, &secrets, &secrets.clone().rotated(operator.now(), &secret)).await?;
    print_secret(&secret);
    let (program, id) = (connection.program(), id.as_str());
    tell!("The former secret works too, until: {program} clients rotate-secret --end-former -- {id}");
    Ok(())
}

async fn end_former_secret(operator: &Operator, id: &ClientId) -> Result<(), Failure> {
    let (name, secrets) = secrets_of(operator, id).await?;
    if secrets.former.is_none() {
        print_line!("{name} ({}) has one secret only", id.as_str());
        return Ok(());
    }
    replace(operator, id, &secrets, &secrets.clone().without_former()).await?;
    print_line!("the former secret of {name} ({}) has ended", id.as_str());
    Ok(())
}

/// The name and the secrets of a confidential client.
async fn secrets_of(operator: &Operator, id: &ClientId) -> Result<(ClientName, ClientSecrets), Failure> {
    let client = operator.store.find_client(id).await?.ok_or_else(|| unknown(id))?;
    match client.authentication {
        ClientAuthentication::Confidential(secrets) => Ok((client.name, secrets)),
        ClientAuthentication::Public => {
            Err(Failure::Input(vec![format!("{} is public: it has no secret", client.name)]))
        }
    }
}

async fn replace(
    operator: &Operator,
    id: &ClientId,
    read: &ClientSecrets,
    new: &ClientSecrets,
) -> Result<(), Failure> {
    if operator.store.replace_client_secrets(id, read, new).await? {
        return Ok(());
    }
    Err(Failure::Input(vec![format!(
        "the secrets of {} were changed at the same time; nothing was done",
        id.as_str()
    )]))
}

async fn remove(operator: &Operator, id: &ClientId) -> Result<(), Failure> {
    if !operator.store.remove_client(id).await? {
        return Err(unknown(id));
    }
    print_line!("{} is removed", id.as_str());
    Ok(())
}

fn unknown(id: &ClientId) -> Failure {
    Failure::Input(vec![format!("there is no client {}", id.as_str())])
}
