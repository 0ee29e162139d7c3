//! `posthaste enqueue`

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
};

use anyhow::{Context, Result};
use clap::Args;
use posthaste_client::{
    RawTask,
    proto::{Enqueued, NewTask, RetryPolicy},
};
use serde_json::{Value, value::RawValue};

use super::{
    Session, Usage,
    args::{ServerArgs, header, headers},
    import::{self, ImportArgs},
    ndjson::LINE_MAX,
    profiles::Environment,
    screen::note,
    settings::{object, pair, typed},
    times::When,
};
use crate::cli::Output;

/// What `posthaste enqueue` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  posthaste enqueue orders '{\"id\":7}' --type order.paid
  posthaste enqueue orders @order.json --type order.paid --delay 2h --priority 9
  posthaste enqueue scans @scan.png --type scan.done --content-type image/png
  generate-report | posthaste enqueue reports --type report.made --idempotency-key report-2026-01-31
  posthaste enqueue orders --file tasks.ndjson --refused refused.ndjson

A line of a file is a task as the API takes it:
  {\"type\":\"order.paid\",\"payload\":{\"id\":7},\"priority\":9,\"delay\":\"2h\",\"headers\":{\"x-shop\":\"7\"},\"idempotency_key\":\"order-7-paid\"}

A file is enqueued as a run with a name. A task without an idempotency key of its own gets RUN:LINE, so that the same run again, within \
the 24 h that the server remembers keys for, enqueues nothing twice. What stops a run prints the command that goes on with it.")]
pub struct EnqueueArgs {
    /// The queue
    queue: String,

    /// The payload: a text, @FILE, or - for standard input (as when left out); JSON unless --content-type says otherwise
    #[arg(conflicts_with = "file")]
    payload: Option<String>,

    #[command(flatten)]
    task: FieldArgs,

    #[command(flatten)]
    import: ImportArgs,

    #[command(flatten)]
    server: ServerArgs,
}

/// What a task has besides its payload.
#[derive(Debug, Args)]
#[command(next_help_heading = "The task")]
struct FieldArgs {
    /// What kind of task it is, dotted: order.paid
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "file")]
    kind: Option<String>,

    /// The payload's media type; then it is any bytes
    #[arg(long, value_name = "TYPE", conflicts_with = "file")]
    content_type: Option<String>,

    /// A header that is sent with each request; again for another
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, conflicts_with = "file")]
    header: Vec<(String, String)>,

    /// 0 to 9, 9 goes first [default: 4]
    #[arg(long, value_name = "0-9", conflicts_with = "file")]
    priority: Option<u8>,

    /// When to make the first attempt: after 2h, or at 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", visible_alias = "due-at", conflicts_with = "file")]
    delay: Option<When>,

    /// When sending it makes no more sense: after 2h, or at 2026-01-31T12:00:00Z
    #[arg(
        long,
        value_name = "TIME",
        visible_alias = "expires-at",
        conflicts_with = "file"
    )]
    expires: Option<When>,

    /// A name of yours for this task: a repeat, which must be the same in every option, makes no second one
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    idempotency_key: Option<String>,

    /// What it is in order with, at endpoints whose ordering is by key
    #[arg(long, value_name = "KEY", conflicts_with = "file")]
    ordering_key: Option<String>,

    /// Its own retry policy, such as attempts=3 or initial=1s; again for another part
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair, conflicts_with = "file")]
    retry: Vec<(String, Value)>,
}

/// Does what it is told.
pub(super) async fn run(args: EnqueueArgs, environment: &Environment) -> Result<()> {
    let EnqueueArgs {
        queue,
        payload,
        task,
        import,
        server,
    } = args;
    if import.is_meant()? {
        let session = Session::open_with(&server, environment, import::patient)?;
        return import::run(&session, &queue, import).await;
    }
    let session = Session::open(&server, environment)?;
    let payload = read(payload.as_deref())?;
    let now = session.screen.times.now;
    let retry = (!task.retry.is_empty())
        .then(|| object(task.retry).and_then(typed::<RetryPolicy>))
        .transpose()?;
    let headers = headers(task.header)?;
    let (delay, due_at) = match task.delay {
        None => (None, None),
        // By the server's clock.
        Some(When::Away(span)) => (Some(span), None),
        Some(When::At(at)) => (None, Some(at)),
    };
    let expires_at = task.expires.map(|when| when.ahead(now));
    let enqueued = if let Some(content_type) = task.content_type {
        let task = RawTask {
            kind: task.kind,
            payload: payload.into(),
            content_type: Some(content_type),
            headers,
            priority: task.priority,
            delay,
            due_at,
            expires_at,
            idempotency_key: task.idempotency_key,
            ordering_key: task.ordering_key,
            retry,
        };
        session.client.enqueue_raw(&queue, task).await?
    } else {
        let task = NewTask {
            kind: task.kind,
            payload: Some(json_text(payload)?),
            headers,
            priority: task.priority,
            delay,
            due_at,
            expires_at,
            idempotency_key: task.idempotency_key,
            ordering_key: task.ordering_key,
            retry,
            ..NewTask::default()
        };
        session.client.enqueue(&queue, task).await?
    };
    session.enqueued(&enqueued)
}

/// The payload's bytes.
fn read(given: Option<&str>) -> Result<Vec<u8>> {
    match given {
        Some("-") => take(io::stdin(), "standard input"),
        None if !io::stdin().is_terminal() => take(io::stdin(), "standard input"),
        None => {
            Err(Usage("no payload: give it as an argument, as @FILE, or on standard input".to_owned()).into())
        }
        Some(text) => match text.strip_prefix('@') {
            Some(path) => {
                let file = File::open(path).with_context(|| format!("{path} cannot be read"))?;
                take(file, path)
            }
            None => Ok(text.as_bytes().to_vec()),
        },
    }
}

fn take(input: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    let most = LINE_MAX as u64 + 1;
    input
        .take(most)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() > LINE_MAX {
        return Err(Usage(format!(
            "{name} has more than {} MiB, which no server takes",
            LINE_MAX >> 20
        ))
        .into());
    }
    Ok(bytes)
}

/// The text as JSON, byte for byte but for the space around it.
pub(super) fn json_text(bytes: Vec<u8>) -> Result<Box<RawValue>, Usage> {
    let wrong = |why: String| {
        Usage(format!(
            "the payload is not JSON ({why}): mend it, or say with --content-type what it is"
        ))
    };
    let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    RawValue::from_string(text).map_err(|error| wrong(error.to_string()))
}

impl Session {
    fn enqueued(&self, enqueued: &Enqueued) -> Result<()> {
        let mut fields = vec![
            ("id", enqueued.id.to_string()),
            ("deliveries", enqueued.deliveries.to_string()),
        ];
        if enqueued.repeated {
            fields.push((
                "repeated",
                "yes: a task with this key was there already".to_owned(),
            ));
        }
        self.screen.thing(enqueued, &fields)?;
        if enqueued.deliveries == 0 && !enqueued.repeated && self.screen.output == Output::Table {
            note("No endpoint of the queue wants it: it is stored, and sent nowhere.");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_an_argument_or_a_file() {
        assert_eq!(read(Some("{}")).unwrap(), b"{}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, b"\xff").unwrap();
        let argument = format!("@{}", path.display());
        assert_eq!(read(Some(&argument)).unwrap(), b"\xff");
        std::fs::remove_file(&path).unwrap();
        assert!(read(Some(&argument)).is_err());
    }

    #[test]
    fn json_stays_as_it_is_written() {
        for (text, json) in [
            (" {\"a\" : 1.0e2}\n", "{\"a\" : 1.0e2}"),
            ("null", "null"),
            ("\"\\u00e9\"", "\"\\u00e9\""),
        ] {
            assert_eq!(json_text(text.into()).unwrap().get(), json);
        }
        for wrong in [&b""[..], b"{", b"hello", b"\xff", b"{} {}"] {
            let error = json_text(wrong.to_vec()).unwrap_err();
            assert!(error.0.contains("--content-type"), "{error}");
        }
    }
}
