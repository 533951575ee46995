"""Wrong answers to lesson 10 that its judge has to name, and unusual right ones that it has to accept."""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction

import numpy as np

from course_utils.staff.judging.mutants import Mutants

MUTANTS = Mutants()
common, wrong, right = MUTANTS.common, MUTANTS.wrong, MUTANTS.right
wrong_value, right_value = MUTANTS.wrong_value, MUTANTS.right_value

# --- E10.1 ----------------------------------------------------------------------------------------------------------


def _right_padded(model, sequences, pad=0):
    """ids (N, T), padded on the right, and the mask (N, T), True where an id is real; both on the model's device."""
    import torch

    width = max(map(len, sequences))
    ids = torch.tensor([[*s, *[pad] * (width - len(s))] for s in sequences], device=model.device)
    mask = torch.tensor([[i < len(s) for i in range(width)] for s in sequences], device=model.device)
    return ids, mask


def _logs(model, ids, shift=1, **options):
    """(N, T - 1) log-probabilities of ids[:, 1:]."""
    import torch

    with torch.no_grad():
        logits = model(ids, **options).logits
    logs = logits.log_softmax(-1)
    return logs[:, :-1].gather(-1, ids[:, 1:, None])[..., 0] if shift else logs.gather(-1, ids[..., None])[..., 0]


@wrong("E10.1", "pads_scored")
def batch_log_probs_pads_scored(model, sequences):
    ids, _ = _right_padded(model, sequences)
    return _logs(model, ids).sum(-1)


@wrong("E10.1", "mask_without_sum")
def batch_log_probs_mask_without_sum(model, sequences):
    ids, mask = _right_padded(model, sequences, pad=1)
    return _logs(model, ids, attention_mask=mask.long()).sum(-1)


@wrong("E10.1", "pad_is_a_real_id")
def batch_log_probs_pad_is_a_real_id(model, sequences):
    ids, _ = _right_padded(model, sequences)
    return (_logs(model, ids) * (ids[:, 1:] != 0)).sum(-1)


@wrong("E10.1", "pad_is_a_real_id")
def batch_log_probs_pad_is_a_real_id_2(model, sequences):
    ids, _ = _right_padded(model, sequences, pad=1)
    return (_logs(model, ids) * (ids[:, 1:] != 1)).sum(-1)


@wrong("E10.1", "mean_over_padded_length")
def batch_log_probs_mean_over_padded_length(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids) * mask[:, 1:]).mean(-1)


def _padded(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids) * mask[:, 1:]).sum(-1)


def _counts(model, sequences):
    return _right_padded(model, sequences)[1][:, 1:].sum(-1).clamp(min=1)


common(
    "E10.1", _padded, "surprisal_for_log_prob", "probability_for_log", "nothing_returned", "mean_of_logs", count=_counts
)


@wrong("E10.1", "mask_not_shifted")
def batch_log_probs_mask_not_shifted(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids) * mask[:, :-1]).sum(-1)


@wrong(
    "E10.1", "last_of_y_skipped", "the last token of each sequence is not scored: it is predicted by the row before it"
)
def batch_log_probs_last_of_y_skipped(model, sequences):
    ids, mask = _right_padded(model, sequences)
    logs = _logs(model, ids) * mask[:, 1:]
    return [row[: max(len(s) - 2, 0)].sum() for row, s in zip(logs, sequences, strict=True)]


@wrong("E10.1", "logits_not_shifted")
def batch_log_probs_logits_not_shifted(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids, shift=0)[:, 1:] * mask[:, 1:]).sum(-1)


@wrong("E10.1", "cut_to_shortest")
def batch_log_probs_cut_to_shortest(model, sequences):
    import torch

    width = min(map(len, sequences))
    ids = torch.tensor([s[:width] for s in sequences], device=model.device)
    return _logs(model, ids).sum(-1)


@wrong("E10.1", "batch_added_up")
def batch_log_probs_batch_added_up(model, sequences):
    return _padded(model, sequences).sum()


@wrong("E10.1", "order_of_lengths")
def batch_log_probs_order_of_lengths(model, sequences):
    return _padded(model, sorted(sequences, key=len, reverse=True))


@wrong("E10.1", "y1_skipped", "the first token after BOS is missing: it is predicted by the row of BOS, row 0")
def batch_log_probs_y1_skipped(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids) * mask[:, 1:])[:, 1:].sum(-1)


@wrong("E10.1", "eos_added")
def batch_log_probs_eos_added(model, sequences):
    return _padded(model, [[*s, 1] for s in sequences])


@wrong("E10.1", "loss_times_length")
def batch_log_probs_loss_times_length(model, sequences):
    totals = _padded(model, sequences)
    return [t / max(len(s) - 1, 1) * len(s) for t, s in zip(totals, sequences, strict=True)]


@right("E10.1", "one sequence at a time")
def batch_log_probs_one_sequence_at_a_time(model, sequences):
    import torch

    return [float(_logs(model, torch.tensor([s], device=model.device)).sum()) for s in sequences]


@right("E10.1", "token by token, in nested loops")
def batch_log_probs_token_by_token_in_nested_loops(model, sequences):
    import torch

    totals = []
    for s in sequences:
        total = 0.0
        for t in range(1, len(s)):
            with torch.no_grad():
                row = model(input_ids=torch.tensor([s[:t]], device=model.device)).logits[0, -1]
            total += (row[s[t]] - row.logsumexp(0)).item()
        totals.append(total)
    return np.array(totals)


@right("E10.1", "cross entropy with -100 on the pads")
def batch_log_probs_cross_entropy_with_100(model, sequences):
    import torch

    ids, mask = _right_padded(model, sequences, pad=39)
    labels = ids.masked_fill(~mask, -100)[:, 1:]
    logits = model(ids).logits[:, :-1].transpose(1, 2)
    return -torch.nn.functional.cross_entropy(logits, labels, reduction="none").sum(-1)  # with a gradient


@right("E10.1", "with an attention mask, the pads left out by where")
def batch_log_probs_with_an_attention_mask_the_pads(model, sequences):
    import torch

    ids, mask = _right_padded(model, sequences, pad=1)
    logs = _logs(model, ids, attention_mask=mask.long())
    return torch.where(mask[:, 1:], logs, 0.0).sum(-1).tolist()


@right("E10.1", "sorted by length, in batches of two, put back in order")
def batch_log_probs_sorted_by_length_in_batches(model, sequences):
    places = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    scores = {}
    for start in range(0, len(places), 2):
        part = places[start : start + 2]
        ids, mask = _right_padded(model, [sequences[i] for i in part])
        scores.update(zip(part, (_logs(model, ids) * mask[:, 1:]).sum(-1), strict=True))
    return [scores[i] for i in range(len(sequences))]


@right("E10.1", "buckets of one length, no padding at all")
def batch_log_probs_buckets_of_one_length_no_padding(model, sequences):
    import torch

    scores = np.zeros(len(sequences))
    for length in {len(s) for s in sequences}:
        places = [i for i, s in enumerate(sequences) if len(s) == length]
        ids = torch.tensor([sequences[i] for i in places], device=model.device)
        scores[places] = _logs(model, ids).double().sum(-1).cpu().numpy()
    return scores


@right("E10.1", "padded on the left, with a mask and position ids")
def batch_log_probs_padded_on_the_left_with_a_mask(model, sequences):
    return _left(model, sequences)


@right("E10.1", "pad_sequence, numpy for the rest")
def batch_log_probs_pad_sequence_numpy_for_the_rest(model, sequences):
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids = pad_sequence([torch.tensor(s) for s in sequences], batch_first=True)
    with torch.inference_mode():
        u = model(ids.to(model.device)).logits.float().cpu().numpy().astype(np.float64)
    logs = u - np.log(np.exp(u - u.max(-1, keepdims=True)).sum(-1, keepdims=True)) - u.max(-1, keepdims=True)
    return [sum(logs[i, t - 1, s[t]] for t in range(1, len(s))) for i, s in enumerate(sequences)]


# --- E10.2 ----------------------------------------------------------------------------------------------------------


def _left_padded(model, sequences, pad=0):
    """ids and mask (N, T), padded on the left; both on the model's device."""
    import torch

    width = max(map(len, sequences))
    ids = torch.tensor([[*[pad] * (width - len(s)), *s] for s in sequences], device=model.device)
    mask = torch.tensor([[0] * (width - len(s)) + [1] * len(s) for s in sequences], device=model.device)
    return ids, mask


def _left_sum(logs, mask):
    """A term counts where both its id and the one before it are real: the first real one is BOS."""
    return (logs * (mask[:, 1:] * mask[:, :-1])).sum(-1)


def _left(model, sequences):
    ids, mask = _left_padded(model, sequences)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=positions), mask)


@wrong("E10.2", "positions_count_pads")
def left_padded_positions_count_pads(model, sequences):
    ids, mask = _left_padded(model, sequences)
    return _left_sum(_logs(model, ids, attention_mask=mask), mask)


@wrong("E10.2", "positions_count_pads")
def left_padded_positions_count_pads_2(model, sequences):
    import torch

    ids, mask = _left_padded(model, sequences)
    positions = torch.arange(ids.shape[1], device=model.device).expand_as(ids)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=positions), mask)


@wrong("E10.2", "positions_count_pads")
def left_padded_positions_count_pads_3(model, sequences):
    import torch

    ids, mask = _left_padded(model, sequences)
    with torch.no_grad():
        logits = model(ids, attention_mask=mask).logits
    totals = []  # the rows of logits are moved to the left, where they would stand without pads
    for row, s in zip(logits, sequences, strict=True):
        row = torch.roll(row, len(s) - len(row), 0).log_softmax(-1)
        totals.append(sum(float(row[t - 1, s[t]]) for t in range(1, len(s))))
    return totals


@wrong("E10.2", "pads_attended")
def left_padded_pads_attended(model, sequences):
    ids, mask = _left_padded(model, sequences)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return _left_sum(_logs(model, ids, position_ids=positions), mask)


@wrong("E10.2", "pads_attended_and_counted")
def left_padded_pads_attended_and_counted(model, sequences):
    ids, mask = _left_padded(model, sequences)
    return _left_sum(_logs(model, ids), mask)


@wrong("E10.2", "positions_from_one")
def left_padded_positions_from_one(model, sequences):
    ids, mask = _left_padded(model, sequences)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=mask.cumsum(-1)), mask)


@wrong("E10.2", "positions_below_zero")
def left_padded_positions_below_zero(model, sequences):
    ids, mask = _left_padded(model, sequences)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=mask.cumsum(-1) - 1), mask)


@wrong("E10.2", "bos_scored_after_pads")
def left_padded_bos_scored_after_pads(model, sequences):
    ids, mask = _left_padded(model, sequences)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return (_logs(model, ids, attention_mask=mask, position_ids=positions) * mask[:, 1:]).sum(-1)


@wrong("E10.2", "positions_from_one_pad_count", "the position ids were shifted by the wrong amount: BOS has position 0")
def left_padded_positions_from_one_pad_count(model, sequences):
    import torch

    ids, mask = _left_padded(model, sequences)
    positions = (torch.arange(ids.shape[1], device=model.device) - (1 - mask).sum(-1, keepdim=True) - 1).clamp(min=0)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=positions), mask)


common("E10.2", _left, "nothing_returned", "mean_of_logs", count=_counts)


@right("E10.2", "position ids row by row")
def left_padded_position_ids_row_by_row(model, sequences):
    import torch

    ids, mask = _left_padded(model, sequences, pad=1)
    width = ids.shape[1]
    positions = [[0] * (width - len(s)) + list(range(len(s))) for s in sequences]
    logs = _logs(model, ids, attention_mask=mask, position_ids=torch.tensor(positions, device=model.device))
    return [row[width - len(s) :].sum() for row, s in zip(logs, sequences, strict=True)]


@right("E10.2", "positions of the pads filled with 1, as generate does it")
def left_padded_positions_of_the_pads_filled(model, sequences):
    ids, mask = _left_padded(model, sequences)
    positions = (mask.cumsum(-1) - 1).masked_fill(mask == 0, 1)
    return _left_sum(_logs(model, ids, attention_mask=mask, position_ids=positions), mask).cpu().numpy()


@right("E10.2", "padding moved to the right")
def left_padded_padding_moved_to_the_right(model, sequences):
    ids, mask = _right_padded(model, sequences)
    return (_logs(model, ids) * mask[:, 1:]).sum(-1)


@right("E10.2", "no padding: one at a time")
def left_padded_no_padding_one_at_a_time(model, sequences):
    import torch

    return torch.stack([_logs(model, torch.tensor([s], device=model.device)).sum() for s in sequences])


# --- E10.3 ----------------------------------------------------------------------------------------------------------


@wrong("E10.3", "y_once_for_all")
def positions_y_once_for_all(m, n, k):
    return k * (2 * m + n), m + k * (m + n), k * (m + n), m + n


@wrong("E10.3", "y_not_counted")
def positions_y_not_counted(m, n, k):
    return k * 2 * m, m + k * m, k * m, m


@wrong("E10.3", "y_not_counted", "one_pass: the positions of y are missing; the last token is counted too")
def positions_y_not_counted_2(m, n, k):
    return k * (2 * m + n), m + k * (m + n), k * m, m + k * n


@wrong("E10.3", "last_token_left_out")
def positions_last_token_left_out(m, n, k):
    return k * (2 * m + n - 1), m + k * (m + n - 1), k * (m + n - 1), m + k * (n - 1)


@wrong("E10.3", "bos_counted_twice")
def positions_bos_counted_twice(m, n, k):
    return k * (2 * m + n + 2), m + 1 + k * (m + n + 1), k * (m + n + 1), m + 1 + k * n


@wrong("E10.3", "one_candidate_counted")
def positions_one_candidate_counted(m, n, k):
    return 2 * m + n, 2 * m + n, m + n, m + n


@wrong("E10.3", "marginal_for_each")
def positions_marginal_for_each(m, n, k):
    return k * (2 * m + n), k * (2 * m + n), k * (m + n), m + k * n


@wrong("E10.3", "joint_forgets_x")
def positions_joint_forgets_x(m, n, k):
    return k * (m + n), m + k * n, k * n, m + k * n


@wrong("E10.3", "order_of_strategies")
def positions_order_of_strategies(m, n, k):
    return m + k * n, k * (m + n), m + k * (m + n), k * (2 * m + n)


@wrong("E10.3", "counts_for_the_card_only")
def positions_counts_for_the_card_only(m, n, k):
    return 8040, 5040, 4040, 1040


@right("E10.3", "a dict, by name")
def positions_a_dict_by_name(m, n, k):
    return {
        "shared": m + k * n,
        "one_pass": k * (m + n),
        "marginal_once": m + k * (m + n),
        "two_passes": k * (2 * m + n),
    }


@right("E10.3", "added up in loops")
def positions_added_up_in_loops(m, n, k):
    totals = [0, m, 0, m]
    for _ in range(k):
        totals = [total + more for total, more in zip(totals, (m + m + n, m + n, m + n, n), strict=True)]
    return totals


@right("E10.3", "numpy")
def positions_numpy(m, n, k):
    return np.array([[2 * k, k], [1 + k, k], [k, k], [1, k]]) @ np.array([m, n])


@right("E10.3", "strings measured")
def positions_strings_measured(m, n, k):
    x, y = range(m), range(n)
    return len(x) * 2 * k + len(y) * k, len(x) + k * (len(x) + len(y)), k * (len(x) + len(y)), len(x) + len(y) * k


# --- E10.4 ----------------------------------------------------------------------------------------------------------


@wrong("E10.4", "vocabulary_forgotten")
def logits_bytes_vocabulary_forgotten(batch, length, vocabulary, width):
    return batch * length * width


@wrong("E10.4", "bits_for_bytes")
def logits_bytes_bits_for_bytes(batch, length, vocabulary, width):
    return batch * length * vocabulary * width * 8


@wrong("E10.4", "in_gibibytes")
def logits_bytes_in_gibibytes(batch, length, vocabulary, width):
    return batch * length * vocabulary * width / 2**30


@wrong("E10.4", "in_gibibytes", "that is rounded to hundredths of a GiB; the task asks for the exact number of bytes")
def logits_bytes_in_gibibytes_2(batch, length, vocabulary, width):
    return round(batch * length * vocabulary * width / 2**30, 2) * 2**30


@wrong("E10.4", "in_gigabytes")
def logits_bytes_in_gigabytes(batch, length, vocabulary, width):
    return batch * length * vocabulary * width / 1e9


@wrong("E10.4", "numbers_for_bytes")
def logits_bytes_numbers_for_bytes(batch, length, vocabulary, width):
    return batch * length * vocabulary


@wrong("E10.4", "four_bytes_always")
def logits_bytes_four_bytes_always(batch, length, vocabulary, width):
    return batch * length * vocabulary * 4


@wrong("E10.4", "one_row_short")
def logits_bytes_one_row_short(batch, length, vocabulary, width):
    return batch * (length - 1) * vocabulary * width


@wrong("E10.4", "batch_forgotten")
def logits_bytes_batch_forgotten(batch, length, vocabulary, width):
    return length * vocabulary * width


@wrong("E10.4", "logits_twice")
def logits_bytes_logits_twice(batch, length, vocabulary, width):
    return 2 * batch * length * vocabulary * width


@right("E10.4", "math.prod")
def logits_bytes_math_prod(batch, length, vocabulary, width):
    return math.prod((batch, length, vocabulary, width))


@right("E10.4", "np.int64")
def logits_bytes_np_int64(batch, length, vocabulary, width):
    return np.int64(batch) * length * vocabulary * width


@right("E10.4", "a float")
def logits_bytes_a_float(batch, length, vocabulary, width):
    return float(batch) * length * vocabulary * width


@right("E10.4", "through bits")
def logits_bytes_through_bits(batch, length, vocabulary, width):
    return batch * length * vocabulary * (8 * width) // 8


@right("E10.4", "any names for the arguments")
def logits_bytes_any_names_for_the_arguments(*sizes):
    return functools.reduce(lambda a, b: a * b, sizes)


# --- E10.5 ----------------------------------------------------------------------------------------------------------


def _hidden(model, ids):
    """(T, D): the last hidden states, without the output layer."""
    import torch

    with torch.no_grad():
        return model.base_model(torch.tensor([ids], device=model.device)).last_hidden_state[0]


def _targets(model, ids):
    import torch

    return torch.tensor(ids[1:], device=model.device)


def _scored(head, hidden, targets):
    import torch

    with torch.no_grad():
        return head(hidden).log_softmax(-1).gather(-1, targets[:, None]).sum()


@wrong("E10.5", "more_rows_than_chunk", "more than `chunk` rows of |V| numbers were made")
def chunked_log_prob_more_rows_than_chunk(model, ids, chunk):
    import torch

    with torch.no_grad():
        logits = model(torch.tensor([ids], device=model.device)).logits[0, :-1]
    targets = _targets(model, ids)
    starts = range(0, len(targets), chunk)
    parts = [logits[i : i + chunk].log_softmax(-1).gather(-1, targets[i : i + chunk, None]).sum() for i in starts]
    return float(sum(parts))


@wrong("E10.5", "more_rows_than_chunk", "more than `chunk` rows of |V| numbers were made")
def chunked_log_prob_more_rows_in_numpy(model, ids, chunk):
    weight = model.get_output_embeddings().weight.detach().cpu().numpy()
    logits = _hidden(model, ids)[:-1].cpu().numpy() @ weight.T
    total = 0.0
    for i in range(0, len(logits), chunk):
        rows, targets = logits[i : i + chunk].astype(np.float64), ids[1 + i : 1 + i + chunk]
        total += float((rows[np.arange(len(rows)), targets] - np.logaddexp.reduce(rows, axis=1)).sum())
    return total


@wrong("E10.5", "last_piece_dropped")
def chunked_log_prob_last_piece_dropped(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    starts = range(0, len(targets) - chunk + 1, chunk)
    return float(sum(_scored(head, hidden[i : i + chunk], targets[i : i + chunk]) for i in starts))


@wrong("E10.5", "first_piece_only")
def chunked_log_prob_first_piece_only(model, ids, chunk):
    hidden, targets = _hidden(model, ids)[:-1], _targets(model, ids)
    return float(_scored(model.get_output_embeddings(), hidden[:chunk], targets[:chunk]))


@wrong("E10.5", "logits_not_shifted")
def chunked_log_prob_logits_not_shifted(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[1:], _targets(model, ids), model.get_output_embeddings()
    return float(
        sum(_scored(head, hidden[i : i + chunk], targets[i : i + chunk]) for i in range(0, len(targets), chunk))
    )


def _tiles(model, ids, chunk, merge):
    """The normaliser of each row from tiles over the vocabulary, and the logits of the targets."""
    import torch

    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    with torch.no_grad():
        own = (hidden * head.weight[targets]).sum(-1)
        tiles = [(hidden @ head.weight[i : i + 16].T).logsumexp(-1) for i in range(0, len(head.weight), 16)]
    return own, functools.reduce(merge, tiles)


@wrong("E10.5", "normalisers_added")
def chunked_log_prob_normalisers_added(model, ids, chunk):
    own, total = _tiles(model, ids, chunk, lambda a, b: a + b)
    return float((own - total).sum())


@wrong("E10.5", "largest_normaliser_taken")
def chunked_log_prob_largest_normaliser_taken(model, ids, chunk):
    import torch

    own, total = _tiles(model, ids, chunk, torch.maximum)
    return float((own - total).sum())


@wrong("E10.5", "normalised_within_piece")
def chunked_log_prob_normalised_within_piece(model, ids, chunk):
    import torch

    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    total = 0.0
    for i in range(0, len(targets), chunk):
        with torch.no_grad():
            logits = head(hidden[i : i + chunk])
        own = logits.gather(-1, targets[i : i + chunk, None])[:, 0]
        total += float((own - logits.logsumexp((0, 1))).sum())
    return total


@wrong("E10.5", "logits_added_up")
def chunked_log_prob_logits_added_up(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    return float((hidden * head.weight[targets]).sum())


@wrong("E10.5", "context_cut_at_pieces")
def chunked_log_prob_context_cut_at_pieces(model, ids, chunk):
    total = 0.0
    for i in range(0, len(ids) - 1, chunk):
        part = ids[i : i + chunk + 1]
        total += float(_scored(model.get_output_embeddings(), _hidden(model, part)[:-1], _targets(model, part)))
    return total


@wrong("E10.5", "mean_of_logs")
def chunked_log_prob_mean_of_logs(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    starts = range(0, len(targets), chunk)
    parts = [_scored(head, hidden[i : i + chunk], targets[i : i + chunk]) for i in starts]
    return float(sum(parts)) / len(targets)


@wrong("E10.5", "pieces_averaged")
def chunked_log_prob_pieces_averaged(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    starts = range(0, len(targets), chunk)
    parts = [_scored(head, hidden[i : i + chunk], targets[i : i + chunk]) for i in starts]
    return float(sum(parts)) / len(parts)


@wrong("E10.5", "nothing_returned")
def chunked_log_prob_nothing_returned(model, ids, chunk):
    _hidden(model, ids)


@right("E10.5", "one row at a time, whatever the chunk is")
def chunked_log_prob_one_row_at_a_time(model, ids, chunk):
    hidden, targets, head = _hidden(model, ids)[:-1], _targets(model, ids), model.get_output_embeddings()
    return sum(_scored(head, hidden[i : i + 1], targets[i : i + 1]).item() for i in range(len(targets)))


@right("E10.5", "split, cross entropy, model.lm_head")
def chunked_log_prob_split_cross_entropy_model(model, ids, chunk):
    import torch

    hidden = model.base_model(torch.tensor([ids[:-1]], device=model.device))[0].squeeze(0)
    total = 0
    for part, targets in zip(hidden.split(chunk), _targets(model, ids).split(chunk), strict=True):
        total = total - torch.nn.functional.cross_entropy(model.lm_head(part), targets, reduction="sum")
    return total


@right("E10.5", "tiles over the vocabulary, merged with logaddexp")
def chunked_log_prob_tiles_over_the_vocabulary_merged(model, ids, chunk):
    import torch

    own, total = _tiles(model, ids, chunk, torch.logaddexp)
    return float((own - total).double().sum())


@right("E10.5", "logits_to_keep, a pass for each piece")
def chunked_log_prob_logits_to_keep_a_pass(model, ids, chunk):
    import torch

    total = 0.0
    for i in range(0, len(ids) - 1, chunk):
        places = torch.arange(i, min(i + chunk, len(ids) - 1), device=model.device)
        with torch.no_grad():
            logits = model(torch.tensor([ids], device=model.device), logits_to_keep=places).logits[0]
        total += float(logits.log_softmax(-1).gather(-1, _targets(model, ids)[places][:, None]).sum())
    return total


@right("E10.5", "the weight of the output layer by hand, in float64")
def chunked_log_prob_the_weight_of_the_output_layer(model, ids, chunk):
    weight = model.get_output_embeddings().weight.detach().double()
    hidden, targets = _hidden(model, ids)[:-1].double(), _targets(model, ids)
    terms = []
    for i in range(0, len(targets), chunk):
        u = hidden[i : i + chunk] @ weight.T
        terms += (u.gather(-1, targets[i : i + chunk, None])[:, 0] - u.logsumexp(-1)).tolist()
    return math.fsum(terms)


@right("E10.5", "a prefix for each token")
def chunked_log_prob_a_prefix_for_each_token(model, ids, chunk):
    import torch

    with torch.no_grad():
        rows = [
            model(torch.tensor([ids[:t]], device=model.device), logits_to_keep=1).logits[0, -1].log_softmax(-1)[ids[t]]
            for t in range(1, len(ids))
        ]
    return torch.stack(rows).sum()


# --- E10.6 ----------------------------------------------------------------------------------------------------------

_SIX = {"choice": "direct", "witness": (-3000.0, -1.1)}


def _direct(log_probs, m):
    return math.fsum(map(float, log_probs[m:]))


def _answers(value):
    return lambda: value


def _wrong_sum(misconception, message=""):
    return wrong("E10.6", misconception, message, e10_6=_answers(_SIX))


def _wrong_six(misconception, message="", **changes):
    wrong("E10.6", misconception, message, e10_6=_answers(_SIX | changes))(_direct)


@_wrong_sum("difference_in_single")
def conditional_sum_difference_in_single(log_probs, m):
    return float(log_probs.sum() - log_probs[:m].sum())


@_wrong_sum(
    "difference_in_single", "the joint was built up in float32, term by term: a large running total loses small terms"
)
def conditional_sum_difference_in_single_2(log_probs, m):
    totals = np.concatenate([np.zeros(1, np.float32), np.cumsum(log_probs, dtype=np.float32)])
    return float(totals[-1] - totals[m])


@_wrong_sum("sum_in_half")
def conditional_sum_sum_in_half(log_probs, m):
    return float(log_probs[m:].astype(np.float16).sum(dtype=np.float16))


@_wrong_sum("sum_in_bfloat16")
def conditional_sum_sum_in_bfloat16(log_probs, m):
    import torch

    return float(torch.tensor(log_probs[m:]).bfloat16().sum())


@_wrong_sum("joint_for_conditional")
def conditional_sum_joint_for_conditional(log_probs, m):
    return math.fsum(map(float, log_probs))


@_wrong_sum("marginal_for_conditional")
def conditional_sum_marginal_for_conditional(log_probs, m):
    return math.fsum(map(float, log_probs[:m]))


@_wrong_sum("marginal_minus_joint")
def conditional_sum_marginal_minus_joint(log_probs, m):
    return 0.0 - _direct(log_probs, m)


@_wrong_sum("mean_of_logs")
def conditional_sum_mean_of_logs(log_probs, m):
    return _direct(log_probs, m) / max(len(log_probs) - m, 1)


@_wrong_sum("y1_skipped")
def conditional_sum_y1_skipped(log_probs, m):
    return _direct(log_probs, m + 1)


@_wrong_sum("last_of_x_included")
def conditional_sum_last_of_x_included(log_probs, m):
    return _direct(log_probs, max(m - 1, 0))


@_wrong_sum("nothing_returned")
def conditional_sum_nothing_returned(log_probs, m):
    _direct(log_probs, m)


_wrong_six("difference_preferred", choice="difference")
_wrong_six("witness_no_loss", "witness: float16 keeps this difference: here it is off by 0", witness=(-8.5, -3.5))
_wrong_six("witness_not_finite", witness=(-math.inf, -1.1))
_wrong_six("witness_above_zero", witness=(3000.0, -1.1))
_wrong_six("witness_overflows", witness=(-70000.0, -1.1))
_wrong_six("witness_y_too_large", witness=(-3000.0, -1200.3))
_wrong_six("witness_y_too_large", witness=(-3001.1, -3000.0))


@right("E10.6", "a loop", e10_6=_answers({"choice": "Direct", "witness": [-6000, -1.5]}))
def conditional_sum_a_loop(log_probs, m):
    total = 0.0
    for term in log_probs[m:]:
        total += float(term)
    return total


@right("E10.6", "float32, added directly", e10_6=_answers(("direct", (np.float64(-12000.0), -0.7))))
def conditional_sum_float32_added_directly(log_probs, m):
    return log_probs[m:].sum()


@right("E10.6", "the difference, with float64 sums", e10_6=_answers(OrderedDict(_SIX)))
def conditional_sum_the_difference_with_float64_sums(log_probs, m):
    wide = log_probs.astype(np.float64)
    return wide.sum() - wide[:m].sum() if np.isfinite(wide).all() else wide[m:].sum()


@right(
    "E10.6",
    "torch in double precision",
    e10_6=_answers({"witness": np.array([-30000.0, -2.0]), "choice": "direct sum"}),
)
def conditional_sum_torch_in_double_precision(log_probs, m):
    import torch

    return torch.from_numpy(log_probs)[m:].double().sum()


@right("E10.6", "exact fractions", e10_6=_answers({"choice": "direct", "witness": (Fraction(-5000), Decimal("-1.25"))}))
def conditional_sum_exact_fractions(log_probs, m):
    terms = [float(term) for term in log_probs[m:]]
    return sum(map(Fraction, terms)) if all(map(math.isfinite, terms)) else -math.inf


# --- E10.7 ----------------------------------------------------------------------------------------------------------


def _key(text, logs, how, length=lambda text: len(text.encode())):
    return sum(logs) / {"sum": 1, "mean": len(logs), "bits_per_byte": length(text)}[how]


def _ranked(candidates, key):
    return sorted(range(len(candidates)), key=lambda i: key(*candidates[i]), reverse=True)


@wrong("E10.7", "mean_for_sum")
def rank_mean_for_sum(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, "mean" if how == "sum" else how))


@wrong("E10.7", "sum_for_mean")
def rank_sum_for_mean(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, "sum" if how == "mean" else how))


@wrong("E10.7", "how_ignored")
def rank_how_ignored(candidates, how):
    return _ranked(candidates, lambda text, logs: sum(logs))


@wrong("E10.7", "characters_for_bytes")
def rank_characters_for_bytes(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, how, len))


@wrong("E10.7", "tokens_for_bytes")
def rank_tokens_for_bytes(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, "mean" if how == "bits_per_byte" else how))


@wrong("E10.7", "bits_not_per_byte")
def rank_bits_not_per_byte(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, "sum" if how == "bits_per_byte" else how))


@wrong("E10.7", "words_for_bytes")
def rank_words_for_bytes(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, how, lambda text: len(text.split())))


@wrong("E10.7", "worst_first")
def rank_worst_first(candidates, how):
    return _ranked(candidates, lambda text, logs: -_key(text, logs, how))


@wrong("E10.7", "highest_bits_first")
def rank_highest_bits_first(candidates, how):
    sign = -1 if how == "bits_per_byte" else 1
    return _ranked(candidates, lambda text, logs: sign * _key(text, logs, how))


@wrong("E10.7", "places_for_indices")
def rank_places_for_indices(candidates, how):
    order = _ranked(candidates, lambda text, logs: _key(text, logs, how))
    return [order.index(i) for i in range(len(order))]


@wrong("E10.7", "indices_from_one")
def rank_indices_from_one(candidates, how):
    return [i + 1 for i in _ranked(candidates, lambda text, logs: _key(text, logs, how))]


@wrong("E10.7", "only_the_best")
def rank_only_the_best(candidates, how):
    return _ranked(candidates, lambda text, logs: _key(text, logs, how))[:1]


@wrong("E10.7", "texts_for_indices")
def rank_texts_for_indices(candidates, how):
    return [candidates[i][0] for i in _ranked(candidates, lambda text, logs: _key(text, logs, how))]


@right("E10.7", "numpy, argsort")
def rank_numpy_argsort(candidates, how):
    totals = np.array([sum(logs) for _, logs in candidates])
    lengths = {
        "sum": np.ones(len(totals)),
        "mean": np.array([len(logs) for _, logs in candidates]),
        "bits_per_byte": np.array([len(text.encode("utf-8")) * math.log(2) for text, _ in candidates]),
    }[how]
    return np.argsort(-totals / lengths, kind="stable")


@right("E10.7", "bits per byte, ascending; a generator")
def rank_bits_per_byte_ascending(candidates, how):
    def cost(i):
        text, logs = candidates[i]
        if how == "bits_per_byte":
            return -math.fsum(logs) / math.log(2) / len(bytes(text, "utf-8"))
        return -math.fsum(logs) if how == "sum" else -np.mean(logs)

    return (i for i in sorted(range(len(candidates)), key=cost))


@right("E10.7", "picks the best again and again")
def rank_picks_the_best_again_and_again(candidates, how):
    left, order = dict(enumerate(candidates)), []
    while left:
        best = max(left, key=lambda i: _key(*left[i], how))
        order.append(best)
        del left[best]
    return tuple(order)


@right("E10.7", "torch")
def rank_torch(candidates, how):
    import torch

    keys = [_key(text, logs, how) for text, logs in candidates]
    return torch.tensor(keys, dtype=torch.float64).argsort(descending=True)


@right("E10.7", "a heap")
def rank_a_heap(candidates, how):
    import heapq

    heap = [(-_key(text, logs, how), i) for i, (text, logs) in enumerate(candidates)]
    heapq.heapify(heap)
    return [heapq.heappop(heap)[1] for _ in range(len(heap))]


# --- E10.8 ----------------------------------------------------------------------------------------------------------

_EIGHT = {"harmless": "A", "pairs": ((-12.0, -8.5), (-10.0, -4.0))}


def _wrong_eight(misconception, **changes):
    wrong_value("E10.8", _EIGHT | changes, misconception)


_wrong_eight("harmless_if_equal_lengths", harmless="B")
_wrong_eight("harmless_if_y_long", harmless="C")
_wrong_eight("never_harmless", harmless="D")
_wrong_eight("pairs_same_x", pairs=((-12.0, -8.5), (-10.0, -8.5)))
_wrong_eight("pairs_same_order", pairs=((-12.0, -8.5), (-10.0, -7.0)))
_wrong_eight("pairs_impossible", pairs=((-3.5, -5.2), (-10.0, -4.0)))
_wrong_eight("pairs_impossible", pairs=((-12.0, 8.5), (-10.0, -4.0)))
_wrong_eight("pairs_swapped", pairs=((-8.5, -12.0), (-4.0, -10.0)))
_wrong_eight("pairs_tie", pairs=((-12.0, -8.5), (-12.0, -4.0)))
_wrong_eight("pairs_tie", pairs=((-12.0, -8.5), (-10.0, -6.5)))
_wrong_eight("pairs_not_finite", pairs=((-math.inf, -8.5), (-10.0, -4.0)))
wrong_value(
    "E10.8",
    None,
    "nothing_returned",
    'None (is a return missing?) came back where "harmless", "pairs" are asked for, in this order or in a dict',
)
right_value("E10.8", _EIGHT, "a dict")
right_value("E10.8", ("a", [[-10.0, -4.0], [-12.0, -8.5]]), "a tuple; lower case, the other order")
right_value("E10.8", _EIGHT | {"pairs": np.array([[-5.0, -1.0], [-5.5, -5.0]])}, "an array")
right_value(
    "E10.8", _EIGHT | {"pairs": [{"joint": -5, "marginal": 0}, {"marginal": -6, "joint": Fraction(-13, 2)}]}, "dicts"
)
right_value("E10.8", _EIGHT | {"harmless": "A: all answer the same x"}, "the letter and its words")
right_value("E10.8", _EIGHT | {"harmless": "(A)", "pairs": (range(-12, -3, 4)[:2], (-20, -19))}, "whole numbers")

# --- changed solutions that are still right -------------------------------------------------------------------------

_LAST = "the tensor has two dimensions: 1 is the last one, as -1 is"
_PAD = "which id a pad has does not matter: no real token looks at it, and it is not scored"
_EMPTY = "a last piece without rows adds 0"
_WITNESS = "another right witness"
_UNIT = "a unit for information changes no order"
MUTANTS.equivalent = {
    "E10.1": {"0 -> 1 #2": _PAD},
    "E10.2": {"-1 -> 1 #2": _LAST, "-1 -> 1 #3": _LAST, "0 -> 1 #3": _PAD},
    "E10.5": {"len(ids) - 1 -> len(ids) + 1": _EMPTY, "1 -> 0": _EMPTY, "-1 -> 1": _LAST, "-1 -> 1 #2": _LAST},
    "E10.6": {"3000.0 -> 3001.0": _WITNESS, "3000.0 -> 2999.0": _WITNESS},
    "E10.7": {"nats / math.log(2) -> nats * math.log(2)": _UNIT, "math.log(2) -> 2": _UNIT, "2 -> 3": _UNIT},
    "E10.8": {f"{number} -> {number + step}": _WITNESS for number in (12.0, 8.5, 10.0, 4.0) for step in (1, -1)},
}
