"""Serves danmu with aiodouyu's own test server: serve.py COUNT. Prints its port, and at the end what it heard."""
import asyncio
import json
import sys

from aiodouyu.testing import FakeDanmakuServer


async def serve(count):
    async with FakeDanmakuServer() as server:
        left = asyncio.Event()

        async def script(server, reader, writer, index):
            for n in range(count):
                server.send(writer, {"type": "chatmsg", "rid": 9999, "uid": n, "nn": "小明", "txt": f"a/b@c {n}",
                                     "cid": f"{n:032x}", "dms": 4})
            await writer.drain()
            while True:
                message = await server.read_client_message(reader)
                if message.get("type") == "mrkl":
                    server.send(writer, {"type": "mrkl"})
                    await writer.drain()
                if message.get("type") == "logout":
                    left.set()
                    return

        server.script = script
        print(server.port, flush=True)
        await left.wait()
        print(json.dumps({"received": server.received, "errors": [str(error) for error in server.errors]}))


asyncio.run(asyncio.wait_for(serve(int(sys.argv[1])), 30))
