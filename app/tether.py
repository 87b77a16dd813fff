"""Runs a program for as long as whoever started it lives: `python tether.py PROGRAM WORD …`.

A tunnel whose Earshot was killed would go on, and lead into whatever takes its port next.
"""

import os
import subprocess
import sys
import threading

PATIENCE = 2  # seconds for the program to end by itself


def run(command: list[str]) -> int:
    """The program's exit status. It is ended when standard input is."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def follow() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock would outlive us
            pass
        program.terminate()
        try:
            program.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            program.kill()

    threading.Thread(target=follow, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
