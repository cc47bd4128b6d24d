//! `haven user …`

use serde_json::json;

use crate::args::user::{Role, UserCommand};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::prompt;
use crate::records::Record;
use crate::render::{Answer, Cell, Row};

/// The one user who is no subject.
const ROOT: &str = "root";

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: UserCommand) -> Outcome<()> {
    match verb {
        UserCommand::List => list(context).await,
        UserCommand::Add { name, role, password_stdin } => {
            add(context, &name, role, password_stdin).await
        }
        UserCommand::Remove { user, yes } => remove(context, &user, yes).await,
        UserCommand::Role { user, role } => set_role(context, &user, role).await,
        UserCommand::Password { user, password_stdin } => {
            password(context, &user, password_stdin).await
        }
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let subjects = context.all("subject").await?;
    let roles = context.all("role").await?;
    let row = |subject: &Record| -> Row {
        let held = subject.refs("roles");
        let names = roles.iter().filter(|role| held.contains(&role.reference.as_str()));
        let names: Vec<String> = names.map(|role| role.name().to_owned()).collect();
        vec![
            Cell::text("name", subject.text("subject_identifier")),
            Cell::list("roles", &names),
            Cell::text("uuid", subject.uuid()),
        ]
    };
    let rows = subjects.iter().map(row).collect();
    context.print(&Answer::Table { columns: vec!["name", "roles", "uuid"], rows })
}

/// The user of exactly that name: nobody is removed by the beginning of a name.
async fn user(context: &mut Context, name: &str) -> Outcome<Record> {
    let subjects = context.all("subject").await?;
    let found = subjects.iter().find(|row| row.text("subject_identifier") == name);
    found.cloned().ok_or_else(|| Failure::NotFound {
        what: "user",
        given: name.to_owned(),
        near: Vec::new(),
    })
}

async fn role_of(context: &mut Context, role: Role) -> Outcome<Record> {
    context.find("role", "role", role.wire(), |_| true).await
}

fn new_password(user: &str, from_stdin: bool) -> Outcome<String> {
    if from_stdin { prompt::line_of_stdin() } else { prompt::new_password(user) }
}

async fn add(context: &mut Context, name: &str, role: Role, from_stdin: bool) -> Outcome<()> {
    if name == ROOT {
        return Err(Failure::Usage("root is there, and may do everything".to_owned()));
    }
    let found = role_of(context, role).await?;
    let password = new_password(name, from_stdin)?;
    // In one step: without a role of its own a new user would be an administrator.
    let record = json!({
        "subject_identifier": name,
        "other_config": { "password": password },
        "roles": [found.reference],
    });
    let made = context.call("subject.create", &[record]).await?;
    let uuid = context.call("subject.get_uuid", &[made]).await?;
    let text = format!("user {name} is added: {}", role.wire());
    let value = json!({ "uuid": uuid, "name": name, "role": role.wire() });
    context.print(&Answer::done(text, value))
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Outcome<()> {
    let user = user(context, name).await?;
    prompt::confirm(&format!("User {name} can log in no more."), yes)?;
    context.call("subject.destroy", &[json!(user.reference)]).await?;
    let value = json!({ "uuid": user.uuid(), "name": name });
    context.print(&Answer::done(format!("user {name} is removed"), value))
}

/// The new one comes first, so that no session ends for want of a role; in between the user has the
/// old one still or the new one already.
async fn set_role(context: &mut Context, name: &str, role: Role) -> Outcome<()> {
    let user = user(context, name).await?;
    let wanted = role_of(context, role).await?;
    let held = user.refs("roles");
    if !held.contains(&wanted.reference.as_str()) {
        let params = [json!(user.reference), json!(wanted.reference)];
        context.call("subject.add_to_roles", &params).await?;
    }
    for other in held.iter().filter(|held| **held != wanted.reference) {
        let params = [json!(user.reference), json!(other)];
        context.call("subject.remove_from_roles", &params).await?;
    }
    let value = json!({ "uuid": user.uuid(), "name": name, "role": role.wire() });
    context.print(&Answer::done(format!("user {name} is {} now", role.wire()), value))
}

async fn password(context: &mut Context, name: &str, from_stdin: bool) -> Outcome<()> {
    if name != ROOT {
        user(context, name).await?;
    }
    let password = new_password(name, from_stdin)?;
    let body = json!({ "user": name, "password": password });
    context.rpc.send("/haven/users/password", &body).await?;
    let text = format!("{name} logs in with the new password from now on");
    context.print(&Answer::done(text, json!({ "name": name })))
}
