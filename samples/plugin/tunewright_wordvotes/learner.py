"""The platform itself: softmax regression over the words of a prompt, one weight for every answer and word."""

import math


def words(messages):
    return [word for turn in messages if turn.role == "user" for word in turn.text.lower().split()] or [""]


def train(rows, epochs, rate):
    """Softmax regression on words, row by row: weights by answer, and the mean loss of every epoch."""
    weights, losses = {row.answer: {} for row in rows}, []
    for _ in range(epochs):
        total = 0.0
        for row in rows:
            asked = words(row.prompt)
            odds = {answer: math.exp(sum(of.get(word, 0) for word in asked)) for answer, of in weights.items()}
            total -= math.log(odds[row.answer] / sum(odds.values()))
            for answer, of in weights.items():
                step = rate * ((answer == row.answer) - odds[answer] / sum(odds.values())) / len(asked)
                of.update({word: of.get(word, 0) + step for word in asked})
        losses.append(total / len(rows))
    return weights, losses
