"""The reference of E11.5 against finite differences, which need no backward pass."""

import random

import pytest
import torch

from course_utils.lessons.lesson_11.probe import PROBES
from course_utils.staff.judging.lesson_11.judge import _norms


def test_the_gradient_of_the_reference_is_a_difference_quotient():
    case = PROBES["E11.5"].cases(random.Random(0))[0]
    _, model, x, y = case.fresh_args()
    model = model.double()
    ids, h = torch.tensor([x + y]), 1e-6
    with torch.no_grad():
        vectors = model.get_input_embeddings()(ids)[0]
        steps = h * torch.eye(vectors.numel(), dtype=torch.float64).view(-1, *vectors.shape)

        def loss(batch):
            logs = model(inputs_embeds=batch).logits.log_softmax(-1)
            return -sum(logs[:, len(x) - 1 + i, token] for i, token in enumerate(y))

        slopes = (loss(vectors + steps) - loss(vectors - steps)) / (2 * h)
    assert _norms(case) == pytest.approx(slopes.view(vectors.shape).norm(dim=1).tolist(), rel=1e-5, abs=1e-7)
