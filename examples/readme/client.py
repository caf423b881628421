import sys
import socketio

url, token = sys.argv[1:]
client = socketio.Client()
client.on("NEW_MESSAGE", lambda event: print(f"{event['senderId']}: {event['data']['text']}", flush=True))

client.connect(url, auth={"token": token})
client.call("room:join", {"roomId": "lobby", "after": 0})
client.call("message:send", {"roomId": "lobby", "text": "hello from Python", "clientMessageId": "py-1"})
client.wait()
