//! `penstock token`: who may ask the server, by which name and for what.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::status::UNREADABLE;
use super::{Server, all_listed, find_listed, is_id, path_part, print_json};
use crate::terminal::tame;

const PATH: &str = "/api/v1/tokens";

/// Make, list and revoke tokens
#[derive(clap::Args)]
#[command(disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Create(Create),
    List(List),
    Revoke(Revoke),
    Whoami(Whoami),
}

/// Make a token: its secret alone is printed on the standard output, this once
#[derive(clap::Args)]
struct Create {
    /// How its bearer is called wherever something is done with it
    #[arg(long)]
    name: String,
    /// What its bearer may do; each role may all that those before it may
    #[arg(long, value_parser = ["viewer", "developer", "approver", "admin"])]
    role: String,
    /// Who its bearer is at the forge: nobody approves a change of their own
    #[arg(long, value_name = "LOGIN")]
    forge_login: Option<String>,
    /// Days until it ends, at most 3650 [default: it does not]
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    server: Server,
}

/// List the tokens that were not revoked
#[derive(clap::Args)]
struct List {
    /// Print them as the server tells them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Revoke a token: it is worth nothing from then on
#[derive(clap::Args)]
struct Revoke {
    /// The token's name or id
    #[arg(value_name = "NAME|ID")]
    token: String,
    #[command(flatten)]
    server: Server,
}

/// Show whom the token in use stands for
#[derive(clap::Args)]
struct Whoami {
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Of the server's answer, what is shown.
#[derive(Debug, Deserialize)]
struct Token {
    id: String,
    token_name: String,
    role: String,
    forge_login: Option<String>,
    expires_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Actor {
    name: String,
    role: String,
    forge_login: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.command {
        Command::Create(create) => create.run(),
        Command::List(list) => list.run(),
        Command::Revoke(revoke) => revoke.run(),
        Command::Whoami(whoami) => whoami.run(),
    }?;
    Ok(ExitCode::SUCCESS)
}

impl Create {
    fn run(&self) -> Result<()> {
        let answer = self.server.client()?.post_without_key(PATH, &self.body())?;
        let secret = answer["secret"].as_str().context(UNREADABLE)?;
        let token: Token = Deserialize::deserialize(&answer["token"]).context(UNREADABLE)?;
        eprintln!("{}", token.line());
        eprintln!("Its secret is kept nowhere else:");
        println!("{}", tame(secret));
        Ok(())
    }

    /// Only what was said: what was not is the server's to decide.
    fn body(&self) -> Value {
        let mut body = Map::from_iter([
            ("token_name".to_owned(), json!(self.name)),
            ("role".to_owned(), json!(self.role)),
        ]);
        body.extend(self.forge_login.as_ref().map(|login| ("forge_login".to_owned(), json!(login))));
        body.extend(self.expires_in_days.map(|days| ("expires_in_days".to_owned(), json!(days))));
        Value::Object(body)
    }
}

impl List {
    fn run(&self) -> Result<()> {
        let client = self.server.client()?;
        if self.json {
            print_json(&json!(all_listed::<Value>(&client, PATH, "tokens")?));
            return Ok(());
        }
        for token in all_listed::<Token>(&client, PATH, "tokens")? {
            println!("{}", token.line());
        }
        Ok(())
    }
}

impl Revoke {
    fn run(&self) -> Result<()> {
        let client = self.server.client()?;
        let id = token_id(&client, &self.token)?;
        let answer = client.delete(&format!("{PATH}/{}", path_part(&id)))?;
        let token: Token = Deserialize::deserialize(&answer["token"]).context(UNREADABLE)?;
        println!("revoked {}", token.line());
        Ok(())
    }
}

fn token_id(client: &Client, named: &str) -> Result<String> {
    if is_id(named) {
        return Ok(named.to_owned());
    }
    let found = find_listed(client, PATH, "tokens", |token| token["token_name"] == named)?;
    let found = found.with_context(|| {
        format!("the server knows no token named `{named}`; `penstock token list` lists those that there are")
    })?;
    Ok(found["id"].as_str().context(UNREADABLE)?.to_owned())
}

impl Whoami {
    fn run(&self) -> Result<()> {
        let answer = self.server.client()?.get("/api/v1/whoami")?;
        if self.json {
            print_json(&answer);
            return Ok(());
        }
        let actor: Actor = Deserialize::deserialize(&answer["actor"]).context(UNREADABLE)?;
        let login = actor.forge_login.map(|login| format!("  {} at the forge", tame(&login)));
        println!("{}  {}{}", tame(&actor.name), tame(&actor.role), login.unwrap_or_default());
        Ok(())
    }
}

impl Token {
    fn line(&self) -> String {
        let mut line = format!("{}  {:<9}  {}", tame(&self.id), tame(&self.role), tame(&self.token_name));
        if let Some(login) = &self.forge_login {
            line.push_str(&format!("  {} at the forge", tame(login)));
        }
        if let Some(until) = &self.expires_at {
            line.push_str(&format!("  until {}", tame(until)));
        }
        line
    }
}
