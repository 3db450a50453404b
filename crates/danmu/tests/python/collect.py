"""Collects messages with aiodouyu: collect.py PORT ROOM COUNT. Prints them as JSON Lines, without control."""
import asyncio
import json
import sys

from aiodouyu import DanmakuClient

CONTROL = {"loginres", "pingreq", "mrkl", "keeplive", "subres", "error"}


async def collect(port, room, count):
    client = DanmakuClient(room_id=room, host="127.0.0.1", port=port, reconnect=False)
    async for message in client:
        if message.get("type") in CONTROL:
            continue
        print(json.dumps(message))
        count -= 1
        if count == 0:
            break
    sys.stdout.flush()
    await client.close()


port, room, count = map(int, sys.argv[1:])
asyncio.run(asyncio.wait_for(collect(port, room, count), 30))
