"""Text dialogues to mix in, so that learning to listen does not unlearn talking: the base model's
own answers to simple prompts, and what it cannot know: what it is now, and when nothing was heard.

    python -m model.training.talk BASE OUT.jsonl

BASE is the folder of the plain language model, as transformers reads it. A line of OUT is one
dialogue: {"turns": [[question, answer], ...], "ended": whether the last answer is whole}.
Sums, capitals and the like are kept only where the base model is right. With --prompts FILE, as
`chat_prompts.txt`, it answers the prompts of that file, one a line, and nothing else.
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from model.evaluation.manifest import Line, lines
from model.paths import as_path
from model.spec import SYSTEM_PROMPT
from model.training.dialogues import Turn
from model.training.wordings import ASKS, NO_RECORDING, OPEN

LONGEST = 64  # tokens of an answer; longer ones are cut, and their end is not learned
BATCH = 32  # prompts answered at a time
COPIES = 4  # of what the base model cannot know; there is little of it
FURTHER = 0.4  # share of the whole answers that get a second question
_SEED = 0

_CAPITALS = dict(
    pair.split(":")
    for pair in (
        "France:Paris|Germany:Berlin|Italy:Rome|Spain:Madrid|Japan:Tokyo|China:Beijing|"
        "India:Delhi|Brazil:Bras|Canada:Ottawa|Egypt:Cairo|Russia:Moscow|Mexico:Mexico City|"
        "Greece:Athens|Norway:Oslo|Turkey:Ankara|Kenya:Nairobi|Peru:Lima|Poland:Warsaw|"
        "Sweden:Stockholm|Ireland:Dublin|Portugal:Lisbon|Austria:Vienna|Hungary:Budapest|"
        "Finland:Helsinki|Denmark:Copenhagen|Cuba:Havana|Chile:Santiago|Argentina:Buenos Aires|"
        "Thailand:Bangkok|Vietnam:Hanoi|South Korea:Seoul|Iran:Tehran|Iraq:Baghdad|"
        "Australia:Canberra|Belgium:Brussels|England:London"
    ).split("|")
)
_OPPOSITES = (
    "hot cold|big small|up down|left right|day night|old new|fast slow|high low|light dark|"
    "good bad|happy sad|rich poor|wet dry|hard soft|early late|open closed|full empty|near far|"
    "strong weak|young old|loud quiet|clean dirty|long short|thick thin|true false|heavy light|"
    "easy difficult|love hate|first last|inside outside"
).split("|")
_TOPICS = (
    "the sea,winter,music,cats,trees,the moon,friendship,bread,rain,the city,books,horses,the sun,"
    "sleep,football,coffee,gardens,trains,the desert,birds,mountains,school,chess,computers,stars,"
    "rivers,cooking,painting,dreams,history,dogs,bees,whales,elephants,snow,thunder,the wind,"
    "volcanoes,forests,islands,bridges,ships,bicycles,airplanes,clocks,mirrors,candles,gold,salt,"
    "chocolate,apples,tea,dancing,singing,the piano,the violin,the guitar,drums,films,photography"
).split(",")
_ABOUT = (
    "Write a short sentence about {}.",
    "Tell me a fact about {}.",
    "What do you think about {}?",
    "Explain {} to a child.",
    "Name three words that have to do with {}.",
    "Ask me a question about {}.",
    "What is the best thing about {}?",
    "Think of a title for a story about {}.",
    "Write one sentence with these words in it: {}.",
)
_THINGS = (
    "gravity,electricity,a verb,a noun,an adjective,democracy,photosynthesis,an atom,a planet,"
    "a comet,the heart,the brain,a computer,the internet,a telephone,an engine,a magnet,energy,"
    "temperature,sound,an echo,light,a rainbow,a shadow,an earthquake,a glacier,a desert,an ocean,"
    "a lake,a museum,a library,a hospital,a bank,money,a law,a poem,a novel,a symphony,"
    "an orchestra,a chord,a melody,rhythm,a microphone,a loudspeaker,a radio,a camera,a telescope,"
    "a thermometer,a compass,a map,a calendar,a vitamin,a protein,a cell,a fossil,a dinosaur,"
    "a mammal,a reptile,an insect,a prime number,a triangle,a fraction,machine learning,"
    "a password,a recipe,a budget"
).split(",")
_WHAT_IS = ("What is {}?", "Explain in one sentence what {} is.", "Tell me briefly about {}.")
_LISTS = (
    "colours,fruits,vegetables,animals,birds,countries,cities,rivers,planets,sports,instruments,"
    "languages,drinks,flowers,trees,tools,days of the week,months,seasons,metals,shapes,"
    "pieces of furniture,parts of the body,kinds of weather,jobs,insects,fish,books,games,"
    "things in a kitchen"
).split(",")
_LISTING = ("Name three {}.", "List five {}.", "Tell me two {}, please.")
_HOW = (
    "make tea,boil an egg,learn English,sleep better,save money,write a letter,plant a tree,"
    "clean a window,tie a shoe,make a sandwich,stay healthy,learn the guitar,study for an exam,"
    "make new friends,bake bread,cook rice,wash a shirt,remember names,take a good picture,"
    "speak in public,calm down,start a conversation,draw a cat,read faster,stop being tired,"
    "care for a dog,write a poem,pack a suitcase,fix a bicycle,find a job"
).split(",")
_HOW_TO = (
    "How do I {}?",
    "Give me one tip: how can I {}?",
    "I want to {}. What should I do first?",
)
_WHY = (
    "do we sleep|is the sky blue|do birds fly south|does ice float|do leaves fall|is the sea salty|"
    "do we dream|do cats purr|do dogs bark|does the moon shine|do people laugh|is reading good|"
    "do we need water|do bees make honey|do we have seasons|is sleep important|do stars twinkle|"
    "do people sing|does bread rise|is exercise healthy|do we yawn|does metal rust|"
    "is the sun hot|do plants need light|do we celebrate birthdays"
).split("|")
_SENTENCES = (
    "I want to go home|the train was late again|she likes to read books|we had dinner at eight|"
    "he forgot his keys|the dog is sleeping|it will rain tomorrow|they live near the sea|"
    "my brother plays the violin|the shop is closed today|I can not find my phone|"
    "the soup is too hot|her letter arrived yesterday|we are going to the park|"
    "the children are singing|give me the book|the old man walked slowly|this film is boring|"
    "I have a meeting in the morning|the coffee tastes good"
).split("|")
_REWRITING = (
    'Rewrite this more politely: "{}"',
    'Say it in other words: "{}"',
    'Make this sentence longer: "{}"',
    'Turn this into a question: "{}"',
    'What is the verb in "{}"?',
    'Write a sentence that could come after this: "{}"',
    'What could be the reason? "{}"',
)
_PLAIN = (
    "Good night.|How are you?|How are you today?|Thank you!|Thanks a lot.|"
    "Thank you for your help.|Can you help me?|"
    "I need some help.|Tell me a joke.|Tell me another joke.|Tell me a story.|"
    "Tell me something nice.|Say goodbye.|Goodbye!|See you later.|Nice to meet you.|I am tired.|"
    "I am bored.|I am happy today.|I feel sad.|I had a bad day.|I am hungry.|I have a cold.|"
    "It is my birthday today!|I like music.|I play the piano.|I love my dog.|"
    "Count from ten to one.|Spell the word house.|Spell the word music.|How do plants grow?|"
    "Who was Mozart?|Who was Beethoven?|Who was Albert Einstein?|Who was Isaac Newton?|"
    "What is the longest river?|How does a telephone work?|How does a microphone work?|"
    "How does an airplane fly?|What is a good breakfast?|What should I eat tonight?|"
    "What should I do when I am tired?|Recommend a book.|Give me a word that rhymes with cat.|"
    "Give me a word that rhymes with day.|Use the word river in a sentence.|"
    "Use the word bright in a sentence.|Write a short poem.|Write a two line poem about rain.|"
    "Write a title for a story about a dog.|What is a synonym of big?|What is a synonym of happy?|"
    "Do fish sleep?|What is a snare drum?|What is the difference between a violin and a cello?|"
    "What is a major chord?"
).split("|")
_KNOWN = (  # question, a word of the right answer, or one of two
    "Count to five. five/5|What day comes after Monday? Tuesday|"
    "How many days are in a week? seven/7|"
    "How many months are in a year? twelve/12|How many minutes are in an hour? sixty/60|"
    "How many legs does a spider have? eight/8|What colour is the sky? blue|"
    "What colour is grass? green|What is water made of? hydrogen|"
    "Who wrote Romeo and Juliet? Shakespeare|Who painted the Mona Lisa? Leonardo|"
    "What is the largest ocean? Pacific|What is the tallest mountain? Everest|"
    "What is the largest planet? Jupiter|What do bees make? honey|"
    "What is the plural of mouse? mice|What is the plural of child? children|"
    "What is the past tense of go? went|What is the past tense of sing? sang|"
    "Is the earth round? yes|Can penguins fly? no|How do you say hello in French? bonjour|"
    "How do you say thank you in Spanish? gracias|How do you say good morning in German? guten|"
    "What language do people speak in Brazil? Portuguese|"
    "What language do people speak in Austria? German|Which animal says meow? cat|"
    "Which animal barks? dog|How many strings does a violin have? four/4|"
    "How many keys does a piano have? 88|Is a whale a fish? no"
).split("|")
_THEN = (  # second turns, after an answer that has come to its end
    "Thank you.",
    "Tell me more.",
    "Can you say that in one sentence?",
    "Why?",
    "Give me an example.",
    "Are you sure?",
    "Say it again in simpler words.",
    "Okay. And what else?",
)

_ME = "I am Earshot-mini, a small model that listens to recordings and talks about them."
_CAN = (
    "I can write down English speech, say which language is spoken and whether a man or a woman "
    "speaks, and name animals, instruments, notes and other sounds."
)
_TYPED = "I read what you type and hear the recordings that you add. I answer in writing."
IDENTITY = {  # what the base model cannot know
    _ME: (
        "Who are you?|What are you?|What is your name?|Tell me who you are.|"
        "What should I call you?|Introduce yourself.|Which model are you?|"
        "Are you SmolLM?|Are you ChatGPT?|Who am I talking to?|"
        "Hello, who are you?|Do you have a name?"
    ),
    "Hello! Ask me something, or add a recording and ask me about it.": (
        "Hello!|Hi there.|Hi!|Hey.|Good morning.|Good evening.|Hello there."
    ),
    f"No. {_ME}": "Are you a human?|Are you a person?|Are you a real person?|Are you alive?",
    _CAN: (
        "What can you do?|What can you do for me?|What can I ask you?|How can you help me?|"
        "What are you good at?|What do you know about sounds?|What can you hear?|"
        "What are you for?|What can I do with you?"
    ),
    f"Yes. {_CAN}": (
        "Can you hear?|Can you listen?|Can you hear recordings?|Do you understand sound?"
    ),
    _TYPED: "How do I talk to you?|How does this work?|How do you answer?",
    "Add a recording or record one, and ask me about it.": (
        "How do I use you?|How can I show you a sound?|I want you to listen to something.|"
        "Can you listen to something for me?|I have a recording for you."
    ),
    "No, I answer in writing.": (
        "Can you speak?|Can you talk aloud?|Can you sing?|Do you have a voice?"
    ),
    "No, I only hear recordings and read what you type.": (
        "Can you see?|Can you see pictures?|Can you look at a photo?|Can you browse the internet?|"
        "Can you watch videos?|Do you see me?"
    ),
    "I was put together from two open models, Whisper base to hear and SmolLM2 to speak, and "
    "taught to listen.": (
        "Who made you?|How were you made?|What are you made of?|Where do you come from?"
    ),
    "Yes, about 155 million parameters. That is small, and I make mistakes.": (
        "Are you a small model?|Are you small?"
    ),
    "No, I am a small model and I make mistakes. Check what matters.": (
        "Do you know everything?|Are you always right?|Can I trust you?"
    ),
}
_NOTHING = (  # asked about a sound, and none was given
    "Listen to this.|Can you hear it?|Is this a man or a woman?|Which animal is that?|"
    "Is it speech or music?|Please transcribe my recording.|What is that noise?|"
    "Do you hear the music?|What did I just say?|Can you hear me?|How long is the recording?|"
    "Compare the two recordings.|What is in Audio 1?|Is this a piano?"
).split("|")
_STRANGE = re.compile(
    r"SmolLM|Hugging ?Face|as an? (?:AI|helpful)|language model|helpful assistant|"
    r"math|I.m sorry(?! to hear)|\[|\ufffd|http",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Prompt:
    """What the base model is asked, and what a right answer holds, with / between ways to write
    it; "" is anything."""

    text: str
    holds: str = ""


def prompts() -> list[Prompt]:
    """All of them, each once, those of one form beside each other."""
    asked = [Prompt(text) for text in _PLAIN]
    asked += [Prompt(*pair.rsplit(" ", 1)) for pair in _KNOWN]
    for country, capital in _CAPITALS.items():
        asked.append(Prompt(f"What is the capital of {country}?", capital))
        if capital != "Bras":
            asked.append(Prompt(f"Which country is {capital} the capital of?", country))
    for pair in _OPPOSITES:
        for word, other in (pair.split(), pair.split()[::-1]):
            asked.append(Prompt(f"What is the opposite of {word}?", other))
    asked += _sums()
    forms = (
        (_ABOUT, _TOPICS),
        (_WHAT_IS, _THINGS),
        (_LISTING, _LISTS),
        (_HOW_TO, _HOW),
        (("Why {}?", "In one sentence: why {}?"), _WHY),
        (_REWRITING, _SENTENCES),
    )
    for wordings, things in forms:
        asked += [Prompt(form.format(thing)) for form in wordings for thing in things]
    return list({prompt.text: prompt for prompt in asked}.values())


def _sums() -> list[Prompt]:
    draw, sums = random.Random(_SEED), []
    for _ in range(60):
        a, b = draw.randint(1, 12), draw.randint(1, 12)
        sums.append(Prompt(f"What is {a} plus {b}?", str(a + b)))
        sums.append(Prompt(f"What is {max(a, b)} minus {min(a, b)}?", str(abs(a - b))))
    return sums


def written() -> list[dict]:
    """Dialogues that no model wrote: what Earshot-mini is, and that nothing was heard yet."""
    pairs = [(q, answer) for answer, questions in IDENTITY.items() for q in questions.split("|")]
    asks = [wording for wordings in ASKS.values() for wording in wordings[:3]]
    pairs += [(question, NO_RECORDING) for question in (*asks, *OPEN, *_NOTHING)]
    rows = [{"turns": [list(pair)], "ended": True} for pair in pairs]
    draw = random.Random(_SEED)
    for _ in range(len(pairs) // 2):
        first, then = draw.sample(pairs, 2)
        if first[1] != then[1]:
            rows.append({"turns": [list(first), list(then)], "ended": True})
    return rows * COPIES


def sound(answer: str, holds: str = "") -> bool:
    """Whether an answer can be learned from: no loop, nothing strange, right where it is known."""
    spoken = re.findall(r"[\w']+", answer.lower())
    runs = [tuple(spoken[i : i + 4]) for i in range(len(spoken) - 3)]
    loops = len(set(runs)) < len(runs) or len(set(spoken)) < 0.45 * len(spoken)
    ways = [rf"\b{re.escape(way.lower())}" for way in holds.split("/")]
    right = any(re.search(way, answer.lower()) for way in ways)
    return bool(spoken) and right and not loops and not _STRANGE.search(answer)


class Base:
    """The plain language model, answering many prompts at a time, greedily."""

    def __init__(self, folder: Path):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()

    def answer(self, dialogues: list[list[str]]) -> list[tuple[str, bool]]:
        """The answer to each dialogue's last message, and whether it came to its end. A dialogue
        is what the two sides said in turn, the person first."""
        texts = [self._written(said) for said in dialogues]
        read = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        end = self.tokenizer.eos_token_id
        ids = self.model.generate(
            **read, max_new_tokens=LONGEST, do_sample=False, eos_token_id=end, pad_token_id=end
        )[:, read["input_ids"].shape[1] :].tolist()
        answers = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        ended = [end in row for row in ids]
        return [(a.strip(), e) for a, e in zip(answers, ended, strict=True)]

    def _written(self, said: list[str]) -> str:
        roles = ("user", "assistant")
        messages = [{"role": "system", "content": SYSTEM_PROMPT}]
        messages += [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
        return self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )


def dialogues(base: Base, asked: list[Prompt]) -> Iterator[list[dict]]:
    """What is kept of each batch of prompts; many of the whole answers are asked on."""
    draw = random.Random(_SEED)
    batches = [asked[i : i + BATCH] for i in range(0, len(asked), BATCH)]
    draw.shuffle(batches)
    waiting = []
    for batch in batches:
        kept = []
        for prompt, (answer, ended) in zip(
            batch, base.answer([[p.text] for p in batch]), strict=True
        ):
            if sound(answer, prompt.holds):
                kept.append({"turns": [[prompt.text, answer]], "ended": ended})
                if ended and draw.random() < FURTHER:
                    waiting.append([prompt.text, answer, draw.choice(_THEN)])
        while len(waiting) >= BATCH:
            few, waiting = waiting[:BATCH], waiting[BATCH:]
            for said, (answer, ended) in zip(few, base.answer(few), strict=True):
                if sound(answer) and answer != said[1]:
                    turns = [said[:2], [said[2], answer]]
                    kept.append({"turns": turns, "ended": ended})
        yield kept


def read(file: Path) -> list[tuple[list[Turn], bool]]:
    """The dialogues of a file, and whether each one's last answer is whole."""
    return [_dialogue(line) for line in lines(file)]


def _dialogue(line: Line) -> tuple[list[Turn], bool]:
    try:
        return [Turn(*turn) for turn in line.told["turns"]], bool(line.told["ended"])
    except (KeyError, TypeError) as error:
        raise line.wrong(f'wanted "turns", pairs of a question and an answer ({error})') from None


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Let the base model answer simple prompts.")
    cli.add_argument("base", type=as_path)
    cli.add_argument("out", type=as_path)
    cli.add_argument("--prompts", type=as_path, metavar="FILE", help="one a line")
    args = cli.parse_args(argv)
    first, asked = [written()], prompts()
    if args.prompts:
        lines_of_file = args.prompts.read_text(encoding="utf-8").splitlines()
        first, asked = [], [Prompt(line.strip()) for line in lines_of_file if line.strip()]
    with open(args.out, "w", encoding="utf-8") as out:
        for rows in chain(first, dialogues(Base(args.base), asked)):
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            out.flush()


if __name__ == "__main__":
    main()
