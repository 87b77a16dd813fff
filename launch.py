"""The command line. Knows every package, so that they need not know each other."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see placement.share_cores

from app import proxies, standard_streams  # noqa: E402
from app.wish import LINK, NONE, PASSWORD, WAYS, Wish, seconds_of  # noqa: E402
from model.engine import Parrot  # noqa: E402
from model.errors import DoesNotFit, EarshotError, Empty  # noqa: E402
from model.fitting import Fitted, fitted  # noqa: E402
from model.library import PARROT  # noqa: E402
from model.messages import Clip, Message, Piece, Sampling  # noqa: E402
from model.paths import as_path, from_environment  # noqa: E402
from model.tasks import TASKS  # noqa: E402
from sessions.errors import DAMAGED, StoreError  # noqa: E402

STAGES = ("warmstart", "pretrain", "sft", "joint", "adapt", "notes")  # model/training/stages.py
COMMANDS = (
    *("ui", "ask", "talk", "listen", "doctor", "download", "info", "evaluate", "train"),
    *("backup", "restore"),
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] not in (*COMMANDS, "-h", "--help"):
        argv.insert(0, "ui")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--data",
        type=as_path,
        metavar="DIR",
        help="conversations and models; default: sessions/data",
    )
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument(
        "--model",
        type=_name_or_path,
        default="earshot-mini",
        metavar="NAME|DIR",
        help="earshot-mini (comes with Earshot), qwen-audio-chat or qwen-audio (see download), a "
        "folder, or parrot; default: %(default)s",
    )
    which.add_argument(
        "--bits",
        choices=["auto", "4", "8", "16", "32"],
        default="auto",
        help="bits a weight of the language model; auto takes what fits and is fastest",
    )
    which.add_argument("--quantise-head", action="store_true", help="the output head in --bits too")
    which.add_argument("--device", default="auto", help="auto, cuda, cuda:1, cpu or mps")

    cli = argparse.ArgumentParser(
        description="Chat about recordings, on your own machine. Without a command: opens the page."
    )
    commands = cli.add_subparsers(dest="command", metavar="|".join(COMMANDS))

    ui = commands.add_parser("ui", parents=[which, where], help="open the page (the default)")
    ui.add_argument("--port", type=_port, default=7860, help="default: %(default)s")
    window = ui.add_mutually_exclusive_group()
    window.add_argument("--no-browser", action="store_true", help="do not open a browser")
    window.add_argument("--desktop", action="store_true", help="open it in a window of its own")
    ui.add_argument(
        "--microphone-for",
        nargs="+",
        default=(),
        metavar="ADDRESS",
        help="visitors who may record with this machine's microphone, besides those who sit at it",
    )
    _sharing_words(ui)
    ui.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)  # parrot's

    ask = commands.add_parser("ask", parents=[which, where], help="a question about recordings")
    ask.add_argument(
        "--track", type=int, metavar="N", help="of a file's sound tracks, instead of the usual one"
    )
    ask.add_argument(
        "clips",
        nargs="*",
        type=_name_or_path,
        metavar="CLIP",
        help="sound or video files; - reads stdin",
    )
    ask.add_argument("question", type=_text, metavar="QUESTION")
    ask.add_argument(
        "--then",
        action="append",
        type=_text,
        default=[],
        metavar="QUESTION",
        help="to go on with; repeatable",
    )
    ask.add_argument(
        "--task",
        choices=TASKS,
        metavar="TASK",
        help="one that the model was taught, with or without a QUESTION (info lists them): "
        f"{', '.join(TASKS)}",
    )
    ask.add_argument("--max-tokens", type=int, metavar="N")
    ask.add_argument("--temperature", type=float, metavar="T", help="0 takes the likeliest")
    ask.add_argument("--seed", type=int)

    heard = argparse.ArgumentParser(add_help=False)
    heard.add_argument(
        "--microphone", default="", metavar="N|NAME", help="which one; :device in talk lists them"
    )
    talk = commands.add_parser(
        "talk", parents=[which, where, heard], help="speak with it in this terminal"
    )
    talk.add_argument("--conversation", default="", metavar="ID", help="go on with this one")
    talk.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)  # parrot's
    listen = commands.add_parser("listen", parents=[where, heard], help="record a meeting")
    listen.add_argument(
        "--name", type=_text, default="", help="of the recording, and its conversation"
    )

    commands.add_parser("doctor", parents=[where], help="what this machine has and lacks")
    commands.add_parser("info", parents=[which, where], help="what is known of a model")

    download = commands.add_parser("download", parents=[where], help="fetch a model")
    download.add_argument("name", metavar="NAME", help="qwen-audio-chat or qwen-audio")
    download.add_argument(
        "--from", dest="source", type=as_path, metavar="DIR", help="a local folder"
    )
    download.add_argument(
        "--bits",
        choices=["4", "16"],
        default="16",
        help="4 also writes the 4-bit form, as NAME-4bit, which starts in seconds",
    )
    download.add_argument("--tell", action="store_true", help=argparse.SUPPRESS)  # to the page
    evaluate = commands.add_parser(
        "evaluate", parents=[which, where], help="how often a model is right about recordings"
    )
    evaluate.add_argument(
        "--manifest", type=as_path, metavar="FILE", help="JSON lines: audio, text …"
    )
    evaluate.add_argument(
        "--benchmark", metavar="NAME", help="a published one, or one part: librispeech/test-clean"
    )
    evaluate.add_argument(
        "--root",
        type=as_path,
        metavar="DIR",
        help="the benchmark's folder, as unpacked; of a manifest, where its paths begin",
    )
    evaluate.add_argument("--split", help="only the lines of this split")
    evaluate.add_argument("--language", help="only the lines of this language")
    evaluate.add_argument("--limit", type=_count, metavar="N", help="only N of them, at random")
    evaluate.add_argument(
        "--batch", type=_count, default=8, metavar="N", help="asked at once; default: %(default)s"
    )
    evaluate.add_argument(
        "--items",
        type=as_path,
        metavar="FILE",
        help="for each answer; default: in the data folder",
    )
    evaluate.add_argument(
        "--report", type=as_path, metavar="HTML", help="also write a page with it"
    )
    keep = commands.add_parser("backup", parents=[where], help="keep a copy of what is remembered")
    keep.add_argument(
        "--to",
        type=as_path,
        metavar="FILE.zip",
        help="all of it in one file, for another disk",
    )
    back = commands.add_parser("restore", parents=[where], help="put a backup back")
    back.add_argument(
        "backup",
        nargs="?",
        type=_name_or_path,
        default="",
        metavar="DATE|FILE",
        help="default: the newest",
    )
    train = commands.add_parser("train", help="teach a model, or adapt it to your recordings")
    _train_words(train)
    words = cli.parse_args(argv)
    if words.command == "evaluate" and not (words.manifest or (words.benchmark and words.root)):
        evaluate.error("give recordings: --manifest FILE, or --benchmark NAME with --root DIR")
    if words.command == "train" and not words.toy:
        if not words.out or not words.data and words.stage != "notes":
            train.error("give the recordings with --data and a folder with --out, or try --toy")
    if words.command == "ui":
        try:
            words.wish = _wish(words)
        except ValueError as error:
            ui.error(str(error))
    if words.command == "ask":
        try:
            Sampling(**_chosen(words))
        except ValueError as error:
            ask.error(str(error))
    if words.command == "ask" and words.task and _is_file(words.question):  # of the task alone
        words.clips, words.question = [*words.clips, words.question], TASKS[words.task].asks
    if words.command == "ask" and not words.clips and _is_file(words.question):
        ask.error(f'what do you want to know? Add a question: ask {words.question} "…"')
    return words


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number < 10**9:
        raise argparse.ArgumentTypeError(f"this is a count of at least 1; got {text}")
    return number


def _weight(text: str) -> tuple[str, float]:
    name, _, weight = text.rpartition("=")
    try:
        return name, float(weight)
    except ValueError:
        raise argparse.ArgumentTypeError(f"weights are NAME=NUMBER; got {text}") from None


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535; got {text}")
    return number


def _text(words: str) -> str:
    """What was typed. Bytes that the locale's encoding does not know are read as UTF-8."""
    try:
        words.encode()
    except UnicodeEncodeError:
        return os.fsencode(words).decode("utf-8", "replace")
    return words


def _is_file(text: str) -> bool:
    """Whether words are the name of a file; any text may be asked about."""
    return os.path.isfile(os.path.expanduser(text))


def _name_or_path(text: str) -> str:
    """What is no name is a path: its beginning tells."""
    return str(as_path(text)) if text.startswith("~") else text


def _sharing_words(ui: argparse.ArgumentParser) -> None:
    ui.add_argument(
        "--share",
        nargs="?",
        choices=WAYS,
        const=LINK,
        metavar="|".join(WAYS),
        help="let others in, by a password: with this network (lan), or by a link through a server "
        "on the internet (the default of --share)",
    )
    ui.add_argument(
        "--share-server",
        default="",
        metavar="HOST:PORT",
        help="an FRP server of your own for the link, instead of Gradio's",
    )
    ui.add_argument("--share-for", metavar="2h", help="then it ends: 90m, 2h, 1d")
    ui.add_argument(
        "--password",
        default="",
        help=f"of visitors; better in {PASSWORD}, which no list of processes shows; "
        "default: one is made",
    )
    ui.add_argument(
        "--https", action="store_true", help="a certificate of our own, so that phones may record"
    )


def _wish(words: argparse.Namespace) -> Wish:
    """How the page is to be shared."""
    return Wish(
        how=words.share or (LINK if words.share_server else NONE),
        server=words.share_server,
        seconds=seconds_of(words.share_for) if words.share_for else None,
        password=words.password or os.environ.get(PASSWORD, ""),
        https=words.https,
    )


def _train_words(train: argparse.ArgumentParser) -> None:
    """What is left out is for the stage to decide: see model/training/plan.py."""
    train.add_argument("--stage", choices=STAGES, required=True)
    train.add_argument(
        "--base",
        type=_name_or_path,
        metavar="NAME|DIR",
        help="the model it begins with; default: earshot-mini",
    )
    train.add_argument(
        "--data", type=as_path, nargs="+", metavar="FILE", help="manifests, JSON lines"
    )
    train.add_argument("--out", type=as_path, metavar="DIR", help="what comes out, and checkpoints")
    train.add_argument("--toy", action="store_true", help="a tiny model and a few tones instead")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
    train.add_argument("--resume", action="store_true", help="go on where --out stopped")
    train.add_argument("--seconds-per-batch", type=float, metavar="S", help="of sound")
    train.add_argument("--accumulate", type=int, metavar="N", help="batches in a step")
    train.add_argument("--longest", type=float, metavar="S", help="of a clip; longer ones are cut")
    train.add_argument("--rate", type=float, help="peak learning rate of what is not new")
    train.add_argument("--warm-up", type=int, metavar="STEPS")
    train.add_argument("--layers", type=int, metavar="N", help="the last N of the encoder learn")
    train.add_argument("--rank", type=int, help="of the low-rank adapters")
    train.add_argument(
        "--gradient-checkpointing",
        action="store_true",
        help="less memory: layers are computed again for their gradients, a third slower",
    )
    train.add_argument("--full", action="store_true", help="all of the language model, no adapters")
    train.add_argument("--bits", type=int, choices=[4, 32], help="4: adapters beside 4-bit weights")
    train.add_argument("--temperature", type=float, help="1: tasks as they are; large: all alike")
    train.add_argument(
        "--weights", nargs="+", type=_weight, metavar="NAME=N", help="of tasks, sources, kinds …"
    )
    train.add_argument("--ctc-share", type=float, metavar="N", help="of the reading loss")
    train.add_argument("--hinted", type=int, metavar="N", help="batches of a warm start with hints")
    train.add_argument("--talk", type=as_path, metavar="FILE", help="dialogues of text to mix in")
    train.add_argument(
        "--teacher", type=as_path, metavar="DIR", help="a model whose words it learns"
    )
    train.add_argument("--seed", type=int)
    train.add_argument("--log-every", type=int, metavar="STEPS")
    train.add_argument("--workers", type=int, metavar="N", help="processes that make batches ahead")


def main(argv: list[str] | None = None) -> int:
    words = parse(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # its chatter about optional kernels
    for sentence in proxies.prepare():
        logging.warning(sentence)
    try:
        return RUN[words.command](words) or 0
    except (EarshotError, StoreError) as error:
        standard_streams.complain(error)
        if str(error) == DAMAGED:
            standard_streams.complain(_what_backups(_data(words)))
        return 1
    except KeyboardInterrupt:
        standard_streams.complain("")
        return 130
    except OSError as error:
        if not standard_streams.is_closed_pipe(error):  # not `ask … | head`
            standard_streams.complain(_refused_by_system(error))
        return 1


def program() -> int:
    """As a program of its own: `main`, with streams that take whatever is written to them."""
    standard_streams.prepare()
    try:
        if None in (sys.stdout, sys.stderr):
            _log_to_file()
        if not _is_somewhere():
            standard_streams.complain("The current folder was deleted: go to another one first.")
            return 1
        return main()
    finally:
        standard_streams.drop_output()


def _is_somewhere() -> bool:
    """Libraries end a process without a word whose current folder is gone."""
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _log_to_file() -> None:
    words = parse()
    try:
        log = _data(words) / "earshot.log"
    except EarshotError:  # said in a moment, by the command itself
        log = Path(os.devnull)
    if standard_streams.replace_missing(log):
        standard_streams.complain(f"There is no standard output: see {log}.")


def _refused_by_system(error: OSError) -> str:
    """What the operating system did not do, as a sentence."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"The operating system refused: {why}."
    return f"{error.filename} could not be read or written: {why}."


def run_ui(words: argparse.Namespace) -> None:
    from app import window
    from app.page import serve

    def ready(address: str) -> None:
        print(f"Earshot is at {address}", flush=True)
        if words.desktop:
            window.show(address)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end, as by Ctrl-C
    serve(
        open_engine(words),
        _data(words),
        library=_library(words),
        name=words.model,
        port=words.port,
        open_browser=not (words.no_browser or words.desktop),
        ready=ready,
        microphone_for=words.microphone_for,
        wish=words.wish,
        told=lambda text: print(text, flush=True),
    )


def run_ask(words: argparse.Namespace) -> int:
    from dataclasses import replace
    from functools import partial

    from model import audio

    # before the model loads: a bad file is said at once
    clips = [_clip(name, audio, words.track) for name in words.clips]
    for remark in dict.fromkeys(remark for clip in clips for remark in clip.remarks):
        standard_streams.complain(remark)
    engine = open_engine(words)
    sampling = replace(engine.about.sampling, **_chosen(words))
    if words.task and words.task not in engine.about.tasks:
        standard_streams.complain(
            f"{engine.about.name} was not taught the task {words.task!r}: its answer is a guess."
        )
    clips = [replace(clip, notes=tuple(engine.notes(clip))) for clip in clips]
    asked = [(*clips, words.question), *((question,) for question in words.then)]
    turns: list[Message] = []
    left_out: list[str] = []
    is_refused = False
    with contextlib.closing(engine):
        for parts in asked:
            turns.append(Message("user", parts))
            given = fitted(partial(engine.room, task=words.task), turns)
            before, left_out = left_out, _left_out(given, clips, words.task)
            for sentence in (one for one in left_out if one not in before):
                standard_streams.complain(sentence)
            try:
                said = _print_answer(engine.reply(given.messages, sampling, task=words.task))
            except DoesNotFit as error:  # of this question alone
                standard_streams.complain(str(error))
                is_refused = True
            else:
                turns.append(Message("assistant", (said,)))
    return int(is_refused)


def _left_out(given: Fitted, clips: Sequence[Clip], task: str | None) -> list[str]:
    """What of a conversation the next answer does not rest on."""
    if not given.room.has_answer:
        return []
    numbers = {clip.digest: number for number, clip in reversed([*enumerate(clips, 1)])}
    read = {one.digest for one in given.room.heard if one.end > one.start}
    told = [
        f"Audio {numbers[one.digest]} is not heard: the task {task!r} is about one recording."
        if task and one.digest not in read
        else f"Of Audio {numbers[one.digest]}, {one.start:.0f} to {one.end:.0f} s do not fit and "
        "are not heard."
        for one in given.room.unheard
    ]
    if given.left_out:
        told.append(f"Earlier turns do not fit and are not read: {given.left_out}.")
    return told


def _print_answer(pieces: Iterable[Piece]) -> str:
    """To standard output as it comes; what that does not take, as on a full disk, to standard
    error at the end: an answer may have taken minutes."""
    said, trouble = "", None
    for piece in pieces:
        said += piece.text
        trouble = trouble or _not_printed(piece.text)
    trouble = trouble or _not_printed("\n")
    if trouble:
        why = trouble.strerror or trouble
        raise EarshotError(f"The answer could not be written: {why}. It was:\n{said}")
    if piece.finish == "length":
        standard_streams.complain("The answer was cut off at its limit: see --max-tokens.")
    if piece.finish == "circles":
        standard_streams.complain("The answer said the same over and over, and was ended.")
    return said


def _not_printed(text: str) -> OSError | None:
    """Print it, or return why that cannot be. A closed pipe ends it all: nobody reads on."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        if standard_streams.is_closed_pipe(error):
            raise
        return error
    return None


def _chosen(words: argparse.Namespace) -> dict:
    names = ("max_tokens", "temperature", "seed")
    return {name: value for name in names if (value := getattr(words, name, None)) is not None}


def _clip(name: str, audio, track: int | None):
    if name != "-":
        return audio.decode(name, track=track)
    sound = sys.stdin.buffer.read() if sys.stdin else b""
    if not sound:
        raise Empty("Nothing came in on standard input: pipe a recording into it.")
    return audio.decode(sound, name="standard input", track=track)


def run_talk(words: argparse.Namespace) -> None:
    from app.screen import Screen
    from app.terminal import Terminal
    from sessions.store import Store

    if not (sys.stdin and sys.stdin.isatty()):
        raise EarshotError("talk needs a terminal to read keys from; see also: launch.py ask")
    with contextlib.closing(open_engine(words)) as engine, Store(_data(words)) as store:
        with _told_to(store.folder / "terminal.log"):
            terminal = Terminal(engine, store, Screen(), words.conversation)
            with contextlib.closing(terminal):
                terminal.run(words.microphone)


def run_listen(words: argparse.Namespace) -> None:
    from app import hearing
    from app.meeting import Meeting, opened
    from app.screen import Screen
    from sessions.store import Store

    with Store(_data(words)) as store:
        with contextlib.closing(Meeting(store, Screen(), words.name)) as meeting:
            for name in (signal.SIGINT, signal.SIGTERM):
                signal.signal(name, lambda *_: meeting.stop())
            with _told_to(store.folder / "terminal.log"):
                take = meeting.run(words.microphone or hearing.load(store.folder).device)
            if take is None:
                raise EarshotError("Nothing was recorded.")
            print("Storing it …", flush=True)
            kept = opened(store, take)
    print(f"“{kept.title}” is stored. Talk about it: launch.py talk --conversation {kept.id}")
    print(f"On the page: /?c={kept.id}")


@contextlib.contextmanager
def _told_to(log: Path):
    """What libraries write to standard error goes to a file, not over the screen."""
    kept = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def run_doctor(words: argparse.Namespace) -> int:
    from app import doctor

    findings = doctor.report(_data(words), _models(words))
    print(doctor.as_text(findings))
    return 1 if any(finding.ok is False for finding in findings) else 0


def run_info(words: argparse.Namespace) -> None:
    from model import checkpoint, cuda, tokenizer, weights
    from model.placement import place

    if words.model == PARROT:
        print(Parrot.about.note)
        return
    folder = weights.find(words.model, _models(words))
    config = checkpoint.read_config(folder)
    tokenizer.load(folder)  # says what is wrong with it, if anything is
    counts = checkpoint.count_weights(config)
    where = place(counts, bits=_bits(words), device=words.device, quantise_head=words.quantise_head)
    size = sum(file.stat().st_size for file in checkpoint.shards(folder))
    stored = "4 bits" if checkpoint.is_prequantised(folder) else "16 bits"
    print(f"{config.title or folder.name}: {counts.all / 1e6:,.0f} M weights.")
    print(f"On disk: {size / 1e9:.2f} GB, the language model in {stored}.")
    print(f"Here it would run on {where.device} with {where.bits} bits a weight.")
    for sentence in (*cuda.unusable(), *where.remarks):
        print(sentence)
    print(
        f"Reads {config.context} positions at once; a second of sound takes about "
        f"{50 / config.pool_size:g}."
    )
    print(f"Licence: {config.licence or 'not stated'}.")
    if config.tasks:
        print(f"Taught the tasks: {', '.join(config.tasks)}.")
    if config.note:
        print(config.note)


def run_download(words: argparse.Namespace) -> None:
    from model import weights

    models = _models(words)
    if words.source is not None:
        with _Bar(f"Copying {words.name}") as bar:
            folder = weights.take(words.source, words.name, models, bar)
    else:
        proxies.check_download()
        folder = weights.fetch(words.name, models, _telling("fetching") if words.tell else None)
    name = words.name
    if words.bits == "4":
        with _Bar("Quantising to 4 bits") as bar:
            progress = _telling("packing") if words.tell else bar
            folder = weights.quantised_copy(folder, progress)
        name = folder.name
    print(f"{name} is in {folder}. Talk to it: python launch.py --model {name}")


def run_evaluate(words: argparse.Namespace) -> None:
    from model.evaluation import loop, manifest, report

    items = _items(words)
    if words.limit:
        items = manifest.some(items, words.limit)
    name = words.benchmark or words.manifest.name.removesuffix(".gz").removesuffix(".jsonl")
    name = f"{name.replace('/', '-')}-{Path(words.model).name}.answers.jsonl"
    written = words.items or _data(words) / "evaluations" / name
    if words.report:  # before hours of asking, not after
        words.report.parent.mkdir(parents=True, exist_ok=True)
        words.report.open("a").close()
    with contextlib.closing(open_engine(words)) as engine, _Bar("Asking", unit="clips") as bar:
        found = loop.run(engine, items, written, bar, batch=words.batch)
    rows = loop.rows(written, items)
    if words.report:
        report.write(words.report, engine.about.name, found, rows, items)
    print(loop.as_table(found))
    for sentence in loop.missing(rows):
        print(sentence)
    print(f"Each answer is in {written}.")
    print(loop.as_json(engine.about.name, found))


def _items(words: argparse.Namespace) -> list:
    from dataclasses import replace

    from model.evaluation import benchmarks, manifest

    if words.manifest is None:
        return benchmarks.items(words.benchmark, words.root)
    only = {"split": words.split, "language": words.language}
    items = manifest.read(words.manifest, root=words.root, **only)
    if words.benchmark is None:
        return items
    (benchmark,) = benchmarks.parts(words.benchmark)
    return [replace(item, task=benchmark.name) for item in items]


def _what_backups(folder: Path) -> str:
    from sessions import backup

    days = ", ".join(str(one.day) for one in backup.listed(folder))
    return f"There are backups of {days}." if days else f"There is no backup in {folder}."


def run_backup(words: argparse.Namespace) -> None:
    from sessions import backup, parcel

    folder = _data(words)
    if backup.is_empty(folder):
        raise EarshotError(f"There is nothing to keep in {folder} yet.")
    if words.to:
        parcel.write(folder, words.to)
        print(f"All of it is in {words.to}. It comes back with: restore {words.to}")
    else:
        made = backup.make(folder)
        backup.prune(folder)
        print(f"A copy is in {made.path}. It comes back with: restore {made.day}")


def run_restore(words: argparse.Namespace) -> None:
    from sessions.restore import find, restore

    folder = _data(words)
    done = restore(folder, find(folder, words.backup))
    print(f"{done.source} is in place; conversations in it: {done.conversations}.")
    if done.aside:
        print(f"What was there until now comes back with: restore {done.aside}")
    if done.lost:
        print(f"The sound of these recordings is gone: {', '.join(done.lost)}")


def run_train(words: argparse.Namespace) -> None:
    from model import weights
    from model.training import train
    from model.training.plan import Plan

    if words.toy:
        train.try_out(words.stage)
        return
    chosen = ((name, value) for name, value in vars(words).items() if value is not None)
    given = {name: value for name, value in chosen if value is not False}
    del given["command"]
    given["data"] = tuple(words.data or ())
    given["base"] = weights.find(given.get("base", weights.DEFAULT), _models(words))
    given["seconds"] = given.pop("seconds_per_batch", Plan.seconds)
    given["weights"] = dict(given.get("weights", ()))
    train.run(Plan(**given))


def open_engine(words: argparse.Namespace):
    """The engine that --model, --bits and --device ask for, with a progress bar while it loads."""
    with _Bar(f"Loading {Path(words.model).name}") as bar:
        return _library(words).open(words.model, bar)


def _library(words: argparse.Namespace):
    """The models there are, opened as --bits and --device say."""
    from model.library import Library

    download = [sys.executable, __file__, "download", "--tell", "--data", str(_data(words))]
    return Library(
        _models(words),
        also=words.model,
        fetching=download,
        pause=getattr(words, "pause", 0.0),
        bits=_bits(words),
        device=words.device,
        quantise_head=words.quantise_head,
    )


def _telling(what: str):
    """Progress as lines for model/fetching.py."""
    return lambda done, total: print(what, done, total, flush=True)


class _Bar:
    """A progress bar on standard error, where a person looks."""

    def __init__(self, label: str, unit: str = "B"):
        from tqdm import tqdm

        shown = sys.stderr.isatty()
        self.bar = tqdm(desc=label, unit=unit, unit_scale=True, disable=not shown, leave=False)

    def __call__(self, done: int, total: int) -> None:
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()


def _bits(words: argparse.Namespace) -> int | None:
    return None if words.bits == "auto" else int(words.bits)


def _data(words: argparse.Namespace) -> Path:
    from sessions.store import default_folder

    if words.command == "train" or not words.data:  # its --data are manifests
        return from_environment("EARSHOT_DATA") or default_folder()
    return words.data


def _models(words: argparse.Namespace) -> Path:
    return _data(words) / "models"


RUN = {
    "ui": run_ui,
    "ask": run_ask,
    "talk": run_talk,
    "listen": run_listen,
    "doctor": run_doctor,
    "info": run_info,
    "download": run_download,
    "evaluate": run_evaluate,
    "train": run_train,
    "backup": run_backup,
    "restore": run_restore,
}

if __name__ == "__main__":
    sys.exit(program())
