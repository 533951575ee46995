"""Wrong answers to lesson 09 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E09.1 ----------------------------------------------------------------------------------------------------------

wrong_value("E09.1", "ADBEC", "subtracted_too_early")
wrong_value("E09.1", "DBAEC", "subtracted_too_early")
wrong_value("E09.1", ["D", "B", "C", "A", "E"], "subtracted_too_early")
wrong_value("E09.1", "BDECA", "embedded_before_joined")
wrong_value("E09.1", "CBDEA", "embedded_before_joined")
wrong_value("E09.1", "BCDEA", "embedded_before_joined")
wrong_value("E09.1", "DEBCA", "layers_before_embeddings")
wrong_value("E09.1", "CDEBA", "layers_before_embeddings")
wrong_value("E09.1", "DBEAC", "marginal_after_subtraction")
wrong_value(
    "E09.1",
    "DBEA",
    "nothing_returned",
    "the string 'DBEA' came back where the letters A, B, C, D, E are asked for, each once",
)
right_value("E09.1", "CDBEA", "x alone first")
right_value("E09.1", ["D", "C", "B", "E", "A"], "a list, x alone second")
right_value("E09.1", ("d", "b", "c", "e", "a"), "a tuple in lower case, x alone in parallel")
right_value("E09.1", "D, B, E, C, A", "with commas")
right_value("E09.1", "1. D 2. B 3. E 4. C 5. A", "numbered")
right_value("E09.1", "first D, then B, then E; C at any time; A last", "in words")
right_value("E09.1", {"A": 5, "B": 2, "C": 1, "D": 1.5, "E": 4}, "a dict of places")
right_value("E09.1", "D -> B -> E -> C -> A", "with arrows")
right_value("E09.1", "C d b E a", "with spaces")
right_value("E09.1", iter("DBCEA"), "an iterator")

# --- E09.2 ----------------------------------------------------------------------------------------------------------


def _logits(model, ids):
    """(ids on the model's device, logits in float32)."""
    import torch

    ids = torch.as_tensor(ids, device=model.device)
    with torch.no_grad():
        return ids, model(ids).logits.float()


def _gathered(rows, targets):
    return rows.gather(-1, targets[..., None])[..., 0]


@wrong("E09.2", "not_shifted")
def token_log_probs_not_shifted(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits.log_softmax(-1), ids)


@wrong("E09.2", "not_shifted")
def token_log_probs_not_shifted_2(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits.log_softmax(-1), ids)[:, 1:]


@wrong("E09.2", "not_shifted")
def token_log_probs_not_shifted_3(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits.log_softmax(-1), ids)[:, :-1]


@wrong("E09.2", "shifted_the_wrong_way")
def token_log_probs_shifted_the_wrong_way(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits[:, 1:].log_softmax(-1), ids[:, :-1])


@wrong("E09.2", "shifted_by_two")
def token_log_probs_shifted_by_two(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits[:, :-2].log_softmax(-1), ids[:, 2:])


def _chosen(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits[:, :-1].log_softmax(-1), ids[:, 1:])


common("E09.2", _chosen, "probability_for_log", "surprisal_for_log_prob", "bits_for_nats", "nothing_returned")


@wrong("E09.2", "log_softmax_in_low_precision")
def token_log_probs_log_softmax_in_low_precision(model, ids):
    import torch

    ids = torch.as_tensor(ids, device=model.device)
    with torch.no_grad():
        return _gathered(model(ids).logits[:, :-1].log_softmax(-1), ids[:, 1:])


@wrong("E09.2", "log_softmax_in_low_precision")
def token_log_probs_log_softmax_in_low_precision_2(model, ids):
    import torch

    ids = torch.as_tensor(ids, device=model.device)
    with torch.no_grad():
        return _gathered(model(ids).logits[:, :-1].to(torch.bfloat16).log_softmax(-1), ids[:, 1:]).float()


@wrong("E09.2", "normalised_over_positions")
def token_log_probs_normalised_over_positions(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits[:, :-1].log_softmax(1), ids[:, 1:])


@wrong("E09.2", "normalised_over_positions")
def token_log_probs_normalised_over_positions_2(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits.log_softmax(1)[:, :-1], ids[:, 1:])


@wrong("E09.2", "list_for_tensor")
def token_log_probs_list_for_tensor(model, ids):
    return model(ids).logits.log_softmax(-1)


@wrong("E09.2", "raw_logits_gathered")
def token_log_probs_raw_logits_gathered(model, ids):
    ids, logits = _logits(model, ids)
    return _gathered(logits[:, :-1], ids[:, 1:])


@wrong("E09.2", "best_token_scored")
def token_log_probs_best_token_scored(model, ids):
    ids, logits = _logits(model, ids)
    return logits[:, :-1].log_softmax(-1).max(-1).values


@wrong("E09.2", "row_summed_up")
def token_log_probs_row_summed_up(model, ids):
    return _chosen(model, ids).sum(-1)


@wrong("E09.2", "batch_flattened")
def token_log_probs_batch_flattened(model, ids):
    return _chosen(model, ids).flatten()


@wrong("E09.2", "only_first_row")
def token_log_probs_only_first_row(model, ids):
    return _chosen(model, ids[:1])


@right("E09.2", "cross_entropy, with gradient")
def token_log_probs_cross_entropy_with_gradient(model, ids):
    import torch

    ids = torch.tensor(ids).to(model.device)
    logits = model(input_ids=ids).logits.float()[:, :-1]
    return -torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")


@right("E09.2", "gather minus logsumexp, in float64")
def token_log_probs_gather_minus_logsumexp(model, ids):
    import torch

    ids = torch.as_tensor(ids, device=model.device)
    with torch.no_grad():
        logits = model(ids).logits[:, :-1].double()
    return _gathered(logits, ids[:, 1:]) - logits.logsumexp(-1)


@right("E09.2", "numpy, after the logits came back")
def token_log_probs_numpy_after_the_logits_came_back(model, ids):
    _, logits = _logits(model, ids)
    logits, ids = logits.cpu().numpy().astype(np.float64)[:, :-1], np.array(ids)
    top = logits.max(-1, keepdims=True)
    log_probs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return np.take_along_axis(log_probs, ids[:, 1:, None], -1)[..., 0]


@right("E09.2", "row by row, token by token, each context anew; nested lists")
def token_log_probs_row_by_row_token_by_token(model, ids):
    rows = []
    for row in ids:
        steps = []
        for t in range(1, len(row)):
            _, logits = _logits(model, [row[:t]])
            steps.append(float(logits[0, -1].log_softmax(-1)[row[t]]))
        rows.append(steps)
    return rows


@right("E09.2", "a list of tensors, by indexing")
def token_log_probs_a_list_of_tensors_by_indexing(model, ids):
    rows = []
    for row in ids:
        _, logits = _logits(model, [row])
        log_probs = logits[0].log_softmax(-1)
        rows.append(log_probs[range(len(row) - 1), row[1:]])
    return rows


@right("E09.2", "the loss of the library, one label at a time")
def token_log_probs_the_loss_of_the_library(model, ids):
    import torch

    ids = torch.as_tensor(ids, device=model.device)
    scores = []
    with torch.no_grad():
        for row in ids:
            for t in range(1, len(row)):
                labels = torch.full_like(row, -100)
                labels[t] = row[t]
                scores.append(-model(row[None], labels=labels[None]).loss)
    return torch.stack(scores).reshape(len(ids), -1)


@right("E09.2", "log_softmax over the whole, then both slices")
def token_log_probs_log_softmax_over_the_whole(model, ids):
    import torch

    ids = torch.tensor(ids, device=model.device)
    log_probs = torch.log_softmax(model(ids).logits.to(torch.float32), dim=2)
    b, t = torch.meshgrid(torch.arange(ids.shape[0]), torch.arange(ids.shape[1] - 1), indexing="ij")
    return log_probs.detach().cpu()[b, t, ids.cpu()[:, 1:]]


# --- E09.3 ----------------------------------------------------------------------------------------------------------


def _steps(model, x, y):
    return [float(model.next_log_probs([*x, *y[:i]])[y[i]]) for i in range(len(y))]


@wrong("E09.3", "joint_for_conditional")
def conditional_log_prob_joint_for_conditional(model, x, y):
    return float(model.log_prob_ids([x + y])[0])


@wrong("E09.3", "marginal_for_conditional")
def conditional_log_prob_marginal_for_conditional(model, x, y):
    return float(model.log_prob_ids([x])[0])


@wrong("E09.3", "joint_marginal_added")
def conditional_log_prob_joint_marginal_added(model, x, y):
    return float(sum(model.log_prob_ids([x + y, x])))


@wrong("E09.3", "y1_skipped")
def conditional_log_prob_y1_skipped(model, x, y):
    return math.fsum(_steps(model, x, y)[1:])


@wrong("E09.3", "last_of_y_skipped")
def conditional_log_prob_last_of_y_skipped(model, x, y):
    return math.fsum(_steps(model, x, y)[:-1])


@wrong("E09.3", "last_of_x_scored")
def conditional_log_prob_last_of_x_scored(model, x, y):
    ids = x + y
    return math.fsum(float(model.next_log_probs(ids[:t])[ids[t]]) for t in range(max(1, len(x) - 1), len(ids)))


def _total(model, x, y):
    return math.fsum(_steps(model, x, y))


common(
    "E09.3",
    _total,
    "probability_for_log",
    "surprisal_for_log_prob",
    "bits_for_nats",
    "nothing_returned",
    "mean_of_logs",
    count=lambda model, x, y: max(len(y), 1),
)


@wrong("E09.3", "y_without_context_of_x")
def conditional_log_prob_y_without_context_of_x(model, x, y):
    return float(model.log_prob_ids([[model.bos, *y]])[0])


@wrong("E09.3", "marginals_subtracted")
def conditional_log_prob_marginals_subtracted(model, x, y):
    return float(model.log_prob_ids([[model.bos, *y]])[0] - model.log_prob_ids([x])[0])


@wrong("E09.3", "y_not_in_context")
def conditional_log_prob_y_not_in_context(model, x, y):
    row = model.next_log_probs(x)
    return math.fsum(float(row[token]) for token in y)


@wrong("E09.3", "context_leaks")
def conditional_log_prob_context_leaks(model, x, y):
    return math.fsum(float(model.next_log_probs(x + y[: i + 1])[y[i]]) for i in range(len(y)))


@wrong("E09.3", "eos_added")
def conditional_log_prob_eos_added(model, x, y):
    return math.fsum(_steps(model, x, [*y, *([] if model.eos is None or model.eos in y else [model.eos])]))


@right("E09.3", "two passes, joint minus marginal")
def conditional_log_prob_two_passes_joint_minus_marginal(model, x, y):
    joint, marginal = model.log_prob_ids([x + y, x])
    return joint - marginal


@right("E09.3", "all prefixes in one call, then differences")
def conditional_log_prob_all_prefixes_in_one_call(model, x, y):
    return np.diff(model.log_prob_ids([x + y[:i] for i in range(len(y) + 1)])).sum()


@right("E09.3", "a growing context")
def conditional_log_prob_a_growing_context(model, x, y):
    total, context = 0.0, tuple(x)
    for token in y:
        total += model.next_log_probs(context)[token]
        context += (token,)
    return total


@right("E09.3", "recursion, a torch tensor")
def conditional_log_prob_recursion_a_torch_tensor(model, x, y):
    import torch

    def rest(context, y):
        return torch.as_tensor(model.next_log_probs(context))[y[0]] + rest([*context, y[0]], y[1:]) if y else 0

    return rest(x, y)


# --- E09.4 ----------------------------------------------------------------------------------------------------------

_ALL = [2, 3, 4, 5, 6]
wrong_value("E09.4", {"last": [1, 2, 3, 4, 5], "first": _ALL}, "model_looks_ahead")
wrong_value("E09.4", {"last": "all", "first": "all"}, "model_looks_ahead")
wrong_value("E09.4", {"last": "all, by a little", "first": _ALL}, "model_looks_ahead")
wrong_value("E09.4", {"last": {5}, "first": _ALL}, "neighbour_looks_ahead")
wrong_value("E09.4", {"last": 5, "first": _ALL}, "neighbour_looks_ahead")
wrong_value("E09.4", {"last": [], "first": [2]}, "only_neighbour_looks_back")
wrong_value("E09.4", {"last": [], "first": []}, "first_token_forgotten")
wrong_value("E09.4", {"last": [], "first": [2, 3, 4, 5]}, "first_token_forgotten")
wrong_value("E09.4", {"last": [], "first": [0, *_ALL]}, "bos_is_predicted")
wrong_value(
    "E09.4",
    {"last": None, "first": _ALL},
    "nothing_returned",
    "last: None (is a return missing?) came back where a list of positions is asked for",
)
right_value("E09.4", {"last": set(), "first": set(_ALL)}, "sets")
right_value("E09.4", {"last": [], "first": range(2, 7)}, "a list and a range")
right_value("E09.4", {"last": (), "first": np.arange(2, 7)}, "a tuple and an array")
right_value("E09.4", {"last": "none", "first": "all"}, "words")
right_value("E09.4", {"last": {}, "first": "2, 3, 4, 5, 6"}, "an empty dict and a text")
right_value("E09.4", {"last": [6], "first": [1, *_ALL]}, "with the token that was replaced")
right_value("E09.4", ([], _ALL), "a pair")

# --- E09.5 ----------------------------------------------------------------------------------------------------------


def _read(model, x):
    """(logits, cache) after x."""
    import torch

    with torch.no_grad():
        out = model(torch.tensor([x], device=model.device), use_cache=True)
    return out.logits, out.past_key_values


def _go_on(model, first, cache, y, **options):
    """The log-probabilities of the tokens of y, where `first` is the row that predicts the first of them."""
    import torch

    y_ids = torch.tensor([y], device=model.device)
    with torch.no_grad():
        rest = model(y_ids, past_key_values=cache, **options).logits
    return _gathered(torch.cat([first, rest[:, :-1]], 1).float().log_softmax(-1), y_ids)[0]


def _alone(model, ids, n):
    """The log-probabilities of ids[n:] from one pass without a cache."""
    tensor, logits = _logits(model, [ids])
    return _gathered(logits[:, :-1].log_softmax(-1), tensor[:, 1:])[0, n - 1 :]


@wrong("E09.5", "cache_shared")
def score_candidates_cache_shared(model, x, candidates):
    logits, cache = _read(model, x)
    return [float(_go_on(model, logits[:, -1:], cache, y).sum()) for y in candidates]


@wrong("E09.5", "cache_shared")
def score_candidates_cache_shared_2(model, x, candidates):
    logits, cache = _read(model, x)
    return [float(_go_on(model, logits[:, -1:], copy.copy(cache), y).sum()) for y in candidates]


@wrong("E09.5", "positions_restarted")
def score_candidates_positions_restarted(model, x, candidates):
    import torch

    logits, cache = _read(model, x)
    scores = []
    for y in candidates:
        places = torch.arange(len(y), device=model.device)[None]
        steps = _go_on(model, logits[:, -1:], copy.deepcopy(cache), y, position_ids=places)
        scores.append(float(steps.sum()))
    return scores


@wrong("E09.5", "cropped_too_far")
def score_candidates_cropped_too_far(model, x, candidates):
    logits, cache = _read(model, x)
    scores = []
    for y in candidates:
        scores.append(float(_go_on(model, logits[:, -1:], cache, y).sum()))
        cache.crop(-(len(y) + 1))
    return scores


@wrong("E09.5", "y1_skipped")
def score_candidates_y1_skipped(model, x, candidates):
    return [float(_alone(model, x + y, len(x))[1:].sum()) for y in candidates]


@wrong("E09.5", "joint_for_conditional")
def score_candidates_joint_for_conditional(model, x, candidates):
    return [float(_alone(model, x + y, 1).sum()) for y in candidates]


def _scores(model, x, candidates):
    return np.array([float(_alone(model, x + y, len(x)).sum()) for y in candidates])


common(
    "E09.5",
    _scores,
    "surprisal_for_log_prob",
    "probability_for_log",
    "nothing_returned",
    "mean_of_logs",
    count=lambda model, x, candidates: [*map(len, candidates)],
)


@wrong("E09.5", "last_of_y_skipped")
def score_candidates_last_of_y_skipped(model, x, candidates):
    return [float(_alone(model, x + y, len(x))[:-1].sum()) for y in candidates]


@wrong("E09.5", "not_shifted")
def score_candidates_not_shifted(model, x, candidates):
    scores = []
    for y in candidates:
        row = _read(model, x + y)[0][0].log_softmax(-1)
        scores.append(float(sum(row[len(x) + i, token] for i, token in enumerate(y))))
    return scores


@wrong("E09.5", "y_without_context_of_x")
def score_candidates_y_without_context_of_x(model, x, candidates):
    return [float(_alone(model, x[:1] + y, 1).sum()) for y in candidates]


@wrong("E09.5", "y_not_in_context")
def score_candidates_y_not_in_context(model, x, candidates):
    row = _read(model, x)[0][0, -1].log_softmax(-1)
    return [float(sum(row[token] for token in y)) for y in candidates]


@right("E09.5", "no cache at all")
def score_candidates_no_cache_at_all(model, x, candidates):
    return [_alone(model, x + y, len(x)).sum() for y in candidates]


@right("E09.5", "crop with a negative count after each candidate")
def score_candidates_crop_with_a_negative_count(model, x, candidates):
    logits, cache = _read(model, x)
    scores = []
    for y in candidates:
        scores.append(_go_on(model, logits[:, -1:], cache, y).sum().item())
        cache.crop(-len(y))
    return scores


@right("E09.5", "the cache repeated for all candidates, padded on the right")
def score_candidates_the_cache_repeated_for_all(model, x, candidates):
    import torch

    logits, cache = _read(model, x)
    cache.batch_repeat_interleave(len(candidates))
    longest = max(map(len, candidates))
    ids = torch.tensor([y + [0] * (longest - len(y)) for y in candidates], device=model.device)
    with torch.no_grad():
        rest = model(ids, past_key_values=cache).logits
    rows = torch.cat([logits[:, -1:].repeat(len(candidates), 1, 1), rest[:, :-1]], 1)
    steps = _gathered(rows.float().log_softmax(-1), ids)
    return torch.stack([row[: len(y)].sum() for row, y in zip(steps, candidates, strict=True)])


@right("E09.5", "x read anew for each candidate, token by token with a cache; an array")
def score_candidates_x_read_anew_for_each_candidate(model, x, candidates):
    import torch

    scores = []
    for y in candidates:
        logits, cache = _read(model, x)
        total = 0.0
        for token in y:
            total += logits[0, -1].log_softmax(-1)[token].item()
            with torch.no_grad():
                logits = model(torch.tensor([[token]], device=model.device), past_key_values=cache).logits
        scores.append(total)
    return np.array(scores)


@right("E09.5", "positions given, and given right")
def score_candidates_positions_given_and_given_right(model, x, candidates):
    import torch

    logits, cache = _read(model, x)
    scores = []
    for y in candidates:
        places = torch.arange(len(x), len(x) + len(y), device=model.device)[None]
        steps = _go_on(model, logits[:, -1:], copy.deepcopy(cache), y, position_ids=places)
        scores.append(steps.sum())
    return tuple(scores)


# --- E09.6 ----------------------------------------------------------------------------------------------------------


def _count(labels):
    return int((labels[:, 1:] != -100).sum())


@wrong("E09.6", "mean_loss_times_all")
def sum_log_prob_from_hf_loss_mean_loss_times_all(loss, labels):
    return -float(loss) * labels.numel()


@wrong("E09.6", "mean_loss_times_all")
def sum_log_prob_from_hf_loss_mean_loss_times_all_2(loss, labels):
    return -float(loss) * labels[:, 1:].numel()


@wrong("E09.6", "mean_loss_times_all")
def sum_log_prob_from_hf_loss_mean_loss_times_all_3(loss, labels):
    return -float(loss) * labels.shape[1]


@wrong("E09.6", "first_label_counted")
def sum_log_prob_from_hf_loss_first_label_counted(loss, labels):
    return -float(loss) * int((labels != -100).sum())


@wrong("E09.6", "one_label_too_many")
def sum_log_prob_from_hf_loss_one_label_too_many(loss, labels):
    return -float(loss) * (_count(labels) + 1)


@wrong("E09.6", "one_label_too_few")
def sum_log_prob_from_hf_loss_one_label_too_few(loss, labels):
    return -float(loss) * (int((labels != -100).sum()) - len(labels))


@wrong("E09.6", "one_label_too_few")
def sum_log_prob_from_hf_loss_one_label_too_few_2(loss, labels):
    return -float(loss) * int((labels[:, :-1] != -100).sum())


@wrong("E09.6", "loss_with_its_sign")
def sum_log_prob_from_hf_loss_loss_with_its_sign(loss, labels):
    return float(loss) * _count(labels)


@wrong("E09.6", "loss_for_total")
def sum_log_prob_from_hf_loss_loss_for_total(loss, labels):
    return -float(loss)


@wrong("E09.6", "rows_counted_for_labels")
def sum_log_prob_from_hf_loss_rows_counted_for_labels(loss, labels):
    return -float(loss) * len(labels)


@wrong("E09.6", "zero_label_skipped")
def sum_log_prob_from_hf_loss_zero_label_skipped(loss, labels):
    return -float(loss) * int((labels[:, 1:] > 0).sum())


@wrong("E09.6", "masked_labels_counted")
def sum_log_prob_from_hf_loss_masked_labels_counted(loss, labels):
    return -float(loss) * int((labels == -100).sum())


common(
    "E09.6",
    lambda loss, labels: -float(loss) * _count(labels),
    "probability_for_log",
    "bits_for_nats",
    "nothing_returned",
)


@right("E09.6", "tensors all the way")
def sum_log_prob_from_hf_loss_tensors_all_the_way(loss, labels):
    return -loss * labels[..., 1:].ne(-100).sum()


@right("E09.6", "a loop over Python lists")
def sum_log_prob_from_hf_loss_a_loop_over_python_lists(loss, labels):
    return -loss.item() * sum(label != -100 for row in labels.tolist() for label in row[1:])


@right("E09.6", "all ids are at least 0")
def sum_log_prob_from_hf_loss_all_ids_are_at_least_0(loss, labels):
    return -float(loss) * (labels[:, 1:] >= 0).sum().item()


@right("E09.6", "numpy, in float64")
def sum_log_prob_from_hf_loss_numpy_in_float64(loss, labels):
    return np.negative(loss.numpy()).astype(np.float64) * np.count_nonzero(labels.numpy()[:, 1:] + 100)


@right("E09.6", "a boolean mask")
def sum_log_prob_from_hf_loss_a_boolean_mask(loss, labels):
    shifted = labels[:, 1:]
    return -(loss * len(shifted[shifted != -100]))


# --- E09.7 ----------------------------------------------------------------------------------------------------------


@wrong("E09.7", "sliced_in_silence")
def pair_ids_sliced_in_silence(lm, x, y):
    joint, n = lm.encode(x + y), len(lm.encode(x))
    return [lm.bos, *joint[:n]], joint[n:]


@wrong("E09.7", "sliced_in_silence")
def pair_ids_sliced_in_silence_2(lm, x, y):
    joint, n = lm.encode(x + y), len(lm.encode(y))
    cut = len(joint) - n
    return [lm.bos, *joint[:cut]], joint[cut:]


@wrong("E09.7", "bos_in_the_middle")
def pair_ids_bos_in_the_middle(lm, x, y):
    return [lm.bos, *lm.encode(x)], [lm.bos, *lm.encode(y)]


@wrong("E09.7", "bos_missing")
def pair_ids_bos_missing(lm, x, y):
    return lm.encode(x), lm.encode(y)


@wrong("E09.7", "space_stripped")
def pair_ids_space_stripped(lm, x, y):
    x_ids, joint = lm.encode(x.strip()), lm.encode(x.strip() + y)
    return [lm.bos, *x_ids], joint[len(x_ids) :]


@wrong("E09.7", "space_stripped")
def pair_ids_space_stripped_2(lm, x, y):
    x, y = x.rstrip(), " " * (len(x) - len(x.rstrip())) + y
    return [lm.bos, *lm.encode(x)], lm.encode(y)


@wrong("E09.7", "space_stripped")
def pair_ids_space_stripped_3(lm, x, y):
    return [lm.bos, *lm.encode(x.strip())], lm.encode(y.strip())


@wrong("E09.7", "joint_for_y")
def pair_ids_joint_for_y(lm, x, y):
    return [lm.bos, *lm.encode(x)], lm.encode(x + y)


@wrong("E09.7", "refused_without_need")
def pair_ids_refused_without_need(lm, x, y):
    x_ids, y_ids, joint = lm.encode(x), lm.encode(y), lm.encode(x + y)
    if len(x_ids) + len(y_ids) != len(joint) or x.endswith("a"):
        raise ValueError("a token may span the join")
    return [lm.bos, *x_ids], y_ids


@wrong("E09.7", "refused_without_need")
def pair_ids_refused_without_need_2(lm, x, y):
    raise ValueError("tokens may span the join")


@wrong("E09.7", "eos_added")
def pair_ids_eos_added(lm, x, y):
    return [lm.bos, *lm.encode(x)], [*lm.encode(y), lm.eos]


@wrong("E09.7", "sliced_in_silence")
def pair_ids_sliced_in_silence_3(lm, x, y):
    x_ids, joint = lm.encode(x), lm.encode(x + y)
    n = next((i for i, (a, b) in enumerate(zip(x_ids, joint, strict=False)) if a != b), min(len(x_ids), len(joint)))
    return [lm.bos, *joint[:n]], joint[n:]


@wrong("E09.7", "lengths_for_ids")
def pair_ids_lengths_for_ids(lm, x, y):
    x_ids, joint = lm.encode(x), lm.encode(x + y)
    if len(joint) != len(x_ids) + len(lm.encode(y)):
        raise ValueError("a token spans the join")
    return [lm.bos, *x_ids], joint[len(x_ids) :]


@right("E09.7", "a ValueError wherever the joint ids are not the joined ones")
def pair_ids_a_valueerror_wherever_the_joint(lm, x, y):
    if lm.encode(x + y) != lm.encode(x) + lm.encode(y):
        raise ValueError("a token spans the join")
    return [lm.bos, *lm.encode(x)], lm.encode(y)


@right("E09.7", "joined ids, always")
def pair_ids_joined_ids_always(lm, x, y):
    return [lm.bos, *lm.encode(x)], lm.encode(y)


@right("E09.7", "an assertion turned into a ValueError; tuples and arrays")
def pair_ids_an_assertion(lm, x, y):
    x_ids, joint = tuple(lm.encode(x)), tuple(lm.encode(x + y))
    if any(a != b for a, b in itertools.zip_longest(x_ids, joint[: len(x_ids)])):
        raise ValueError
    return np.array([lm.bos, *x_ids]), np.array(joint[len(x_ids) :], dtype=int)


@right("E09.7", "by the offsets of the tokens in the text")
def pair_ids_by_the_offsets_of_the_tokens(lm, x, y):
    joint, end = lm.encode(x + y), 0
    for n, token in enumerate([*joint, None]):
        if end == len(x):
            return [lm.bos] + joint[:n], joint[n:]
        if token is None or end > len(x):
            break
        end += len(lm.decode([token]))
    raise ValueError("no token begins where y begins")


@right("E09.7", "the joint ids where they agree, joined ids where they do not")
def pair_ids_the_joint_ids_where_they_agree(lm, x, y):
    x_ids, joint = lm.encode(x), lm.encode(x + y)
    y_ids = joint[len(x_ids) :] if joint[: len(x_ids)] == x_ids else lm.encode(y)
    return [[lm.bos, *x_ids], y_ids]


# --- E09.8 ----------------------------------------------------------------------------------------------------------


def _bars(heights, tokens, n_x, label="surprisal (nats)", colours=("grey", "orange"), first=1):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    places = range(first, first + len(heights))
    axes.bar(places, heights, color=[colours[place >= n_x] for place in places])
    axes.set_xticks(places, tokens[-len(heights) :])
    axes.set_ylabel(label)
    return axes


def _surprisals(log_probs):
    return [-p for p in log_probs]


@wrong("E09.8", "bars_hang_down")
def surprisal_strip_bars_hang_down(tokens, log_probs, n_x):
    return _bars(log_probs, tokens, n_x)


@wrong("E09.8", "bos_scored")
def surprisal_strip_bos_scored(tokens, log_probs, n_x):
    return _bars([0.0, *_surprisals(log_probs)], tokens, n_x, first=0)


@wrong("E09.8", "bars_in_bits")
def surprisal_strip_bars_in_bits(tokens, log_probs, n_x):
    return _bars([s / math.log(2) for s in _surprisals(log_probs)], tokens, n_x)


@wrong("E09.8", "bars_are_probabilities")
def surprisal_strip_bars_are_probabilities(tokens, log_probs, n_x):
    return _bars(np.exp(log_probs), tokens, n_x)


@wrong("E09.8", "running_total_drawn")
def surprisal_strip_running_total_drawn(tokens, log_probs, n_x):
    return _bars(np.cumsum(_surprisals(log_probs)), tokens, n_x)


@wrong("E09.8", "y_not_told_apart")
def surprisal_strip_y_not_told_apart(tokens, log_probs, n_x):
    return _bars(_surprisals(log_probs), tokens, n_x, colours=("blue", "blue"))


@wrong("E09.8", "y_region_shifted")
def surprisal_strip_y_region_shifted(tokens, log_probs, n_x):
    return _bars(_surprisals(log_probs), tokens, n_x + 1)


@wrong("E09.8", "y_region_shifted")
def surprisal_strip_y_region_shifted_2(tokens, log_probs, n_x):
    return _bars(_surprisals(log_probs), tokens, n_x - 1)


@wrong("E09.8", "unit_not_named")
def surprisal_strip_unit_not_named(tokens, log_probs, n_x):
    return _bars(_surprisals(log_probs), tokens, n_x, label="surprisal")


@wrong("E09.8", "bars_on_one_place")
def surprisal_strip_bars_on_one_place(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    colours = ["grey" if i < n_x - 1 else "orange" for i in range(len(log_probs))]
    axes.bar(tokens[1:], _surprisals(log_probs), color=colours)
    axes.set_ylabel("surprisal (nats)")
    return axes


@wrong(
    "E09.8",
    "nothing_returned",
    "the answer raised TypeError: the task asks for a matplotlib Axes; what came back is of type NoneType",
)
def surprisal_strip_nothing_returned(tokens, log_probs, n_x):
    _bars(_surprisals(log_probs), tokens, n_x)


@right("E09.8", "two calls of bar, hatched, the figure")
def surprisal_strip_two_calls_of_bar_hatched(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    heights = -np.array(log_probs)
    axes.bar(np.arange(n_x - 1), heights[: n_x - 1], color="0.8", label="x")
    axes.bar(np.arange(n_x - 1, len(heights)), heights[n_x - 1 :], color="0.8", hatch="//", label="y")
    axes.set_xticks(range(len(heights)), tokens[1:], rotation=90)
    axes.set(ylabel="-log Pr in nats", xlabel="token")
    axes.legend()
    return figure


@right("E09.8", "one colour and a line between, the figure beside the axes")
def surprisal_strip_one_colour_and_a_line_between(tokens, log_probs, n_x):
    axes = _bars(_surprisals(log_probs), tokens, n_x, label="Surprisal [nats]", colours=("blue", "blue"))
    axes.axvline(n_x - 0.5, color="black")
    return axes.figure, axes


@right("E09.8", "shades of the surprisal, y on a shaded span")
def surprisal_strip_shades_of_the_surprisal_y(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    heights, places = -np.array(log_probs), np.arange(len(log_probs))
    axes.bar(places, heights, color=plt.cm.viridis(heights / (heights.max() + 1)))
    axes.axvspan(n_x - 1.5, len(heights) - 0.5, alpha=0.2)
    axes.set_ylabel("nats")
    return axes


@right("E09.8", "two stem plots")
def surprisal_strip_two_stem_plots(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    heights, places = -np.array(log_probs), np.arange(1, len(log_probs) + 1)
    for part, style in ((places < n_x, "C0"), (places >= n_x, "C1")):
        if part.any():
            axes.stem(places[part], heights[part], linefmt=f"{style}-", markerfmt=f"{style}o")
    axes.set_ylabel("surprisal, nats")
    return axes


@right("E09.8", "one step plot and a line between")
def surprisal_strip_one_step_plot_and_a_line_between(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    axes.step(range(len(log_probs)), _surprisals(log_probs), where="mid")
    axes.axvline(n_x - 1.5, linestyle="--")
    axes.set_ylabel("surprisal (nats)")
    return axes


@right("E09.8", "vlines and points")
def surprisal_strip_vlines_and_points(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    colours = ["grey" if i + 1 < n_x else "orange" for i in range(len(log_probs))]
    axes.vlines(range(len(log_probs)), 0, _surprisals(log_probs), colors=colours)
    axes.scatter(range(len(log_probs)), _surprisals(log_probs), c=colours)
    axes.set_ylabel("surprisal in nats")
    return axes


@right("E09.8", "bars that lie down, first token on top")
def surprisal_strip_bars_that_lie_down_first_token(tokens, log_probs, n_x):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    colours = ["grey" if i + 1 < n_x else "orange" for i in range(len(log_probs))]
    axes.barh(range(len(log_probs)), _surprisals(log_probs), color=colours)
    axes.set_yticks(range(len(log_probs)), tokens[1:])
    axes.invert_yaxis()
    axes.set_xlabel("surprisal (nats)")
    return axes
