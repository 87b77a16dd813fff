"""Asks of a spoken passage: facts, follow-ups, what it does not say, which recording, quotes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from model.listening.notes_as_text import clock
from model.training.passage_tellings import Filling, Recording, Telling, Turn
from model.training.passage_units import RARE_KINDS, SLOT, Material, Question, Unit, slots_of
from model.training.spoken_amounts import AMOUNTS

NO_ANSWER = "The recording does not say."
MOST_FACTS = 6  # questions about facts in one passage
LACKING = 0.15  # share kept of the questions about what this saying of a unit leaves out
SCOPED = 0.35  # share of the questions over several recordings that name the recording
_YESNO = ("yesno", "yes", "no")
_COMMANDS = ("Tell", "Name", "Give", "Say", "List", "Summarise", "Quote", "Please", "Continue")
_GENERIC = set(  # words that say nothing of the subject
    "what which who whom whose where when why how long much many does do did is are was were will "
    "would can could should must have has had be been the a an of in on at to for from by with it "
    "this that there here they them their he she his her him you your i me my and or not any "
    "please tell me know say said says mention mentioned given number price cost costs time date "
    "day place person name called happen happens happened money amount total exactly one ones "
    "reason phone telephone people about going get go take thing things old long".split()
)


@dataclass(frozen=True)
class Heard:
    """A passage before anything is asked."""

    recordings: tuple[Recording, ...]
    tellings: tuple[Telling, ...]
    places: dict[tuple[int, int], int]  # (id of a telling, its sentence): the recording's sentence
    units: list[Unit]  # all that might have been told

    def text(self, recording: int | None = None) -> str:
        """All that is said, or what is said in one recording."""
        chosen = self.recordings if recording is None else [self.recordings[recording]]
        return " ".join(s.text for r in chosen for s in r.sentences)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def stands_in(answer: str, text: str) -> bool:
    """Whether the answer's words stand in the text, in a row."""
    return f" {' '.join(words(answer))} " in f" {' '.join(words(text))} "


def as_answer(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def typed(rng: Random, question: str) -> str:
    """The question as people type it: most with a question mark, some in small letters."""
    question = question[0].upper() + question[1:]
    mark = "." if question.split()[0] in _COMMANDS else "?"
    way = rng.random()
    if way < 0.72:
        return question + mark
    if way < 0.84:
        return question[0].lower() + question[1:]
    return question.lower() if way < 0.9 else question


def ask(
    rng: Random, material: Material, heard: Heard, held: str | None
) -> tuple[tuple[Turn, ...], ...]:
    """Conversations about a passage: each one question, or several that follow up."""
    asker = _Asker(rng, material, heard, held)
    made = [
        *asker.facts(),
        *asker.missing(),
        *asker.absent(),
        *asker.follow_ups(),
        *asker.other_recording(),
        *asker.which(),
        *asker.mentions(),
        *asker.quotes(),
    ]
    return tuple({turns[0].question: turns for turns in made}.values())


class _Asker:
    def __init__(self, rng: Random, material: Material, heard: Heard, held: str | None):
        self.rng, self.material, self.heard, self.held = rng, material, heard, held
        self.several = len(heard.recordings) > 1

    # What is asked ----------------------------------------------------------------------------

    def facts(self) -> Iterator[tuple[Turn, ...]]:
        asked = [(t, q) for t in self.heard.tellings for q in t.unit.questions]
        asked.sort(key=lambda pair: self.rng.random() - (pair[1].kind in RARE_KINDS) / 2)
        for telling, question in asked[: 2 * MOST_FACTS]:
            turn = self.fact(telling, question, self.draw(question.wordings))
            if turn and (turn.answer != NO_ANSWER or self.rng.random() < LACKING):
                yield (turn,)
            if self.several and self.rng.random() < 0.15:
                yield from self.elsewhere(telling, question)

    def missing(self) -> Iterator[tuple[Turn, ...]]:
        """What might be asked on the subject and was not said."""
        telling = self.rng.choice(self.heard.tellings)
        wording = self.draw(telling.unit.missing)
        yield (self.none(telling.filling.fill(wording), telling.recording),)

    def absent(self) -> Iterator[tuple[Turn, ...]]:
        """A question of a unit that was not told, about the people and things of this passage."""
        told = self.heard.tellings
        domains = {telling.unit.domain for telling in told}
        text = {word[:5] for word in words(self.heard.text())}
        for telling in told:
            text |= {w[:5] for q in telling.unit.questions for x in q.wordings for w in words(x)}
        here = {name: value for t in told for name, value in t.filling.values.items()}
        for unit in self.rng.sample(self.heard.units, min(2, len(self.heard.units))):
            question = self.rng.choice(unit.questions)
            wording = self.draw(question.wordings)
            strange = [w for w in _content(wording) if w[:5] not in text]
            if unit.domain in domains or question.kind in _YESNO or not strange:
                continue
            filling = Filling(self.rng, self.material, set(), "woman")
            filling.values = {name: here[name] for name in slots_of(wording) if name in here}
            if not stands_in(filling.fill(question.answer), self.heard.text()):
                yield (self.none(filling.fill(wording)),)

    def follow_ups(self) -> Iterator[tuple[Turn, ...]]:
        """Two or three questions about one unit, the later ones in few words."""
        telling = self.rng.choice(self.heard.tellings)
        if self.rng.random() >= 0.6 or self.twins(telling):
            return
        turns: list[Turn] = []
        kinds = [question.kind for question in telling.unit.questions]
        for question in self.rng.sample(telling.unit.questions, len(telling.unit.questions)):
            short = question.follow_ups
            if not short and kinds.count(question.kind) == 1:
                short = self.material.wordings.get(f"follow_{question.kind}", ())
            if turns and not short:
                continue
            wording = self.draw(short if turns else question.wordings)
            turn = self.fact(telling, question, wording, follows=bool(turns))
            if turn and len(turns) < 3:
                turns.append(turn)
        if turns and self.rng.random() < 0.15:
            wording = "and " + self.draw(telling.unit.missing)
            turns.append(self.none(telling.filling.fill(wording)))
        if len(turns) > 1:
            yield tuple(turns)

    def other_recording(self) -> Iterator[tuple[Turn, ...]]:
        """One question of two recordings that tell the same unit: "And in recording 2?"."""
        for telling in self.heard.tellings:
            for twin in self.twins(telling):
                if telling.recording >= twin.recording:
                    continue
                question = self.rng.choice(telling.unit.questions)
                wording = self.draw(question.wordings)
                if question.kind in _YESNO or self.subject(wording, question):
                    continue
                answers = (
                    self.answer(telling, question, wording),
                    self.answer(twin, question, wording),
                )
                if all(answers):
                    first = self.scoped(telling.filling.fill(wording), telling.recording)
                    then = self.draw(self.material.wordings["then_recording"])
                    asked = first, then.replace("{k}", str(twin.recording + 1))
                    yield tuple(
                        self.said(q, a, question.kind) for q, a in zip(asked, answers, strict=True)
                    )

    def which(self) -> Iterator[tuple[Turn, ...]]:
        """In which recording something stands."""
        if not self.several:
            return
        for telling in self.rng.sample(self.heard.tellings, min(2, len(self.heard.tellings))):
            answer = f"Recording {telling.recording + 1}."
            if not self.twins(telling) and self.rng.random() < 0.6:
                about = telling.filling.fill(telling.unit.about)
                if not SLOT.search(telling.unit.about) or stands_in(about, telling.text):
                    asked = self.draw(self.material.wordings["which_about"])
                    yield (self.said(asked.replace("{about}", about), answer, "which"),)
            if value := self.rare(telling):
                asked = self.draw(self.material.wordings["which"]).replace("{value}", value)
                yield (self.said(asked, answer, "which"),)

    def mentions(self) -> Iterator[tuple[Turn, ...]]:
        """Whether something is mentioned."""
        if self.rng.random() >= 0.5:
            return
        telling = self.rng.choice(self.heard.tellings)
        value, answer = self.rare(telling), "Yes."
        if self.rng.random() < 0.5:
            value = self.rng.choice(self.material.slots[self.rng.choice(list(self.material.slots))])
            answer = "No."
            if len(value.split()) > 2 or set(map(_stem, _content(value))) & set(
                map(_stem, words(self.heard.text()))
            ):
                return
        if value:
            asked = self.draw(self.material.wordings["mention"]).replace("{value}", value)
            yield (self.said(asked, answer, "mention"),)

    def quotes(self) -> Iterator[tuple[Turn, ...]]:
        """A summary in the recording's own sentences; how it begins and ends; when a word falls."""
        number = self.rng.randrange(len(self.heard.recordings))
        sentences = self.heard.recordings[number].sentences
        if self.rng.random() < 0.35:
            yield (self.summary(number),)
        if self.rng.random() < 0.15:
            name, sentence = self.rng.choice((("begin", sentences[0]), ("end", sentences[-1])))
            asked = self.draw(self.material.wordings[name])
            asked = self.scoped(asked, number) if self.several else asked
            yield (self.said(asked, sentence.text, name),)
        value = self.rare(self.rng.choice(self.heard.tellings))
        if value and self.rng.random() < 0.2:
            asked = self.draw(self.material.wordings["at"]).replace("{value}", value)
            for place, recording in enumerate(self.heard.recordings):
                for sentence in recording.sentences:
                    if stands_in(value, sentence.text):
                        where = f" in recording {place + 1}" if self.several else ""
                        yield (self.said(asked, f"At {clock(sentence.start)}{where}.", "at"),)

    # How it is asked and answered ---------------------------------------------------------------

    def draw(self, wordings: tuple[str, ...]) -> str:
        """A wording: of several the last is held out of training."""
        if self.held == "wording":
            return wordings[-1]
        return self.rng.choice(wordings if self.held == "unit" else wordings[:-1])

    def said(self, question: str, answer: str, kind: str) -> Turn:
        kind = "unanswerable" if answer == NO_ANSWER else kind
        return Turn(typed(self.rng, question), as_answer(answer), kind)

    def none(self, question: str, recording: int | None = None) -> Turn:
        if self.several and recording is not None and self.rng.random() < SCOPED:
            question = self.scoped(question, recording)
        return self.said(question, NO_ANSWER, "unanswerable")

    def scoped(self, question: str, recording: int) -> str:
        scope = self.draw(self.material.wordings["scope"])
        return scope.replace("{q}", question).replace("{k}", str(recording + 1))

    def fact(
        self, telling: Telling, question: Question, wording: str, follows: bool = False
    ) -> Turn | None:
        """The question about this telling, with its answer; None where it would not be plain
        which of several facts is meant, or whether it was said."""
        answer, instead = self.answer(telling, question, wording), {}
        if question.kind == "yesno" and answer and answer != NO_ANSWER and self.rng.random() < 0.5:
            (slot,) = slots_of(question.answer)
            instead = {slot: telling.filling.draw(slot)}
            answer = f"No, {telling.filling.value(slot)}"
        scope = self.several and not follows and self.rng.random() < SCOPED
        if not answer or not follows and not self.plain(telling, question, wording, scope):
            return None
        asked = telling.filling.fill(wording, instead)
        asked = self.scoped(asked, telling.recording) if scope else asked
        return self.said(asked, answer, "yesno" if question.kind in _YESNO else question.kind)

    def answer(self, telling: Telling, question: Question, wording: str) -> str | None:
        if question.kind in ("yes", "no"):
            return question.kind.capitalize()
        needed = slots_of(question.answer)
        if stands_in(telling.filling.fill(question.answer), telling.text):
            return "Yes" if question.kind == "yesno" else telling.filling.fill(question.answer)
        known = set(telling.slots) | {"speaker", "speaker_s"}
        given = set(slots_of(wording)) - (set(needed) if question.kind == "yesno" else set())
        return NO_ANSWER if needed and not known & set(needed) and given <= known else None

    def plain(self, telling: Telling, question: Question, wording: str, scope: bool) -> bool:
        """Whether it is plain which fact is meant."""
        others = [t for t in self.heard.tellings if t is not telling]
        if scope:
            others = [t for t in others if t.recording == telling.recording]
        twins = [t for t in others if t.unit is telling.unit]
        if twins:
            return self.subject(wording, question)
        rival = any(q.kind == question.kind for t in others for q in t.unit.questions)
        return bool(_content(wording) or self.subject(wording, question)) or not rival

    def subject(self, wording: str, question: Question) -> bool:
        """Whether the wording itself names someone or something of the telling."""
        return bool(
            set(slots_of(wording)) - {"speaker", "speaker_s"} - set(slots_of(question.answer))
        )

    def elsewhere(self, telling: Telling, question: Question) -> Iterator[tuple[Turn, ...]]:
        """The question put to a recording in which it is not answered."""
        place = self.rng.randrange(len(self.heard.recordings))
        there = [t for t in self.heard.tellings if t.recording == place]
        wording = self.draw(question.wordings)
        rival = any(
            t.unit is telling.unit or q.kind == question.kind
            for t in there
            for q in t.unit.questions
        )
        if place == telling.recording or question.kind in _YESNO or rival:
            return
        asked = self.scoped(telling.filling.fill(wording), place)
        yield (self.said(asked, NO_ANSWER, "unanswerable"),)

    def twins(self, telling: Telling) -> list[Telling]:
        return [t for t in self.heard.tellings if t.unit is telling.unit and t is not telling]

    def rare(self, telling: Telling) -> str | None:
        """A value of the telling that stands once in all that is said."""
        text = " ".join(words(self.heard.text()))
        values = [
            value
            for name, value in telling.filling.values.items()
            if name.rstrip("0123456789") not in AMOUNTS
            and len(value) > 3
            and len(value.split()) < 4
            and f" {text} ".count(f" {' '.join(words(value))} ") == 1
        ]
        return self.rng.choice(values) if values else None

    def summary(self, number: int) -> Turn:
        """The sentences that say most, one of each unit, three at most, in the order they fall."""
        best = set()
        for telling in self.heard.tellings:
            if telling.recording == number:
                values = [v for v in telling.filling.values.values() if v]
                counts = [sum(v in sentence for v in values) for sentence in telling.sentences]
                best.add(self.heard.places[id(telling), counts.index(max(counts))])
        kept = sorted(best)[:3]
        sentences = self.heard.recordings[number].sentences
        asked = self.draw(self.material.wordings["summary"])
        asked = self.scoped(asked, number) if self.several else asked
        answer = " ".join(sentences[i].text for i in kept)
        return Turn(typed(self.rng, asked), answer, "summary", tuple((number, i) for i in kept))


def _stem(word: str) -> str:
    return word[:5]


def _content(wording: str) -> list[str]:
    """The words of a wording that name its subject, without slots."""
    return [w for w in words(SLOT.sub(" ", wording)) if w not in _GENERIC and len(w) > 2]
