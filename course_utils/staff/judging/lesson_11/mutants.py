"""Wrong answers to lesson 11 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
wrong, right = MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E11.1 ----------------------------------------------------------------------------------------------------------


def _padded(labels, length, pad=-100):
    return labels + [pad] * ((length or len(labels)) - len(labels))


@wrong("E11.1", "boundary_label_of_prompt")
def make_labels_boundary_label_of_prompt(x_ids, y_ids, eos, length=None):
    return _padded([-100] * (len(x_ids) - 1) + [x_ids[-1], *y_ids, eos], length)


@wrong("E11.1", "first_label_masked")
def make_labels_first_label_masked(x_ids, y_ids, eos, length=None):
    return _padded(([-100] * (len(x_ids) + 1) + [*y_ids, eos][1:]), length)


@wrong("E11.1", "labels_preshifted")
def make_labels_labels_preshifted(x_ids, y_ids, eos, length=None):
    return _padded([-100] * (len(x_ids) - 1) + [*y_ids, eos, -100], length)


@wrong("E11.1", "labels_shifted_back")
def make_labels_labels_shifted_back(x_ids, y_ids, eos, length=None):
    labels = [-100] * len(x_ids) + [*y_ids, eos]
    return _padded([-100, *labels[:-1]], length)


@wrong("E11.1", "eos_label_missing")
def make_labels_eos_label_missing(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + list(y_ids), length)


@wrong("E11.1", "eos_label_masked")
def make_labels_eos_label_masked(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + [*y_ids, -100], length)


@wrong("E11.1", "every_eos_masked")
def make_labels_every_eos_masked(x_ids, y_ids, eos, length=None):
    labels = [-100] * len(x_ids) + [*y_ids, eos]
    return _padded([-100 if label == eos else label for label in labels], length)


@wrong("E11.1", "eos_inside_y_masked")
def make_labels_eos_inside_y_masked(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + [-100 if i == eos else i for i in y_ids] + [eos], length)


@wrong("E11.1", "eos_only_where_missing")
def make_labels_eos_only_where_missing(x_ids, y_ids, eos, length=None):
    y = list(y_ids) if y_ids and y_ids[-1] == eos else [*y_ids, eos]
    return _padded([-100] * len(x_ids) + y, length)


@wrong("E11.1", "padding_has_labels")
def make_labels_padding_has_labels(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + [*y_ids, eos], length, eos)


@wrong("E11.1", "padding_has_labels")
def make_labels_padding_has_labels_2(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + [*y_ids, eos], length, 0)


@wrong("E11.1", "prompt_has_labels")
def make_labels_prompt_has_labels(x_ids, y_ids, eos, length=None):
    return _padded([*x_ids, *y_ids, eos], length)


@wrong("E11.1", "prompt_has_labels", "only BOS is masked: every token of x is")
def make_labels_prompt_has_labels_2(x_ids, y_ids, eos, length=None):
    return _padded([-100, *x_ids[1:], *y_ids, eos], length)


@wrong("E11.1", "response_masked")
def make_labels_response_masked(x_ids, y_ids, eos, length=None):
    return _padded([*x_ids] + [-100] * (len(y_ids) + 1), length)


@wrong("E11.1", "zero_for_ignored")
def make_labels_zero_for_ignored(x_ids, y_ids, eos, length=None):
    return _padded([0] * len(x_ids) + [*y_ids, eos], length, 0)


@wrong("E11.1", "zero_for_ignored", "what has no label is marked by -100, not by -1: torch takes -1 for a wrong label")
def make_labels_zero_for_ignored_2(x_ids, y_ids, eos, length=None):
    return _padded([-1] * len(x_ids) + [*y_ids, eos], length, -1)


@wrong("E11.1", "labels_of_y_alone")
def make_labels_labels_of_y_alone(x_ids, y_ids, eos, length=None):
    return _padded([*y_ids, eos], length)


@wrong("E11.1", "length_ignored")
def make_labels_length_ignored(x_ids, y_ids, eos, length=None):
    return [-100] * len(x_ids) + [*y_ids, eos]


@wrong("E11.1", "padded_on_the_left")
def make_labels_padded_on_the_left(x_ids, y_ids, eos, length=None):
    labels = [-100] * len(x_ids) + [*y_ids, eos]
    return [-100] * ((length or len(labels)) - len(labels)) + labels


@wrong("E11.1", "masked_by_value")
def make_labels_masked_by_value(x_ids, y_ids, eos, length=None):
    return _padded([-100 if i in x_ids else i for i in [*x_ids, *y_ids, eos]], length)


@wrong("E11.1", "eos_before_y")
def make_labels_eos_before_y(x_ids, y_ids, eos, length=None):
    return _padded([-100] * len(x_ids) + [eos, *y_ids], length)


@wrong("E11.1", "nothing_returned", "None (is a return missing?) came back where a list of labels is asked for")
def make_labels_nothing_returned(x_ids, y_ids, eos, length=None):
    _padded([-100] * len(x_ids) + [*y_ids, eos], length)


@wrong("E11.1", "eos_label_missing", "the end stands behind the padding: EOS comes right after y")
def make_labels_eos_label_missing_2(x_ids, y_ids, eos, length=None):
    labels = [-100] * len(x_ids) + list(y_ids)
    return _padded(labels, length and length - 1) + [eos]


@right("E11.1", "numpy")
def make_labels_numpy(x_ids, y_ids, eos, length=None):
    labels = np.full(length or len(x_ids) + len(y_ids) + 1, -100)
    labels[len(x_ids) : len(x_ids) + len(y_ids) + 1] = [*y_ids, eos]
    return labels


@right("E11.1", "torch, with a clone of the ids")
def make_labels_torch_with_a_clone_of_the_ids(x_ids, y_ids, eos, length=None):
    labels = torch.tensor([*x_ids, *y_ids, eos]).clone()
    labels[: len(x_ids)] = -100
    return F.pad(labels, (0, (length or len(labels)) - len(labels)), value=-100)


@right("E11.1", "a loop over positions, as a tuple")
def make_labels_a_loop_over_positions_as_a_tuple(x_ids, y_ids, eos, length=None):
    text, n = [*x_ids, *y_ids, eos], len(x_ids)
    size = len(text) if length is None else length
    return tuple(text[t] if n <= t < len(text) else -100 for t in range(size))


@right("E11.1", "a generator")
def make_labels_a_generator(x_ids, y_ids, eos, length=None):
    yield from itertools.repeat(-100, len(x_ids))
    yield from y_ids
    yield eos
    yield from itertools.repeat(-100, max(0, (length or 0) - len(x_ids) - len(y_ids) - 1))


@right("E11.1", "int32, from zip_longest")
def make_labels_int32_from_zip_longest(x_ids, y_ids, eos, length=None):
    rows = [[-100] * len(x_ids) + list(y_ids) + [eos], [-100] * (length or 0)]
    pairs = itertools.zip_longest(*rows, fillvalue=-100)
    return np.array([label for label, _ in pairs], dtype=np.int32)


# --- E11.2 ----------------------------------------------------------------------------------------------------------

wrong_value(
    "E11.2",
    (-6.8, -0.2, 6.8 / 6),
    "all_tokens_in_the_loss",
    "loss: the mean runs over all six tokens; the prompt has no label",
)
wrong_value(
    "E11.2",
    (-6.8, -0.2, 0.2 / 6),
    "masked_tokens_counted",
    "loss: the sum is right, and divided by six; the mean runs over the tokens that have a label",
)
wrong_value(
    "E11.2",
    (-6.8, -6.8, 0.2),
    "joint_for_conditional",
    "log-probabilities: that is log Pr([x, y]); the tokens of x are given, so their terms do not belong to log Pr(y|x)",
)
wrong_value(
    "E11.2",
    (-0.2, -6.8, 0.2),
    "swapped_objectives",
    "log-probabilities: joint and conditional are there, in the other order",
)
wrong_value(
    "E11.2",
    (-6.8, -0.3, 0.2),
    "boundary_label_of_prompt",
    "log-probabilities: the last token of the prompt was counted too: the response begins after it",
)
wrong_value(
    "E11.2",
    (-6.8, -0.2, 0.15),
    "boundary_label_of_prompt",
    "loss: the last token of the prompt was counted too: the response begins after it",
)
wrong_value(
    "E11.2",
    (-6.6, -0.2, 0.2),
    "prompt_for_joint",
    "log-probabilities: that is log Pr(x); the joint has the response in it too",
)
wrong_value(
    "E11.2",
    (6.8, 0.2, 0.2),
    "surprisal_for_log_prob",
    "log-probabilities: these are surprisals; a log-probability is at most 0",
)
wrong_value(
    "E11.2",
    (-6.8, -0.2, -0.2),
    "log_likelihood_for_loss",
    "loss: that is the log-probability; a loss is what training makes small, its negative",
)
wrong_value(
    "E11.2",
    (-6.8, -0.2, 6.8),
    "total_for_loss",
    "loss: that is the whole text, prompt included; only the response has labels",
)
wrong_value("E11.2", (-7.8, -0.2, 0.2), "start_token_costs", "log-probabilities: BOS has no term: nothing predicts it")
wrong_value(
    "E11.2", (math.exp(-6.8), math.exp(-0.2), 0.2), "probability_for_log", "log-probabilities: these are probabilities"
)
right_value("E11.2", torch.tensor([-6.8, -0.2, 0.2]), "a tensor in single precision")
right_value("E11.2", (-2 - 1 - 0.5 - 3 - 0.1 - 0.2, -0.2, 0.2), "summed up, with floating-point noise")
right_value("E11.2", [np.float64(-6.8), np.float64(-0.2), np.float64(0.2)], "numpy scalars in a list")
right_value("E11.2", np.array([-6.8, -0.2, 0.2]), "an array")
right_value(
    "E11.2", {"loss": 0.2, "conditional": Decimal("-0.2"), "joint": Fraction(-68, 10)}, "a dict in another order"
)
right_value("E11.2", torch.tensor([-6.8, -0.2, 0.2], dtype=torch.float64), "a tensor")
right_value("E11.2", (np.float32(-6.8), np.float32(-0.2), np.float32(0.2)), "single precision")

# --- E11.3 ----------------------------------------------------------------------------------------------------------


def _token_mean(nll, counts):
    return math.fsum(nll) / sum(counts)


def _sequence_mean(nll, counts):
    return math.fsum(loss / count for loss, count in zip(nll, counts, strict=True)) / len(nll)


@wrong("E11.3", "swapped", "both means are there, in the other order: the token mean comes first")
def batch_means_swapped(nll, counts):
    return _sequence_mean(nll, counts), _token_mean(nll, counts)


@wrong("E11.3", "lengths_ignored")
def batch_means_lengths_ignored(nll, counts):
    return math.fsum(nll) / len(nll), math.fsum(nll) / len(nll)


@wrong("E11.3", "lengths_ignored")
def batch_means_lengths_ignored_2(nll, counts):
    return _token_mean(nll, counts), math.fsum(nll) / len(nll)


@wrong("E11.3", "lengths_ignored", "the token mean divides the total by the number of tokens, not by that of sequences")
def batch_means_lengths_ignored_3(nll, counts):
    return math.fsum(nll) / len(nll), _sequence_mean(nll, counts)


@wrong("E11.3", "one_mean_for_both")
def batch_means_one_mean_for_both(nll, counts):
    return _token_mean(nll, counts), _token_mean(nll, counts)


@wrong("E11.3", "one_mean_for_both")
def batch_means_one_mean_for_both_2(nll, counts):
    return _sequence_mean(nll, counts), _sequence_mean(nll, counts)


@wrong("E11.3", "summed_not_averaged")
def batch_means_summed_not_averaged(nll, counts):
    return _token_mean(nll, counts), _sequence_mean(nll, counts) * len(nll)


@wrong("E11.3", "summed_not_averaged", "the token mean divides the total by the number of tokens; this is the total")
def batch_means_summed_not_averaged_2(nll, counts):
    return math.fsum(nll), _sequence_mean(nll, counts)


@wrong("E11.3", "padded_lengths_counted")
def batch_means_padded_lengths_counted(nll, counts):
    return math.fsum(nll) / (len(nll) * max(counts)), math.fsum(nll) / (len(nll) * max(counts))


@wrong("E11.3", "lengths_counted_twice")
def batch_means_lengths_counted_twice(nll, counts):
    weighted = math.fsum(loss * count for loss, count in zip(nll, counts, strict=True)) / sum(counts)
    return weighted, _sequence_mean(nll, counts)


@wrong("E11.3", "probability_for_log", "these are probabilities: the losses stay in nats")
def batch_means_probability_for_log(nll, counts):
    return math.exp(-_token_mean(nll, counts)), math.exp(-_sequence_mean(nll, counts))


@wrong("E11.3", "log_likelihood_for_loss", "the sign is turned: the mean of losses is a loss")
def batch_means_log_likelihood_for_loss(nll, counts):
    return -_token_mean(nll, counts), -_sequence_mean(nll, counts)


@right("E11.3", "by weights: each sequence counts by its length")
def batch_means_by_weights(nll, counts):
    each = np.array(nll) / np.array(counts)
    return np.average(each, weights=counts), np.average(each)


@right("E11.3", "torch")
def batch_means_torch(nll, counts):
    nll, counts = torch.tensor(nll, dtype=torch.float64), torch.tensor(counts)
    return torch.stack([nll.sum() / counts.sum(), (nll / counts).mean()])


@right("E11.3", "fractions in a dict")
def batch_means_fractions_in_a_dict(nll, counts):
    exact = [Fraction(loss) for loss in nll]
    each = [loss / count for loss, count in zip(exact, counts, strict=True)]
    return {"sequence": sum(each) / len(each), "token": sum(exact) / sum(counts)}


@right("E11.3", "token by token")
def batch_means_token_by_token(nll, counts):
    tokens = [loss / count for loss, count in zip(nll, counts, strict=True) for _ in range(count)]
    each = [loss / count for loss, count in zip(nll, counts, strict=True)]
    return [sum(tokens) / len(tokens), sum(each) / len(each)]


# --- E11.4 ----------------------------------------------------------------------------------------------------------


def _row_loss(u, row, reduction="mean"):
    return F.cross_entropy(u[:-1], row[1:], reduction=reduction)


def _rows(logits, labels):
    return [_row_loss(u, row) for u, row in zip(logits, labels, strict=True)]


@wrong("E11.4", "masked_row_is_nan")
def batch_loss_masked_row_is_nan(logits, labels):
    return torch.stack(_rows(logits, labels)).mean()


@wrong("E11.4", "batch_lost_with_a_row")
def batch_loss_batch_lost_with_a_row(logits, labels):
    return torch.stack(_rows(logits, labels)).mean().nan_to_num()


@wrong("E11.4", "masked_row_counts_as_zero")
def batch_loss_masked_row_counts_as_zero(logits, labels):
    return torch.stack(_rows(logits, labels)).nan_to_num().mean()


@wrong("E11.4", "token_mean_for_sequence_mean")
def batch_loss_token_mean_for_sequence_mean(logits, labels):
    targets = labels[:, 1:].flatten()
    total = F.cross_entropy(logits[:, :-1].flatten(0, 1), targets, reduction="sum")
    return total / max(int((targets != -100).sum()), 1)


@wrong("E11.4", "mask_on_input")
def batch_loss_mask_on_input(logits, labels):
    rows = []
    for u, row in zip(logits, labels, strict=True):
        each = F.cross_entropy(u[:-1], row[1:].clamp(min=0), reduction="none")
        if (row[:-1] != -100).any():
            rows.append(each[row[:-1] != -100].mean())
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "masked_tokens_counted")
def batch_loss_masked_tokens_counted(logits, labels):
    rows = [
        _row_loss(u, row, "sum") / (len(row) - 1)
        for u, row in zip(logits, labels, strict=True)
        if (row[1:] != -100).any()
    ]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "row_sums_averaged")
def batch_loss_row_sums_averaged(logits, labels):
    rows = [_row_loss(u, row, "sum") for u, row in zip(logits, labels, strict=True) if (row[1:] != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "row_means_added")
def batch_loss_row_means_added(logits, labels):
    rows = [_row_loss(u, row) for u, row in zip(logits, labels, strict=True) if (row[1:] != -100).any()]
    return torch.stack(rows).sum() if rows else 0.0


@wrong("E11.4", "shift_missing")
def batch_loss_shift_missing(logits, labels):
    rows = [F.cross_entropy(u, row) for u, row in zip(logits, labels, strict=True) if (row != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "shifted_twice", "logits and labels were shifted twice: row t of the logits predicts label t + 1")
def batch_loss_shifted_twice(logits, labels):
    rows = [F.cross_entropy(u[:-2], row[2:]) for u, row in zip(logits, labels, strict=True) if (row[2:] != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "shifted_the_other_way")
def batch_loss_shifted_the_other_way(logits, labels):
    rows = [F.cross_entropy(u[1:], row[:-1]) for u, row in zip(logits, labels, strict=True) if (row[:-1] != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "label_nobody_predicts")
def batch_loss_label_nobody_predicts(logits, labels):
    rows = [_row_loss(u, row) for u, row in zip(logits, labels, strict=True) if (row != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong(
    "E11.4", "label_nobody_predicts", "a label at position 0 was counted in the length of its row: nothing predicts it"
)
def batch_loss_label_nobody_predicts_2(logits, labels):
    rows = [
        _row_loss(u, row, "sum") / (row != -100).sum()
        for u, row in zip(logits, labels, strict=True)
        if (row[1:] != -100).any()
    ]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "masked_labels_scored")
def batch_loss_masked_labels_scored(logits, labels):
    rows = [F.cross_entropy(u[:-1], row[1:].clamp(min=0)) for u, row in zip(logits, labels, strict=True)]
    return torch.stack(rows).mean()


@wrong("E11.4", "log_likelihood_for_loss", "the sign is turned: a loss is minus the log-probability")
def batch_loss_log_likelihood_for_loss(logits, labels):
    rows = [-_row_loss(u, row) for u, row in zip(logits, labels, strict=True) if (row[1:] != -100).any()]
    return torch.stack(rows).mean() if rows else 0.0


@wrong("E11.4", "log_of_underflowed_softmax")
def batch_loss_log_of_underflowed_softmax(logits, labels):
    rows = []
    for p, row in zip(logits.softmax(-1), labels, strict=True):
        losses = [-torch.log(p[t - 1, row[t]]) for t in range(1, len(row)) if row[t] != -100]
        rows += [sum(losses) / len(losses)] if losses else []
    return sum(rows) / len(rows) if rows else 0.0


@right("E11.4", "nanmean, and 0 where nothing is left")
def batch_loss_nanmean_and_0_where_nothing(logits, labels):
    return torch.stack(_rows(logits, labels)).nanmean().nan_to_num()


@right("E11.4", "sums over max(count, 1)")
def batch_loss_sums_over_max_count_1(logits, labels):
    targets = labels[:, 1:]
    each = F.cross_entropy(logits[:, :-1].transpose(1, 2), targets, reduction="none")
    counts = (targets != -100).sum(1)
    rows = each.sum(1) / counts.clamp(min=1)
    return rows.sum() / (counts > 0).sum().clamp(min=1)


@right("E11.4", "numpy, a label at a time")
def batch_loss_numpy_a_label_at_a_time(logits, labels):
    logits, labels, rows = logits.numpy(), labels.numpy(), []
    for u, row in zip(logits, labels, strict=True):
        at = [t for t in range(1, len(row)) if row[t] != -100]
        losses = [np.logaddexp.reduce(u[t - 1]) - u[t - 1, row[t]] for t in at]
        rows += [np.mean(losses)] if losses else []
    return np.mean(rows) if rows else 0


@right("E11.4", "a filter over the rows first")
def batch_loss_a_filter_over_the_rows_first(logits, labels):
    keep = labels[:, 1:].ne(-100).any(dim=1)
    if not keep.any():
        return 0.0
    logs = logits[keep, :-1].log_softmax(-1)
    targets = labels[keep, 1:]
    mask = targets != -100
    picked = logs.gather(-1, targets.where(mask, torch.zeros_like(targets))[..., None])[..., 0]
    return -(picked.where(mask, torch.zeros_like(picked)).sum(1) / mask.sum(1)).mean().item()


# --- E11.5 ----------------------------------------------------------------------------------------------------------


def _right_claims():
    return {"prompt": True, "last": False, "logits": False}


def _gradient(model, x_ids, y_ids, loss_of=None, masked=None):
    """The gradient (T, width) of the loss with respect to the embedding vectors."""
    ids = torch.tensor([x_ids + y_ids], device=model.device)
    vectors = model.get_input_embeddings()(ids).detach().requires_grad_()
    logits = model(inputs_embeds=vectors).logits[0]
    first = len(x_ids) if masked is None else masked
    loss = F.cross_entropy(logits[first - 1 : -1], ids[0, first:], reduction="sum")
    loss = loss_of(loss, logits, ids[0]) if loss_of else loss
    return torch.autograd.grad(loss, vectors)[0][0]


@wrong("E11.5", "prompt_gets_no_gradient", e11_5=_right_claims)
def embedding_gradient_norms_prompt_gets_no_gradient(model, x_ids, y_ids):
    norms = _gradient(model, x_ids, y_ids).norm(dim=1)
    norms[: len(x_ids)] = 0
    return norms


@wrong(
    "E11.5",
    "prompt_has_labels",
    "the loss of the prompt's tokens is in it: only the tokens of y have a loss",
    e11_5=_right_claims,
)
def embedding_gradient_norms_prompt_has_labels(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, masked=1).norm(dim=1)


@wrong("E11.5", "boundary_label_of_prompt", e11_5=_right_claims)
def embedding_gradient_norms_boundary_label_of_prompt(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, masked=max(1, len(x_ids) - 1)).norm(dim=1)


@wrong("E11.5", "first_label_masked", e11_5=_right_claims)
def embedding_gradient_norms_first_label_masked(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, masked=len(x_ids) + 1).norm(dim=1)


@wrong(
    "E11.5",
    "mean_for_sum_of_losses",
    "this is the gradient of the mean over y; the task asks for the loss as a sum",
    e11_5=_right_claims,
)
def embedding_gradient_norms_mean_for_sum_of_losses(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, lambda loss, *_: loss / len(y_ids)).norm(dim=1)


@wrong(
    "E11.5", "joint_averaged", "this is the gradient of the sum divided by the length of x and y", e11_5=_right_claims
)
def embedding_gradient_norms_joint_averaged(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, lambda loss, *_: loss / (len(x_ids) + len(y_ids) - 1)).norm(dim=1)


@wrong("E11.5", "norm_not_rooted", e11_5=_right_claims)
def embedding_gradient_norms_norm_not_rooted(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids).square().sum(dim=1)


@wrong("E11.5", "norm_of_absolutes", e11_5=_right_claims)
def embedding_gradient_norms_norm_of_absolutes(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids).abs().sum(dim=1)


@wrong(
    "E11.5",
    "norm_of_absolutes",
    "that is the mean of the entries' absolute values; the length of a vector is asked for",
    e11_5=_right_claims,
)
def embedding_gradient_norms_norm_of_absolutes_2(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids).abs().mean(dim=1)


@wrong("E11.5", "rows_for_vectors", e11_5=_right_claims)
def embedding_gradient_norms_rows_for_vectors(model, x_ids, y_ids):
    ids = torch.tensor([x_ids + y_ids], device=model.device)
    logits = model(ids).logits[0]
    F.cross_entropy(logits[len(x_ids) - 1 : -1], ids[0, len(x_ids) :], reduction="sum").backward()
    return model.get_input_embeddings().weight.grad[ids[0]].norm(dim=1)


@wrong("E11.5", "logits_for_vectors", e11_5=_right_claims)
def embedding_gradient_norms_logits_for_vectors(model, x_ids, y_ids):
    ids = torch.tensor([x_ids + y_ids], device=model.device)
    logits = model(ids).logits
    logits.retain_grad()
    F.cross_entropy(logits[0, len(x_ids) - 1 : -1], ids[0, len(x_ids) :], reduction="sum").backward()
    return logits.grad[0].norm(dim=1)


@wrong(
    "E11.5",
    "probability_for_loss",
    "this is the gradient of Pr(y|x); the loss is minus its logarithm",
    e11_5=_right_claims,
)
def embedding_gradient_norms_probability_for_loss(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids, lambda loss, *_: torch.exp(-loss)).norm(dim=1)


@wrong(
    "E11.5", "shifted_twice", "the labels were shifted twice: the first token of y lost its term", e11_5=_right_claims
)
def embedding_gradient_norms_shifted_twice(model, x_ids, y_ids):
    def shifted(loss, logits, ids):
        return F.cross_entropy(logits[len(x_ids) - 1 : -2], ids[len(x_ids) + 1 :], reduction="sum")

    return _gradient(model, x_ids, y_ids, shifted).norm(dim=1)


@wrong("E11.5", "shift_missing", e11_5=_right_claims)
def embedding_gradient_norms_shift_missing(model, x_ids, y_ids):
    def unshifted(loss, logits, ids):
        return F.cross_entropy(logits[len(x_ids) :], ids[len(x_ids) :], reduction="sum")

    return _gradient(model, x_ids, y_ids, unshifted).norm(dim=1)


@wrong("E11.5", "one_norm_for_all", e11_5=_right_claims)
def embedding_gradient_norms_one_norm_for_all(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids).norm()


def _norms(model, x_ids, y_ids):
    return _gradient(model, x_ids, y_ids).norm(dim=1)


wrong("E11.5", "prompt_gets_no_gradient", e11_5=lambda: {"prompt": False, "last": False, "logits": False})(_norms)
wrong("E11.5", "last_token_gets_gradient", e11_5=lambda: {"prompt": True, "last": True, "logits": False})(_norms)
wrong("E11.5", "prompt_logits_get_gradient", e11_5=lambda: {"prompt": True, "last": False, "logits": True})(_norms)


@right("E11.5", "a hook on the embedding layer", e11_5=lambda: (True, False, False))
def embedding_gradient_norms_a_hook_on_the_embedding_layer(model, x_ids, y_ids):
    kept = []
    layer = model.get_input_embeddings()
    hook = layer.register_forward_hook(lambda module, args, output: kept.append(output) or output.retain_grad())
    ids = torch.tensor([[*x_ids, *y_ids]]).to(model.device)
    logs = model(ids).logits[0].log_softmax(-1)
    hook.remove()
    (-sum(logs[len(x_ids) - 1 + i, token] for i, token in enumerate(y_ids))).backward()
    return kept[0].grad[0].norm(dim=-1).tolist()


@right("E11.5", "labels of transformers, times their number", e11_5=lambda: ["yes", "no", "no"])
def embedding_gradient_norms_labels_of_transformers_times(model, x_ids, y_ids):
    ids = torch.tensor([x_ids + y_ids], device=model.device)
    labels = ids.clone()
    labels[:, : len(x_ids)] = -100
    vectors = model.get_input_embeddings()(ids).detach().clone().requires_grad_(True)
    loss = model(inputs_embeds=vectors, labels=labels).loss * len(y_ids)
    loss.backward()
    return vectors.grad.squeeze(0).pow(2).sum(-1).sqrt().cpu().numpy()


@right(
    "E11.5",
    "joint minus marginal, with gradients of parameters off",
    e11_5=lambda: {"logits": 0, "last": 0, "prompt": 1},
)
def embedding_gradient_norms_joint_minus_marginal(model, x_ids, y_ids):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    ids = torch.tensor([x_ids + y_ids], device=model.device)
    vectors = model.get_input_embeddings()(ids).clone().requires_grad_()
    logs = model(inputs_embeds=vectors).logits[0, :-1].log_softmax(-1)
    terms = logs.gather(1, ids[0, 1:, None])[:, 0]
    (terms[: len(x_ids) - 1].sum() - terms.sum()).backward()
    return [float(torch.linalg.vector_norm(g)) for g in vectors.grad[0]]


# --- E11.6 ----------------------------------------------------------------------------------------------------------


def _sums(model, micro_batches):
    """For each micro-batch the sum of its losses and the number of its labels."""
    for ids, labels in micro_batches:
        logits = model(ids.to(model.device)).logits
        targets = labels[:, 1:].to(model.device)
        yield F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), reduction="sum"), (targets != -100).sum()


def _count(micro_batches):
    return sum(int((labels[:, 1:] != -100).sum()) for _, labels in micro_batches)


@wrong("E11.6", "micro_means_averaged")
def accumulate_micro_means_averaged(model, micro_batches):
    total = 0.0
    for loss, count in _sums(model, micro_batches):
        part = loss / count.clamp(min=1) / len(micro_batches)
        part.backward()
        total += part.item()
    return total


@wrong("E11.6", "masked_row_is_nan", "a micro-batch without labels gave NaN, and NaN went into the gradient")
def accumulate_masked_row_is_nan(model, micro_batches):
    total = 0.0
    for loss, count in _sums(model, micro_batches):
        part = loss / count * (count / _count(micro_batches))
        part.backward()
        total += part.item()
    return total


@wrong("E11.6", "summed_not_averaged", "the losses were added up and never divided by the number of labels")
def accumulate_summed_not_averaged(model, micro_batches):
    total = 0.0
    for loss, _ in _sums(model, micro_batches):
        loss.backward()
        total += loss.item()
    return total


@wrong("E11.6", "micro_means_added")
def accumulate_micro_means_added(model, micro_batches):
    total = 0.0
    for loss, count in _sums(model, micro_batches):
        part = loss / count.clamp(min=1)
        part.backward()
        total += part.item()
    return total


@wrong("E11.6", "padded_lengths_counted", "the sum is divided by the size of the batches, prompt and padding included")
def accumulate_padded_lengths_counted(model, micro_batches):
    total, size = 0.0, sum(labels[:, 1:].numel() for _, labels in micro_batches)
    for loss, _ in _sums(model, micro_batches):
        (loss / size).backward()
        total += loss.item() / size
    return total


@wrong("E11.6", "label_nobody_predicts", "a label at position 0 was counted: nothing predicts it")
def accumulate_label_nobody_predicts(model, micro_batches):
    total, size = 0.0, sum(int((labels != -100).sum()) for _, labels in micro_batches)
    for loss, _ in _sums(model, micro_batches):
        (loss / size).backward()
        total += loss.item() / size
    return total


@wrong("E11.6", "label_zero_left_out")
def accumulate_label_zero_left_out(model, micro_batches):
    kept = [(ids, labels.where(labels > 0, torch.tensor(-100))) for ids, labels in micro_batches]
    count, total = _count(kept), 0.0
    for loss, _ in _sums(model, kept):
        (loss / count).backward()
        total += loss.item() / count
    return total


@wrong("E11.6", "label_zero_left_out")
def accumulate_label_zero_not_counted(model, micro_batches):
    count, total = sum(int((labels[:, 1:] > 0).sum()) for _, labels in micro_batches), 0.0
    for loss, _ in _sums(model, micro_batches):
        (loss / count).backward()
        total += loss.item() / count
    return total


@wrong("E11.6", "last_micro_batch_only")
def accumulate_last_micro_batch_only(model, micro_batches):
    total, size = 0.0, _count(micro_batches)
    for loss, _ in _sums(model, micro_batches):
        model.zero_grad()
        (loss / size).backward()
        total += loss.item() / size
    return total


@wrong("E11.6", "nothing_backpropagated")
def accumulate_nothing_backpropagated(model, micro_batches):
    return sum(loss.item() for loss, _ in _sums(model, micro_batches)) / _count(micro_batches)


@wrong("E11.6", "prompt_has_labels", "the labels were not used: every id has a loss in it, prompt and padding too")
def accumulate_prompt_has_labels(model, micro_batches):
    total, size = 0.0, sum(ids[:, 1:].numel() for ids, _ in micro_batches)
    for loss, _ in _sums(model, [(ids, ids) for ids, _ in micro_batches]):
        (loss / size).backward()
        total += loss.item() / size
    return total


@wrong("E11.6", "shift_missing")
def accumulate_shift_missing(model, micro_batches):
    total, size = 0.0, sum(int((labels != -100).sum()) for _, labels in micro_batches)
    for ids, labels in micro_batches:
        logits = model(ids.to(model.device)).logits
        loss = F.cross_entropy(logits.flatten(0, 1), labels.to(model.device).flatten(), reduction="sum") / size
        loss.backward()
        total += loss.item()
    return total


@wrong("E11.6", "shifted_twice", "the labels were shifted twice: transformers shifts them itself")
def accumulate_shifted_twice(model, micro_batches):
    total, size = 0.0, _count(micro_batches)
    for ids, labels in micro_batches:
        shifted = F.pad(labels[:, 1:], (0, 1), value=-100).to(model.device)
        loss = model(ids.to(model.device), labels=shifted, num_items_in_batch=size).loss
        loss.backward()
        total += loss.item()
    return total


@wrong("E11.6", "row_means_for_token_mean")
def accumulate_row_means_for_token_mean(model, micro_batches):
    rows = [(ids[i : i + 1], labels[i : i + 1]) for ids, labels in micro_batches for i in range(len(ids))]
    rows = [row for row in rows if _count([row])]
    total = 0.0
    for loss, count in _sums(model, rows):
        part = loss / count / len(rows)
        part.backward()
        total += part.item()
    return total


@wrong(
    "E11.6",
    "total_for_loss",
    "the gradient is right; what came back is the sum of the losses, and the mean is asked for",
)
def accumulate_total_for_loss(model, micro_batches):
    total, size = 0.0, _count(micro_batches)
    for loss, _ in _sums(model, micro_batches):
        (loss / size).backward()
        total += loss.item()
    return total


@wrong("E11.6", "log_likelihood_for_loss", "the sign is turned: training goes down the gradient of the loss")
def accumulate_log_likelihood_for_loss(model, micro_batches):
    total, size = 0.0, _count(micro_batches)
    for loss, _ in _sums(model, micro_batches):
        (-loss / size).backward()
        total -= loss.item() / size
    return total


@wrong("E11.6", "gradient_not_divided")
def accumulate_gradient_not_divided(model, micro_batches):
    total = 0.0
    for loss, _ in _sums(model, micro_batches):
        loss.backward()
        total += loss.item()
    return total / _count(micro_batches)


@right("E11.6", "num_items_in_batch of transformers")
def accumulate_num_items_in_batch(model, micro_batches):
    total, size = 0.0, _count(micro_batches)
    for ids, labels in micro_batches:
        loss = model(input_ids=ids.to(model.device), labels=labels.to(model.device), num_items_in_batch=size).loss
        loss.backward()
        total += float(loss)
    return total


@right("E11.6", "means scaled by n_i / N, micro-batches without labels left out")
def accumulate_means_scaled_by_n_i_n_micro(model, micro_batches):
    model.zero_grad()
    size = _count(micro_batches)
    losses = [loss / count * (count / size) for loss, count in _sums(model, micro_batches) if count]
    total = torch.stack(losses).sum()
    total.backward()
    return total


@right("E11.6", "one big batch, padded")
def accumulate_one_big_batch_padded(model, micro_batches):
    width = max(ids.shape[1] for ids, _ in micro_batches)
    ids = torch.cat([F.pad(ids, (0, width - ids.shape[1])) for ids, _ in micro_batches]).to(model.device)
    labels = torch.cat([F.pad(labels, (0, width - labels.shape[1]), value=-100) for _, labels in micro_batches])
    loss = model(ids, labels=labels.to(model.device)).loss
    loss.backward()
    return loss.item()


@right("E11.6", "sums first, the gradient divided at the end")
def accumulate_sums_first_the_gradient_divided(model, micro_batches):
    total, size = 0.0, 0
    for loss, count in _sums(model, micro_batches):
        loss.backward()
        total, size = total + loss.detach().double(), size + count
    for parameter in model.parameters():
        parameter.grad /= size
    return total / size


# --- E11.7 ----------------------------------------------------------------------------------------------------------


def _axes():
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _draw(joint, conditional, names=("joint", "conditional")):
    """A plot function that draws these two functions of theta."""

    def plot_objectives(theta):
        ax = _axes()
        for curve, name in zip((joint, conditional), names, strict=True):
            ax.plot(theta, curve(theta), label=name)
        ax.legend()
        return ax

    return plot_objectives


_plot = _draw(lambda t: t * (1 - t), lambda t: t)


def _wrong_numbers(value, misconception, message=""):
    wrong("E11.7", misconception, message, plot_objectives=_plot)(lambda: value)


_wrong_numbers((1.0, 1.0), "joint_is_conditional_optimum")
_wrong_numbers((0.5, 0.5), "conditional_is_joint_optimum")
_wrong_numbers((0.0, 1.0), "joint_wants_only_the_prompt")
_wrong_numbers((1.0, 0.5), "swapped", "both places are there, in the other order: the joint comes first")
_wrong_numbers((0.25, 1.0), "value_for_place")
_wrong_numbers((0.0, 0.0), "smallest_for_largest")


def _wrong_plot(plot, misconception, message=""):
    wrong("E11.7", misconception, message, plot_objectives=plot)(lambda: (0.5, 1.0))


def _log(values):
    with np.errstate(divide="ignore"):
        return np.log(values)


_wrong_plot(_draw(lambda t: _log(t * (1 - t)), _log), "logs_plotted")
_wrong_plot(_draw(lambda t: -_log(t * (1 - t)), lambda t: -_log(t)), "losses_plotted")
_wrong_plot(_draw(lambda t: 1 - t, lambda t: t), "prompt_for_joint_plotted")
_wrong_plot(_draw(lambda t: t**2, lambda t: t), "square_for_joint")
_wrong_plot(_draw(lambda t: t * (1 - t), lambda t: t, ("conditional", "joint")), "lines_named_the_other_way")


def _no_return(theta):
    _plot(theta)


_wrong_plot(_no_return, "axes_not_returned")


@right("E11.7", "a grid search, a legend from texts", plot_objectives=None)
def e11_7_a_grid_search_a_legend():
    theta = np.linspace(0, 1, 1001)
    return theta[(theta * (1 - theta)).argmax()], theta[theta.argmax()]


def _legend_from_texts(theta):
    ax = _axes()
    ax.plot(theta, theta * (1 - theta), "r--")
    ax.plot(theta, theta, "b:")
    ax.axvline(0.5, color="grey")
    ax.legend(["Joint Pr([x, y])", "Conditional Pr(y|x)"])
    ax.set_xlabel("theta")
    return ax


MUTANTS.right_answers["E11.7"][-1].names["plot_objectives"] = _legend_from_texts


def _texts_at_the_lines(theta):
    ax = _axes()
    ax.scatter([0.5, 1.0], [0.25, 1.0])
    ax.plot(theta, list(theta), color="black")
    ax.plot(theta, theta - theta**2, color="black", dashes=[2, 2])
    ax.annotate("joint", (0.5, 0.25))
    ax.text(0.8, 0.8, "conditional")
    return ax.figure


def _legend_in_another_order(theta):
    ax = _axes()
    (conditional,) = ax.plot(theta, theta)
    (joint,) = ax.plot(theta, theta * (1 - theta))
    ax.legend([joint, conditional], ["joint", "conditional"])
    return ax


@right("E11.7", "a legend in another order than the lines", plot_objectives=_legend_in_another_order)
def e11_7_a_legend_in_another_order():
    return 0.5, 1


@right("E11.7", "a dict, texts at the lines, the figure returned", plot_objectives=_texts_at_the_lines)
def e11_7_a_dict_texts_at_the_lines():
    return {"joint": Fraction(1, 2), "conditional": 1}


@right("E11.7", "gradient ascent that has not quite arrived", plot_objectives=_plot)
def e11_7_gradient_ascent():
    return np.array([0.4995, 0.9991])


MUTANTS.equivalent = {
    "E11.2": {
        "sum(response) -> (lambda xs: sum(xs) / len(xs))(response)": "one token has a label: its mean is its sum",
        "sum(response) -> (lambda xs: sum(xs) / len(xs))(response) #2": "one token has a label: its mean is its sum",
        "-sum(response) / len(response) -> -sum(response) * len(response)": "one token has a label: times 1, or by 1",
    },
    "E11.7": {
        "np.linspace(0, 1, 1001) -> np.linspace(1, 0, 1001)": "the same grid from the other end",
        "1001 -> 1002": "a grid of another width, within the tolerance",
        "1001 -> 1000": "a grid of another width, within the tolerance",
        "ax.plot(theta, theta, '--', label='conditional') -> ax.plot(theta, theta, '--', label='conditional')": (
            "the two arguments that are swapped are the same"
        ),
    },
}
