"""``python -m reckon.worker FD LAUNCH``: the worker process. Started by engines/native.py, never by hand.

FD is the worker's end of a socket pair, LAUNCH a link.Launch as JSON.
"""

import logging
import signal
import socket
import sys

import msgspec

from reckon.link import Launch, WorkerEnd
from reckon.worker.loop import serve


def main() -> int:
    # Ctrl-C reaches the whole process group; the API process drains and then closes the link, which ends this one.
    # SIGTERM goes to all of it too, from a service manager say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    launch = msgspec.json.decode(sys.argv[2], type=Launch)
    logging.basicConfig(level=launch.log_level.upper(), format="%(asctime)s worker %(levelname)s %(name)s: %(message)s")
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        return serve(launch, WorkerEnd(sock))


if __name__ == "__main__":
    sys.exit(main())
