"""The tasks of Qwen-Audio as data: hierarchical tags, the question in words, the form of a label,
the metric that scores it. Renders no prompt and computes nothing.

Source: Qwen-Audio, arXiv 2311.07919, section 3.2 (transcription tag, audio language, task, text
language, timestamps, output instruction) and table 1. The tags of `published` tasks are those of
the published evaluation; the others are built here from the same vocabulary, and a task without a
tag of its own is asked in words between <|question|> and <|answer|>.
"""

from dataclasses import dataclass, replace

from model.spec import MARKS, TAGS

SPEECH, SOUND, MUSIC = "speech", "sound", "music"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row. `tags` follow the clip; {audio} and {text} stand for the two languages."""

    name: str
    domain: str
    tags: str
    asks: str  # the same in words, for a chat
    label: str  # the form of an answer: a name in model/labels.py
    metric: str  # a name in model/evaluation/metrics.py
    audio: str = "en"  # language of the sound; "unknown" where it has none
    text: str = "en"  # language of the answer
    choices: tuple[str, ...] = ()  # all answers there are, where they are few
    published: bool = False
    compares: bool = False  # it is about two recordings, which only a chat can hear

    def render(self, question: str = "") -> list[tuple[str, bool]]:
        """What follows the clip: (text, whether it is tags). A question in words is for tasks that
        ask one; it replaces the row's own."""
        tags = "".join(f"<|{tag}|>" for tag in self.names)
        if self.names[-1] != "question":
            return [(tags, True)]
        return [(tags, True), (question or self.asks, False), ("<|answer|>", True)]

    def spoken_in(self, language: str) -> "Task":
        """The same about speech in another language (two letters); what is written down is then
        written in it, too. Tasks that have no language stay as they are."""
        if self.audio == "unknown":
            return self
        tag = language if f"<|{language}|>" in TAGS else "unknown"
        return replace(self, audio=tag, text=tag if " transcribe " in self.tags else self.text)

    @property
    def opening(self) -> str:
        """What the tags already say of the answer: that the first word begins at 0.00."""
        last = f"<|{self.names[-1]}|>"
        return last if last in MARKS else ""

    @property
    def names(self) -> list[str]:
        """The tags' names, with the languages filled in."""
        return self.tags.format(audio=self.audio, text=self.text).split()


def _written(name: str, tags: str, asks: str, **more) -> Task:
    """Speech to text."""
    more = {"domain": SPEECH, "label": "text", "metric": "word error rate"} | more
    return Task(name=name, tags=f"startoftranscript {{audio}} {tags}", asks=asks, **more)


def _told(name: str, domain: str, tags: str, asks: str, **more) -> Task:
    """Something about the sound, in a few words."""
    more = {"label": "class", "metric": "accuracy"} | more
    tags = f"startofanalysis {{audio}} keyword {{text}} notimestamps {tags}"
    return Task(name=name, domain=domain, tags=tags, asks=asks, **more)


def _asked(name: str, domain: str, asks: str, **more) -> Task:
    """A question in words."""
    more = {"label": "class", "metric": "accuracy"} | more
    tags = "startofanalysis {audio} question"
    return Task(name=name, domain=domain, tags=tags, asks=asks, **more)


_ANY = {"audio": "unknown"}
_ROWS = (
    # Speech
    _written(
        "transcribe",
        "transcribe {text} notimestamps wo_itn",
        "What does the person say?",
        published=True,
    ),
    _written(
        "translate",
        "translate {text} notimestamps itn",
        "Translate what is said into English.",
        audio="zh",
        metric="BLEU",
        published=True,
    ),
    _written(
        "transcribe with times",
        "transcribe {text} timestamps 0.00",
        "Write down what is said, with the time of each word.",
        label="timed words",
        metric="average shift",
        published=True,
    ),
    _written(
        "transcribe Chinese with times",
        "transcribe {text} timestamps 0.00",
        "Write down what is said, with the time of each word.",
        audio="zh",
        text="zh",
        label="timed words",
        metric="average shift",
        published=True,
    ),
    _written(
        "transcribe all speakers",
        "transcribe {text} notimestamps wo_itn delim",
        "Several people speak at once. Write down what each says.",
    ),
    _written(
        "transcribe dialect",
        "transcribe {text} notimestamps wo_itn",
        "Write down what is said in dialect.",
        audio="zh",
        text="zh_tr",
        metric="character error rate",
    ),
    _asked("dialect", SPEECH, "Which dialect is spoken?", audio="zh"),
    _asked("language", SPEECH, "Which language is spoken?", **_ANY),
    _asked("gender", SPEECH, "Is the speaker a man or a woman?", choices=("man", "woman")),
    _asked("age", SPEECH, "How old is the speaker?"),
    _told("emotion", SPEECH, "emotion_recognition", "In what mood is the speaker?", published=True),
    _told(
        "vocal sound",
        SPEECH,
        "vocal_classification",
        "Which sound does the person make?",
        published=True,
    ),
    _asked(
        "same speaker",
        SPEECH,
        "Is it the same speaker in both recordings?",
        label="yes or no",
        compares=True,
    ),
    Task(
        name="who speaks when",
        domain=SPEECH,
        tags="startofanalysis {audio} keyword {text} timestamps speaker_meta",
        asks="Who speaks when?",
        label="timed words",
        metric="diarisation error rate",
    ),
    _told(
        "entities",
        SPEECH,
        "named_entity_recognition",
        "Which names, places and organisations are mentioned?",
        label="entities",
        metric="F1 of entities",
    ),
    _asked("keyword", SPEECH, "Which command word is said?"),
    _told("intent", SPEECH, "speech_understanding scenario action", "What does the speaker want?"),
    _told(
        "slots",
        SPEECH,
        "speech_understanding entities",
        "Which details does the request hold?",
        label="entities",
        metric="F1 of entities",
    ),
    # Sound
    Task(
        name="caption",
        domain=SOUND,
        tags="startofanalysis {audio} caption {text} notimestamps caption_clotho",
        asks="Describe what can be heard.",
        label="text",
        metric="CIDEr",
        published=True,
        **_ANY,
    ),
    _told(
        "scene", SOUND, "scene", "In what kind of place was it recorded?", published=True, **_ANY
    ),
    _told("event", SOUND, "event", "Which sound is it?", **_ANY),
    _asked(
        "kind of sound",
        SOUND,
        "What kind of sound is it?",
        choices=("speech", "vocal sound", "animal", "instrument", "drum", "event"),
        **_ANY,
    ),
    _told(
        "kinds of sound",
        SOUND,
        "audioset_ontology",
        "Which kinds of sound are there?",
        label="classes",
        metric="mean average precision",
        **_ANY,
    ),
    Task(
        name="events with times",
        domain=SOUND,
        tags="startofanalysis {audio} keyword {text} timestamps audio_grounding",
        asks="What can be heard, and when?",
        label="timed words",
        metric="F1 of events",
        **_ANY,
    ),
    _asked("question", SOUND, "What can be heard?", published=True),
    # Music and song
    Task(
        name="describe music",
        domain=MUSIC,
        tags="startofanalysis {audio} caption {text} notimestamps music_description",
        asks="Describe the music.",
        label="text",
        metric="CIDEr",
        **_ANY,
    ),
    _told("instrument", MUSIC, "instrument", "Which instrument plays?", **_ANY),
    _asked(
        "instrument family",
        MUSIC,
        "Which family of instruments is it?",
        choices=(
            *("piano", "mallets", "organ", "guitar", "bass"),
            *("strings", "brass", "reeds", "flutes", "synthesizer"),
        ),
        **_ANY,
    ),
    _told(
        "note",
        MUSIC,
        "note_analysis",
        "Which note is played?",
        label="note",
        metric="note accuracy",
        published=True,
        **_ANY,
    ),
    _asked("chord", MUSIC, "Which chord is played?", **_ANY),
    _told("song", MUSIC, "song_meta", "Which song is it?", **_ANY),
    _asked("genre", MUSIC, "Which genre of music is it?", **_ANY),
    _asked("singer", MUSIC, "Who sings?", **_ANY),
    _asked("mood of the music", MUSIC, "What is the mood of the singing or the music?", **_ANY),
    _asked("question about music", MUSIC, "What can be said about the music?", **_ANY),
)
TASKS = {task.name: task for task in _ROWS}
assert len(TASKS) == len(_ROWS), "two tasks of one name"

# names of tasks in manifests that are other words for a row
ALSO = {name: "transcribe" for name in ("asr", "command", "word", "digit", "letter", "syllable")}
ALSO |= {name: "event" for name in ("sound_event", "animal", "drum", "game_creature")}
ALSO |= {"vocal": "vocal sound", "word_translation": "translate"}
