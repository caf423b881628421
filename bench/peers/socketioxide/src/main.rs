//! socketioxide with the bench's tiny chat protocol: room:join, message:send, NEW_MESSAGE.
//! Two workers, keeps nothing, checks no token. Usage: peer_socketioxide --port P

use axum::{routing::get, serve::ListenerExt, Router};
use serde::{Deserialize, Serialize};
use socketioxide::{
    extract::{AckSender, Data, SocketRef},
    handler::ConnectHandler,
    SocketIo,
};
use std::convert::Infallible;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    room_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Send {
    room_id: String,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewMessage<'a> {
    sender_id: &'a str,
    room_id: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Head {
    head: u64,
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Head>,
}

async fn on_join(socket: SocketRef, Data(request): Data<Join>, ack: AckSender) {
    socket.join(request.room_id);
    let _ = ack.send(&Answer { status: "success", data: Some(Head { head: 0 }) });
}

async fn on_send(io: SocketIo, socket: SocketRef, Data(request): Data<Send>, ack: AckSender) {
    let message = NewMessage {
        sender_id: socket.id.as_str(),
        room_id: &request.room_id,
        text: &request.text,
    };
    let _ = io.to(request.room_id.clone()).emit("NEW_MESSAGE", &message).await;
    let _ = ack.send(&Answer { status: "success", data: None });
}

// A middleware runs before CONNECT is answered; a connect handler runs after it and would miss
// what a quick client sends at once.
async fn register(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("room:join", on_join);
    socket.on("message:send", on_send);
    Ok(())
}

async fn on_connect(_socket: SocketRef) {}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port");
    let port: u16 = arguments.nth(1).and_then(|port| port.parse().ok()).expect("--port P");

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let (layer, io) = SocketIo::new_layer();
        io.ns("/", on_connect.with(register));
        let app = Router::new().route("/readyz", get(|| async { "ready" })).layer(layer);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("listen")
            .tap_io(|stream| {
                let _ = stream.set_nodelay(true);
            });
        axum::serve(listener, app).await.expect("serve");
    });
}
