"""Text, words and times from a tiny reader, and notes from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.errors import NoWeights
from model.listening import guards
from model.listening import reader as reading
from model.listening.notes import LANGUAGE, as_data, from_data
from model.listening.speech_reader import SpeechReader
from model.listening.speech_tokens import SpeechTokens
from model.nn.speech_decoder import DecoderMemory
from model.spec import SAMPLE_RATE
from model.windows import split
from tests.model.conftest import noise


@pytest.fixture(scope="module")
def heard(reader):
    return reader.hear(noise(3.0).samples)


@pytest.fixture(scope="module")
def written(reader, heard):
    return reader.write(heard)


def test_the_tokens_are_the_likeliest_that_may_be_written(reader, heard, written):
    """Each found anew, from the whole text before it."""
    tokens, begun = reader.tokens, reader._prompt(written.language)
    allowed = set(range(tokens.end + 1)) - set(tokens.unspoken)
    total = 0.0
    for i, token in enumerate((*written.tokens, tokens.end)[:20]):
        ids = torch.tensor([[*begun, *written.tokens[:i]]])
        logits = reader.decoder.logits(reader.decoder(ids, heard.steps, DecoderMemory())[0, -1])
        may = sorted(allowed - (set(tokens.blank) if not i else set()))
        best = may[int(logits[may].argmax())]
        total += float(logits[may].log_softmax(-1).max())
        assert best == token or i == len(written.tokens)
    assert len(written.tokens) > 5
    assert written.log_probability < 0


def test_languages_are_told_by_their_tokens(reader, heard, written):
    shares, no_speech = reader.tell_language(heard)
    assert set(shares) == {"en", "zh", "de", "es"}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5) and 0 <= no_speech <= 1
    assert written.language == max(shares, key=shares.get)
    assert written.language_probability == pytest.approx(shares[written.language])
    other = next(code for code in shares if code != written.language)
    given = reader.write(heard, language=other)
    assert given.language == other and given.tokens != written.tokens
    assert reader.write(heard, language=other, translate=True).tokens != given.tokens
    with pytest.raises(ValueError, match="knows no language"):
        reader.write(heard, language="xx")


def test_words_hold_the_whole_text_and_their_times_never_fall(reader, heard, written):
    words = reader.with_words(written, heard).words
    assert "".join("".join(word.text.split()) for word in words) == "".join(written.text.split())
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times) and 0 <= times[0] and times[-1] <= 3.0
    assert all(0 < word.probability <= 1 for word in words)


def test_a_part_of_a_sound_is_read_by_itself(reader, heard):
    half = heard.part(0.0, 1.0)
    assert int(half.seen.sum()) == 50
    assert reader.write(half).tokens != reader.write(heard).tokens


def test_a_temperature_draws_and_a_seed_repeats(reader, heard, written):
    drawn = [reader.write(heard, temperature=1.0, seed=seed).tokens for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2] and drawn[0] != written.tokens
    assert all(len(tokens) <= 32 for tokens in drawn)


def test_silence_is_not_read(reader):
    (note,) = reading.read(reader, replace(noise(2.0), samples=np.zeros(32_000, np.float32)))
    assert (note.text, note.language, note.words, note.level) == ("", "", (), -120)


def test_noise_in_which_nobody_speaks_gives_no_words(reader):
    (note,) = reading.read(reader, noise(2.0))
    assert note.text == "" and note.words == () and note.level > -60


@pytest.fixture
def trusting(monkeypatch):
    """Somebody speaks, and is believed: the tiny reader writes nonsense."""
    monkeypatch.setattr(reading, "voice_detector", lambda: lambda samples: 1.0)
    monkeypatch.setattr(guards, "why_withheld", lambda reading, **known: "")


def test_notes_have_the_times_of_the_clip(reader, trusting):
    clip = noise(33.0)
    notes = list(reading.read(reader, clip))
    assert [(note.start, note.end) for note in notes] == [
        (w.start / SAMPLE_RATE, w.end / SAMPLE_RATE) for w in split(clip)
    ]
    assert len(notes) == 2 and notes[1].words[0].start >= notes[1].start > 20
    for note in notes:
        assert all(note.start <= word.start <= word.end <= note.end for word in note.words)
        assert note.label(LANGUAGE).name == note.language and note.reader == "Toy"
        assert from_data(as_data(note)) == note
    (again,) = reading.read(reader, clip, split(clip)[1:])
    assert again == notes[1]


def test_a_translation_has_no_word_times(reader, trusting):
    (note,) = reading.read(reader, noise(2.0), language="de", translate=True)
    assert note.text and note.language == "de" and note.words == ()


def test_what_loops_is_tried_again_and_then_cut(reader, monkeypatch):
    """With a reader that says one phrase over and over at every temperature."""
    monkeypatch.setattr(reading, "voice_detector", lambda: lambda samples: 1.0)
    told = reader.write(reader.hear(noise(2.0).samples))
    loop = tuple(b" go") * 12
    tried = []

    def write(self, sound, *, temperature=0.0, **task):
        tried.append(temperature)
        return replace(
            told,
            text=" go" * 12,
            tokens=loop,
            log_probability=-0.2,
            language_probability=0.9,
            no_speech=0.1,
        )

    monkeypatch.setattr(SpeechReader, "write", write)
    (note,) = reading.read(reader, noise(2.0), language="en")
    assert tried == [0.0, *reading.TEMPERATURES]
    assert note.text == "go" and note.withheld == guards.LOOP and len(note.words) == 1


def test_words_are_split_where_a_language_splits_them(reader):
    tokens = reader.tokens
    ids = list('¿Qué? "Yes," he said.'.encode())
    assert [word.strip() for word, _ in tokens.words(ids, "es")] == [
        "¿Qué?",
        '"Yes,"',
        "he",
        "said.",
    ]
    assert sum(n for _, n in tokens.words(ids, "es")) == len(ids)
    chinese = list("你好。".encode())
    assert tokens.words(chinese, "zh") == [("你", 3), ("好。", 6)]
    assert tokens.words(chinese[:4], "zh") == [("你", 3), ("\ufffd", 1)]  # broken off
    assert tokens.text([*ids, tokens.end, tokens.transcribe]) == '¿Qué? "Yes," he said.'


def test_signs_are_not_spoken(reader):
    unspoken = set(reader.tokens.unspoken)
    assert {ord("["), ord("#"), ord('"')} <= unspoken
    assert not {ord("a"), ord("-"), ord("'"), ord("."), ord(" ")} & unspoken


def test_a_vocabulary_of_another_model_is_refused(tmp_path):
    from model.training import toy

    toy.write_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(NoWeights, match="belongs to another model"):
        SpeechTokens(tmp_path / "tokenizer.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(NoWeights):
        SpeechTokens(tmp_path / "broken.json")
    with pytest.raises(NoWeights):
        SpeechTokens(tmp_path / "absent.json")
