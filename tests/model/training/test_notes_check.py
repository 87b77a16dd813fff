"""Questions on passages kept back are those of held-out units, each with an answer to score by."""

import torch

from model.evaluation.question_answering import MOST_WORDS, UNANSWERABLE, Report, is_right
from model.training import notes_check
from model.training.dialogues import IGNORED
from model.training.passage_units import read


def test_questions_kept_back_have_answers_that_count_as_right():
    asked = notes_check.questions("unit", 120)
    assert len(asked) == 120 and any(q.follows for q in asked)
    report = Report()
    for question in asked:
        assert question.opening.startswith("Audio 1")
        answer = question.accept[0] if question.accept else "The recording does not say."
        assert len(answer.split()) <= MOST_WORDS and is_right(question, answer), question
        report.add(question, answer)
    assert all(all(hits) for name, hits in report.counts.items() if name != "refused falsely")
    assert 0.1 < sum(q.kind == UNANSWERABLE for q in asked) / 120 < 0.6


def test_small_words_before_an_answer_are_not_wanted():
    assert notes_check._core("In the glove compartment.") == "glove compartment."
    assert notes_check._core("The.") == "The."


def test_units_kept_back_are_not_trained_on():
    held = {unit.tag for unit in read().units if unit.held_out}
    assert len(held) >= 20
    asked = {q.question for q in notes_check.questions("wording", 60)}
    assert not asked & {q.question for q in notes_check.questions("unit", 60)}


class Foreteller(torch.nn.Module):
    """Foretells every next token of its batch but those of one row."""

    def __init__(self, ids, wrong_row):
        super().__init__()
        self.ids, self.wrong_row = ids, wrong_row
        self.model = torch.nn.Module()
        self.model.head = torch.nn.Linear(1, 1)

    def _hidden(self, ids, labels, vectors, segments):
        after = torch.cat((ids[:, 1:], ids[:, :1]), 1).clone()
        after[self.wrong_row] += 1
        return 0, torch.nn.functional.one_hot(after, 40).float() * 20

    def _logits(self, hidden):
        return hidden


def test_an_answer_is_foretold_where_all_its_tokens_are():
    ids = torch.tensor([[1, 2, 3, 4, 5, 6], [1, 2, 7, 8, 9, 10]])
    segments = torch.tensor([[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2]])
    labels = ids.masked_fill(segments == 0, IGNORED)
    made = [{"ids": ids, "labels": labels, "segments": segments}]
    found = notes_check.check(Foreteller(ids, 1), made)
    assert found["answers"] == 4 and found["right"] == 0.5 and found["loss"] > 1
