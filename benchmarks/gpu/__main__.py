"""`python -m benchmarks.gpu [STEP …]`: what an NVIDIA GPU makes of Earshot, step by step, each in a
process of its own. `--toy` rehearses it on a processor in a minute or two. See README.md here.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.gpu import processes, report
from benchmarks.gpu.setting import STEPS, Setting, roomiest
from model.paths import as_path


def main() -> int:
    cli = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    cli.add_argument("steps", nargs="*", help=f"of {', '.join(STEPS)}; default: all")
    cli.add_argument("--seconds", type=float, default=600, help="in all; default: %(default)s")
    cli.add_argument("--out", type=as_path, default=Path("build/gpu"), help="default: %(default)s")
    cli.add_argument("--fixtures", type=as_path, metavar="DIR", help="those of model.parity")
    cli.add_argument(
        "--scratch", type=as_path, help="27 GB for a while; default: where there is room"
    )
    cli.add_argument("--toy", action="store_true", help="small, on a processor")
    cli.add_argument("--step", help=argparse.SUPPRESS)
    cli.add_argument("--skip", nargs="*", default=[], help=argparse.SUPPRESS)
    args = cli.parse_args()
    scratch = (args.scratch or roomiest(toy=args.toy)).absolute()
    fixtures = args.fixtures.absolute() if args.fixtures else None
    setting = Setting(args.toy, args.out.absolute(), scratch, fixtures)
    if args.step:
        processes.run_here(args.step, setting, args.skip)
        sys.stdout.flush()
        os._exit(0)  # without the long way down of a library that holds a GPU
    if unknown := set(args.steps) - set(STEPS):
        cli.error(f"there is no step {min(unknown)}: {', '.join(STEPS)}")
    rows = processes.run_all(args.steps or list(STEPS), setting, args.seconds)
    print(report.write(rows, setting.out, toy=args.toy))
    return report.status(rows, toy=args.toy)


if __name__ == "__main__":
    sys.exit(main())
