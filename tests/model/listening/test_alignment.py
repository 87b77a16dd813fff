"""Which step a token was spoken in."""

import itertools

import numpy as np

from model.listening.alignment import token_starts, warp


def cheapest(cost):
    """The least cost of all paths from corner to corner, tried one by one."""
    rows, columns = cost.shape
    best = np.inf
    for n in range(max(rows, columns) - 1, rows + columns - 1):
        for moves in itertools.product(((1, 0), (0, 1), (1, 1)), repeat=n):
            path = np.cumsum([(0, 0), *moves], axis=0)
            if (path[-1] == (rows - 1, columns - 1)).all() and (path.max(0) < cost.shape).all():
                best = min(best, cost[path[:, 0], path[:, 1]].sum())
    return best


def test_the_path_is_the_cheapest_of_all():
    for seed in range(5):
        cost = np.random.default_rng(seed).normal(size=(3, 4))
        rows, columns = warp(cost)
        assert (rows[0], columns[0]) == (0, 0) and (rows[-1], columns[-1]) == (2, 3)
        moves = set(zip(np.diff(rows), np.diff(columns), strict=True))
        assert moves <= {(0, 1), (1, 0), (1, 1)}
        assert np.isclose(cost[rows, columns].sum(), cheapest(cost))


def test_a_token_begins_where_attention_turns_to_it():
    begins, steps = [0, 30, 45, 90], 120
    weights = np.full((2, 4, steps), 0.01)
    for token, (a, b) in enumerate(zip(begins, [*begins[1:], steps], strict=True)):
        weights[:, token, a:b] = 0.1
    weights += np.random.default_rng(0).uniform(0, 0.01, weights.shape)
    assert np.abs(token_starts(weights) - begins).max() <= 2


def test_very_short_sounds_are_aligned_too():
    assert token_starts(np.random.default_rng(0).uniform(size=(2, 3, 2))).tolist()[0] == 0
