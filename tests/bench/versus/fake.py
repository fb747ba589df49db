"""``fake.py SCRIPT FD``: a contestant that plays a script instead of measuring.

SCRIPT is a JSON file. ``answers`` has by the name of an order what to do: an object is the answer, a text that is no order
of ours is sent as it is, "die" prints a last word and ends with code 3, "hang" never answers. A list has one of these for each
time, the last for ever. Every order is noted in the file ``journal``, after the contestant's ``name``.
"""

import json
import socket
import sys
import time
from pathlib import Path

script = json.loads(Path(sys.argv[1]).read_text())
times: dict[str, int] = {}
print("this goes to the log and harms nobody", flush=True)
with socket.socket(fileno=int(sys.argv[2])) as line, line.makefile("rw", encoding="utf-8") as lines:
    for text in lines:
        order = json.loads(text)
        do = order["do"]
        with Path(script["journal"]).open("a") as journal:
            journal.write(json.dumps([script["name"], order]) + "\n")
        answer = script["answers"].get(do, {})
        if isinstance(answer, list):
            times[do] = times.get(do, 0) + 1
            answer = answer[min(times[do], len(answer)) - 1]
        if answer == "die":
            print("the last word\n", flush=True)
            sys.exit(3)
        if answer == "hang":
            time.sleep(600)
        lines.write((answer if isinstance(answer, str) else json.dumps(answer)) + "\n")
        lines.flush()
