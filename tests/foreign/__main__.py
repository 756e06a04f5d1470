"""The foreign peer by itself: `listen` prints its port, `dial PORT SECONDS` what it measured."""

import json
import sys
import time

from tests.foreign.peer import Listener, dial


def main(role: str, port: str = "0", seconds: str = "4") -> None:
    if role == "listen":
        listener = Listener()
        print(listener.port, flush=True)
        conversation = listener.next()
        listener.close()
        conversation.join()
        return
    conversation = dial(int(port), "caller", "callee")
    conversation.wait_for_keys(1)
    began, before = time.perf_counter(), conversation.side.iterations
    conversation.join(float(seconds))
    iterations, took = conversation.side.iterations - before, time.perf_counter() - began
    conversation.stop()
    print(json.dumps({"iterations_per_second": iterations / took}))


if __name__ == "__main__":
    main(*sys.argv[1:])
