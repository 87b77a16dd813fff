"""`python -m benchmarks.report [ROW …]`: runs the benchmarks, writes the README's table of figures.

What was measured is kept in benchmarks/results.json, so that one row can be measured again alone.
`--only-write` measures nothing. `parity` needs a folder of fixtures: `--parity DIR`.
"""

import argparse
import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from model.paths import as_path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
BEGIN, END = "<!-- figures: python -m benchmarks.report -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Row:
    """One line of the table: what it says, and the command whose last line is its figures."""

    what: str
    command: str
    says: str  # filled from the figures


ROWS = {
    "parity": Row(
        "the original's numbers in float32: largest difference of logits, of audio vectors",
        "python -m model.parity DIR",
        "{worst_logit_diff:.1e}, {worst_feature_diff:.1e}; {greedy_mismatches} of {cases} answers "
        "differ ({alone_greedy_mismatches} with each clip encoded alone)",
    ),
    "turns": Row(
        "prompt read anew in turn {turn} of a talk about four clips",
        "python -m benchmarks.turns",
        "{prefilled} of {prompt} positions, {share:.1%}",
    ),
    "decoding": Row(
        "a {audio_minutes:g}-minute mp3 decoded, beside the ffmpeg program",
        "python -m benchmarks.decoding",
        "{ratio:.2f} × its time, peak memory {peak_rss_mb} MB; first 30 s in "
        "{ours_first_30_s:.2f} s",
    ),
    "full_shape": Row(
        "8.4 B official weights loaded on a CPU and quantised to 4 bits meanwhile",
        "python -m benchmarks.full_shape",
        "peak memory {quantise[peak_gb]} GB in {quantise[load_s]:.0f} s; from the saved form "
        "{reload[peak_gb]} GB in {reload[load_s]:.0f} s",
    ),
    "answering": Row(
        "{model} on {device}: first token after a 10 s clip; speed",
        "python -m benchmarks.answering",
        "{first_token_s:.2f} s; {tokens_per_s:.0f} tokens a second",
    ),
    "page": Row(
        "the page in headless Chromium: warm opening; from Send to the first letter and from Stop "
        "to silence, beyond the engine's own time",
        "python -m benchmarks.page",
        "{usable s:.1f} s; {first character ms:.0f} ms, {stop ms:.0f} ms (medians)",
    ),
    "store": Row(
        "10,000 conversations, 200,000 turns: the list, a search for a rare word, the end of 2,000 "
        "turns",
        "python -m benchmarks.store",
        "{list, first page of 50:.1f} ms, {search a rare word:.1f} ms, "
        "{open the last 60 of 2,000 turns:.1f} ms",
    ),
    "guests": Row(
        "{guests} guests for {minutes:g} minutes with a kill -9 in the middle: questions "
        "acknowledged and lost; longest wait over the median",
        "python -m benchmarks.guests",
        "{acknowledged:,} and {lost}; {longest_over_median:.1f}",
    ),
    "crash": Row(
        "kill -9 at {moments} random moments, {while_starting} of them while it starts: damaged "
        "stores; lost of {questions:,} questions, {answers:,} answers and {clips:,} recordings "
        "that were confirmed",
        "python -m benchmarks.crash",
        "{corrupt}; {lost}",
    ),
    "hostile": Row(
        "{files} hostile files (cut, changed, bombs, two in one, playlists, names): crashes, hangs "
        "over 10 s, without a sentence; slowest; memory of the server and its programs",
        "python -m benchmarks.hostile",
        "{crashes}, {hangs}, {without_sentence}; {slowest_s:.0f} s; at most {peak_mb:,} MB",
    ),
    "fuzz": Row(
        "{requests:,} hostile requests to {addresses} addresses, by the owner, guests and nobody: "
        "errors that are no sentence of ours, answers with what is others', files read, addresses "
        "fetched, secrets in the log",
        "python -m benchmarks.fuzz",
        "{errors}, {leaks}, {files}, {fetched}, {secrets_in_log}",
    ),
    "xss": Row(
        "{payloads} texts that would run a script, in all places that show a text, looked at in "
        "{views} views in headless Chromium: run, stopped by the page's policy alone, loaded from "
        "elsewhere",
        "python -m benchmarks.xss",
        "{run}, {stopped}, {loaded}",
    ),
    "microphone": Row(
        "{record[played_s]:.0f} s through a virtual microphone: length off, blocks lost, likeness; "
        "of {starts[utterances]} utterances cut at their beginning; a question after speech and "
        "{ends[silence_s]} s of silence decided, and stored; {memory[hours]:.0f} h of recording",
        "python -m benchmarks.microphone",
        "{record[length_off_ms]:g} ms, {record[dropped]}, {record[correlation]:.3f}; "
        "{starts[clipped]}; {ends[median_decided_late_ms]} and {ends[median_late_ms]} ms later, at "
        "most {ends[most_decided_late_ms]} and {ends[most_late_ms]}; {memory[grown_mb]} MB more "
        "memory",
    ),
    "speech": Row(
        "speech over noise by 20, 10, 5 dB: missed, and noise taken for speech; by webrtcvad",
        "python -m benchmarks.microphone speech",
        "{speech[20 dB][silero][miss]:.0%}, {speech[10 dB][silero][miss]:.0%}, "
        "{speech[5 dB][silero][miss]:.0%} and {speech[20 dB][silero][false_alarm]:.0%}, "
        "{speech[10 dB][silero][false_alarm]:.0%}, {speech[5 dB][silero][false_alarm]:.0%}; "
        "by webrtcvad {speech[20 dB][webrtc 3][miss]:.0%}, {speech[10 dB][webrtc 3][miss]:.0%}, "
        "{speech[5 dB][webrtc 3][miss]:.0%} and {speech[20 dB][webrtc 3][false_alarm]:.0%}, "
        "{speech[10 dB][webrtc 3][false_alarm]:.0%}, {speech[5 dB][webrtc 3][false_alarm]:.0%}",
    ),
    "training": Row(
        "stage 1 of training on {device}: sound learned from; share of its matrix peak",
        "python -m benchmarks.training",
        "{audio_s_per_s:.1f} s a second; {peak_share:.0%} of {peak_tflops:.2f} Tflop/s",
    ),
}


def measure(row: Row, parity: Path | None) -> dict:
    """Runs the row's command and returns the JSON of its last line."""
    words = row.command.replace("DIR", str(parity)).split()
    words[0] = sys.executable
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict) -> str:
    """The table in Markdown, of the rows that were measured."""
    lines = ["| what | figure | command |", "|---|---|---|"]
    for name, row in ROWS.items():
        if name in results:
            figures = results[name]
            what, says = row.what.format(**figures), row.says.format(**figures)
            lines.append(f"| {what} | {says} | `{row.command}` |")
    return "\n".join(lines)


def written(readme: str, results: dict) -> str:
    """The README with its table made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(results)}\n\nTaken on: {results['machine']}.\n{END}{after}"


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}; default: all")
    cli.add_argument(
        "--parity", type=as_path, metavar="DIR", help="the fixtures for the row parity"
    )
    cli.add_argument("--only-write", action="store_true", help="measure nothing")
    args = cli.parse_args()
    if unknown := set(args.rows) - set(ROWS):
        cli.error(f"no such row: {', '.join(sorted(unknown))}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in [] if args.only_write else args.rows or ROWS:
        if name == "parity" and args.parity is None:
            print("parity: left as it is, no --parity DIR")
            continue
        print(name, flush=True)
        results[name] = measure(ROWS[name], args.parity)
        results["machine"] = _machine()
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text(encoding="utf-8"), results), encoding="utf-8")


def _machine() -> str:
    import psutil
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count()
    return f"{cores} cores ({platform.machine()}), {gpu}, PyTorch {torch.__version__}"


if __name__ == "__main__":
    main()
