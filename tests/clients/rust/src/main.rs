//! The crate rust_socketio against the echo server: echo-client URL TRANSPORT.

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const DEADLINE: Duration = Duration::from_secs(60);

/// A client whose events wait in queues.
struct Peer {
    client: Client,
    auths: Receiver<Payload>,
    answers: Receiver<Payload>,
    errors: Receiver<Payload>,
}

struct Target {
    url: String,
    transport: TransportType,
}

impl Target {
    fn connect(&self, namespace: &str, auth: Option<Value>) -> Result<Peer, rust_socketio::Error> {
        let (auth_sender, auths) = channel();
        let (answer_sender, answers) = channel();
        let (error_sender, errors) = channel();
        let mut builder = ClientBuilder::new(self.url.clone())
            .namespace(namespace)
            .transport_type(self.transport.clone())
            .reconnect(false)
            .on("auth", move |payload, _| drop(auth_sender.send(payload)))
            .on("message-back", move |payload, _| {
                drop(answer_sender.send(payload))
            })
            .on(Event::Error, move |payload, _| {
                drop(error_sender.send(payload))
            });
        if let Some(auth) = auth {
            builder = builder.auth(auth);
        }
        let client = builder.connect()?;
        Ok(Peer {
            client,
            auths,
            answers,
            errors,
        })
    }

    /// Connected for sure: the client returns before the server's answer.
    fn connected(&self, namespace: &str) -> Result<Peer, Box<dyn std::error::Error>> {
        let peer = self.connect(namespace, Some(json!({"to": namespace})))?;
        expect(
            &text(peer.auths.recv_timeout(DEADLINE)?)?,
            &[json!({"to": namespace})],
        )?;
        Ok(peer)
    }
}

impl Peer {
    fn echo(&self, args: Vec<Value>) -> Outcome {
        self.client.emit("message", Payload::Text(args.clone()))?;
        expect(&text(self.answers.recv_timeout(DEADLINE)?)?, &args)
    }

    fn echo_bytes(&self, bytes: Vec<u8>) -> Outcome {
        self.client.emit("message", bytes.clone())?;
        match self.answers.recv_timeout(DEADLINE)? {
            Payload::Binary(answer) if answer == bytes => Ok(()),
            other => Err(shorten(&format!("{other:?} instead of the bytes sent")).into()),
        }
    }

    fn call(&self, args: Vec<Value>) -> Result<Payload, Box<dyn std::error::Error>> {
        let (sender, answers) = channel();
        let keep = move |payload: Payload, _| drop(sender.send(payload));
        self.client
            .emit_with_ack("message-with-ack", Payload::Text(args), DEADLINE, keep)?;
        Ok(answers.recv_timeout(DEADLINE)?)
    }
}

fn text(payload: Payload) -> Result<Vec<Value>, String> {
    match payload {
        Payload::Text(values) => Ok(values),
        other => Err(shorten(&format!("{other:?} instead of text"))),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

fn expect(got: &[Value], expected: &[Value]) -> Outcome {
    if got == expected {
        return Ok(());
    }
    Err(format!(
        "{} instead of {}",
        shorten(&format!("{got:?}")),
        shorten(&format!("{expected:?}"))
    )
    .into())
}

fn auth_payload(target: &Target) -> Outcome {
    for auth in [
        None,
        Some(json!({"token": "abc", "deep": {"list": [1, "é👍", null]}})),
    ] {
        let peer = target.connect("/", auth.clone())?;
        expect(
            &text(peer.auths.recv_timeout(DEADLINE)?)?,
            &[auth.unwrap_or(json!({}))],
        )?;
        peer.client.disconnect()?;
    }
    Ok(())
}

fn json_of_every_kind(target: &Target) -> Outcome {
    let peer = target.connected("/")?;
    peer.echo(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("é€👍\"\\\n\u{2028}"),
    ])?;
    peer.echo(vec![
        json!([]),
        json!({}),
        json!([[[{}]]]),
        json!({"a": {"b": [1, {"c": null}]}}),
    ])?;
    peer.client.disconnect()?;
    Ok(())
}

fn binary(target: &Target) -> Outcome {
    let peer = target.connected("/")?;
    // This client splits what comes by WebSocket at the separator of polling.
    peer.echo_bytes((0..=255).filter(|byte| *byte != 0x1e).collect())?;
    peer.echo(vec![json!("text again")])?;
    peer.client.disconnect()?;
    Ok(())
}

fn order_of_1000_messages(target: &Target) -> Outcome {
    let peer = target.connected("/")?;
    for number in 0..1000 {
        peer.client
            .emit("message", Payload::Text(vec![json!(number), json!("text")]))?;
    }
    for number in 0..1000 {
        expect(
            &text(peer.answers.recv_timeout(DEADLINE)?)?,
            &[json!(number), json!("text")],
        )?;
    }
    peer.client.disconnect()?;
    Ok(())
}

fn acknowledgements(target: &Target) -> Outcome {
    let peer = target.connected("/")?;
    // This client hands the arguments of an answer over as one array.
    let args = vec![json!(1), json!("two"), json!({"three": [3]})];
    expect(&text(peer.call(args.clone())?)?, &[Value::Array(args)])?;
    peer.client.disconnect()?;
    Ok(())
}

fn custom_namespace(target: &Target) -> Outcome {
    let peer = target.connected("/custom")?;
    peer.echo(vec![json!("in /custom")])?;
    peer.client.disconnect()?;
    Ok(())
}

fn invalid_namespace(target: &Target) -> Outcome {
    let peer = target.connect("/random", None)?;
    let error = format!("{:?}", peer.errors.recv_timeout(DEADLINE)?);
    if !error.contains("Invalid namespace") {
        return Err(error.into());
    }
    Ok(())
}

fn payload_near_the_limit(target: &Target) -> Outcome {
    let peer = target.connected("/")?;
    peer.echo(vec![json!("x".repeat(999_900))])?;
    peer.echo_bytes(vec![7; 740_000])?;
    peer.client.disconnect()?;
    Ok(())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let transport = match args[1].as_str() {
        "websocket" => TransportType::Websocket,
        "polling" => TransportType::Polling,
        _ => TransportType::WebsocketUpgrade,
    };
    let target = Target {
        url: args[0].clone(),
        transport,
    };
    let checks: [(&str, fn(&Target) -> Outcome); 8] = [
        ("auth payload", auth_payload),
        ("json of every kind", json_of_every_kind),
        ("binary", binary),
        ("order of 1000 messages", order_of_1000_messages),
        ("acknowledgements", acknowledgements),
        ("custom namespace", custom_namespace),
        ("invalid namespace", invalid_namespace),
        ("payload near the limit", payload_near_the_limit),
    ];
    for (name, check) in checks {
        match check(&target) {
            Ok(()) => println!("ok {name}"),
            Err(error) => println!("FAIL {name}: {}", error.to_string().replace('\n', " ")),
        }
    }
    // The client's threads would keep the program alive.
    std::process::exit(0);
}
