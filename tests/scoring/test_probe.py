"""The self-test refuses each shortcut where it is wrong, and a forced one shows how wrong."""

import copy
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers

from course_utils.scoring import Scorer, packing, probe
from course_utils.scoring.plan import Job, padded_batch
from course_utils.scoring.routes import Shortcuts, batch_log_probs, simple_log_probs

from . import families


def off(model, batch, shortcuts) -> float:
    """The largest error of a token's score by these shortcuts, in nats."""
    with torch.no_grad():
        alone = torch.cat([simple_log_probs(model, job) for job in batch.jobs])
        return float((batch_log_probs(model, [batch], shortcuts) - alone).abs().max())


@pytest.fixture
def jobs():
    return probe.probe_jobs(families.VOCABULARY)


@pytest.mark.parametrize("family", ["gemma2", "cohere"])
def test_scaled_or_capped_logits_keep_their_head_in_one_piece(family, model_of, jobs):
    model = model_of(family)
    with torch.no_grad():
        assert not probe.head_is_linear(model, jobs[0])
    assert off(model, padded_batch(jobs), Shortcuts(head=True)) > 0.05
    assert off(model, padded_batch(jobs), Shortcuts()) < 1e-5


def test_a_cap_that_hardly_shows_is_found_too(jobs):
    """Trap: beside small logits a cap of 30 moves a score by less than any tolerance, until the logits grow."""
    config = transformers.Gemma2Config(**families.CONFIGS["gemma2"][1] | {"final_logit_softcapping": 30.0})
    model = transformers.AutoModelForCausalLM.from_config(config).eval()  # usual, small weights
    with torch.no_grad():
        assert off(model, padded_batch(jobs), Shortcuts(head=True)) < 1e-4
        assert not probe.head_is_linear(model, jobs[0])


def test_a_head_with_a_hook_keeps_it(gpt2, jobs):
    """Something hung on the output layer changes its logits: they are then the model's to make."""
    model = copy.deepcopy(gpt2)
    model.lm_head.register_forward_hook(lambda _, args, out: 2 * out)
    with torch.no_grad():
        assert probe.head_is_linear(gpt2, jobs[0]) and not probe.head_is_linear(model, jobs[0])


def test_no_boundaries_in_a_packed_row(gpt2, jobs):
    """Trap: sequences end to end that see each other."""
    batch = packing.packed_batch(jobs)
    assert off(gpt2, batch, Shortcuts()) < 1e-5
    with torch.no_grad():
        assert probe.agrees(gpt2, batch, head=False)
        n = batch.input_ids.size
        batch.layout = packing.make_layout(np.array([[0, n, n]]), np.zeros(n, dtype=int))  # one run
        assert not probe.agrees(gpt2, batch, head=False)


def test_positions_that_run_through_a_packed_row(gpt2, jobs):
    """Trap: positions that do not begin anew."""
    batch = packing.packed_batch(jobs)
    batch.positions = np.arange(batch.input_ids.size)[None]
    assert off(gpt2, batch, Shortcuts()) > 0.05
    with torch.no_grad():
        assert not probe.agrees(gpt2, batch, head=False)


def test_a_blind_model_proves_nothing(jobs):
    """Trap: a model that hardly looks at its context agrees with every route, the wrong ones too."""
    blind = copy.deepcopy(families.build("bloom"))
    with torch.no_grad():
        for name, weight in blind.named_parameters():
            if "self_attention.dense" in name:
                weight.zero_()
        assert not probe.agrees(blind, padded_batch(jobs), head=False)


def test_left_padding_is_not_what_we_do(gpt2):
    """Traps: left padding without positions, and without a mask; right padding needs neither."""
    short, long = [9, 8, 7, 6], list(range(20, 34))
    truth = families.reference(families.exact("gpt2"), short)[-1].item()
    ids = torch.tensor([[0] * 10 + short, long]).to(next(gpt2.parameters()).device)
    mask = torch.tensor([[0] * 10 + [1] * 4, [1] * 14]).to(ids.device)

    def last(**inputs) -> float:
        with torch.no_grad():
            return gpt2(ids, **inputs).logits[0, -2].double().log_softmax(-1)[short[-1]].item()

    assert abs(last(attention_mask=mask) - truth) > 0.01
    assert abs(last() - truth) > 0.01
    assert last(attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(0)) == pytest.approx(truth, abs=1e-4)


BERT = {"vocab_size": 331, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
T5 = {"vocab_size": 331, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}


@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        (transformers.BertLMHeadModel, transformers.BertConfig(**BERT), "BertLMHeadModel is not causal"),
        (transformers.BertLMHeadModel, transformers.BertConfig(**BERT, max_position_embeddings=8), "is not causal"),
        (transformers.T5ForConditionalGeneration, transformers.T5Config(**T5), "T5.* has an encoder"),
        (transformers.GPT2Model, families.CONFIGS["gpt2"], "GPT2Model gives no logits .*AutoModelForCausalLM"),
        (transformers.GPT2ForSequenceClassification, families.CONFIGS["gpt2"], "no logits .*AutoModelForCausalLM"),
    ],
)
def test_another_kind_of_model_is_refused(kind, config, said, simple, plain):
    """A model that is not causal, or whose window is so short that the self-test is cut, or that gives no logits."""
    config = config if isinstance(config, transformers.PretrainedConfig) else transformers.GPT2Config(**config[1])
    torch.manual_seed(0)
    model = kind(config).eval()
    with pytest.raises(ValueError, match=said):
        Scorer(model, plain, simple=simple).conditional_log_prob_ids([([0, 5, 9], [7])])


def test_no_model_and_a_model_without_weights_are_refused(plain):
    with pytest.raises(ValueError, match="str gives no logits"):
        Scorer("gpt2", plain)
    with pytest.raises(ValueError, match="meta"):
        Scorer(copy.deepcopy(families.build("gpt2")).to("meta"), plain)


def test_a_faint_leak_shows(jobs):
    """Trap: a convolution of small weights runs from one packed sequence into the next, below any tolerance."""
    model = families.build("lfm2")
    batch = packing.packed_batch(jobs)
    assert 1e-6 < off(model, batch, Shortcuts(head=True)) < probe.TOLERANCE[torch.float32]
    with torch.no_grad():
        assert not probe.agrees(model, batch, head=True) and probe.agrees(model, padded_batch(jobs), head=True)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_self_test_has_gradients_whatever_holds_around_it(mode, gpt2):
    with mode():
        assert probe.find_shortcuts(gpt2) == Shortcuts(math.inf, packing=True, head=True)


class SoftPrompt(torch.nn.Module):
    """As prompt tuning does it: learned vectors before the first id, and rows of logits for them too."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config
        self.prompt = torch.nn.Parameter(torch.randn(4, 32))

    def forward(self, input_ids, **options):
        embedded = self.model.get_input_embeddings()(input_ids)
        prompt = self.prompt.expand(len(input_ids), -1, -1)
        return self.model(inputs_embeds=torch.cat([prompt, embedded], dim=1), **options)

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.model, name)


def test_a_learned_prompt_shifts_no_score(gpt2, plain):
    """Trap: its rows of logits come first, so a place counted from the beginning is another token's."""
    torch.manual_seed(0)
    model = SoftPrompt(copy.deepcopy(families.build("gpt2")))
    ids = [5, 9, 30, 31, 32]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, 4:].double().log_softmax(-1)
    want = sum(logits[t - 1, ids[t]].item() for t in (3, 4))
    for simple in (False, True):
        scorer = Scorer(model, plain, bos=False, simple=simple)
        got = scorer.conditional_log_prob_ids([(ids[:3], ids[3:]), ([7], [8, 9])])
        assert got[0] == pytest.approx(want, abs=1e-4)


def test_a_learned_prompt_takes_its_part_of_the_window(plain):
    """Trap: the model reads as many ids less as the prompt has vectors; beyond, its positions run out."""
    model = SoftPrompt(copy.deepcopy(families.build("gpt2")))
    model.active_peft_config = type("PromptTuningConfig", (), {"num_virtual_tokens": 4})
    for simple in (False, True):
        scorer = Scorer(model, plain, simple=simple)
        assert scorer.window == families.WINDOW - 4
        assert math.isfinite(scorer.log_prob_ids([[0] * (scorer.window + 1)])[0])  # the last one is not read
        with pytest.raises(ValueError, match="sequence 0: 158 ids, but the model reads 156 at once"):
            scorer.log_prob_ids([[0] * (scorer.window + 2)])
    with torch.no_grad(), pytest.raises(IndexError):
        model(torch.zeros(1, scorer.window + 1, dtype=torch.long))
    model.active_peft_config = type("LoraConfig", (), {})
    assert Scorer(model, plain).window == families.WINDOW


ROBERTA = {"is_decoder": True, "max_position_embeddings": 42, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}


@pytest.mark.parametrize("kind", ["Roberta", "Camembert", "XLMRoberta", "Data2VecText", "RobertaPreLayerNorm"])
def test_positions_that_begin_behind_the_padding_id(kind, plain):
    """Trap: the config counts positions that no id ever has; two ids before it says so, the model's table ends."""
    config = getattr(transformers, kind + "Config")(**BERT, **ROBERTA)
    torch.manual_seed(0)
    model = getattr(transformers, kind + "ForCausalLM")(config).eval()
    with torch.no_grad(), pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, 41), 7))
    for simple in (False, True):
        scorer = Scorer(model, plain, simple=simple)
        assert scorer.window == 40
        assert math.isfinite(scorer.log_prob_ids([[0, *[7] * 40]])[0])
        with pytest.raises(ValueError, match="reads 40 at once"):
            scorer.log_prob_ids([[0, *[7] * 41]])


class Offloaded:
    """As accelerate does it: weights lie on meta, and come for as long as their module computes."""

    def __init__(self, module):
        self.execution_device, forward = torch.device("cpu"), module.forward
        own = {name: weight for name, weight in module.named_parameters(recurse=False)}

        def bring_and_forward(*args, **options):
            module._parameters.update(own)
            try:
                return forward(*args, **options)
            finally:
                module._parameters.update(away)

        away = {name: torch.nn.Parameter(weight.to("meta")) for name, weight in own.items()}
        module._parameters.update(away)
        module.forward, module._hf_hook = bring_and_forward, self


def test_weights_that_are_kept_elsewhere(plain):
    """Trap: a first parameter on meta looks like a model without weights, and ids would be sent there."""
    model, pairs = copy.deepcopy(families.build("llama")), [([0, 5, 9], [7]), ([0, 5, 9], [30, 31]), ([0], [4, 5])]
    want = Scorer(families.build("llama"), plain).conditional_log_prob_ids(pairs)
    for module in [module for module in model.modules() if module._parameters]:
        Offloaded(module)
    assert all(weight.is_meta for weight in model.parameters())
    for simple in (False, True):
        scorer = Scorer(model, plain, simple=simple)
        assert scorer.conditional_log_prob_ids(pairs) == pytest.approx(want, abs=1e-5)
        assert scorer.next_log_probs([0, 5, 9])[7] == pytest.approx(want[0], abs=1e-5)
    assert Scorer(model, plain)._forward.shortcuts == Shortcuts(math.inf, packing=True, head=False)
    half = copy.deepcopy(families.build("gpt2"))
    half.transformer.h[1].to("meta")
    with pytest.raises(ValueError, match="keeps shapes and no numbers"):
        Scorer(half, plain)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_quantised_activations(plain):
    """They share one scale, so that a large one in a later row moves the others: no masked model, no faulty kernel."""
    model = torch.ao.quantization.quantize_dynamic(
        copy.deepcopy(families.build("llama")), {torch.nn.Linear}, dtype=torch.qint8
    )
    assert probe.is_quantised(model) and not probe.is_quantised(families.build("llama"))
    ids = [0, 5, 9, 30, 31]
    for simple in (False, True):
        with pytest.raises(ValueError, match="LlamaForCausalLM is quantised.*check=False"):
            Scorer(model, plain, simple=simple).log_prob_ids([ids])
    with torch.no_grad():
        logits = model(torch.tensor([ids[:-1]])).logits[0].double().log_softmax(-1)
    want = sum(logits[t - 1, ids[t]].item() for t in range(1, len(ids)))
    scorer = Scorer(model, plain, check=False)
    assert scorer.log_prob_ids([ids, [0, 7, 200]])[0] == pytest.approx(want, abs=1e-5)
    assert scorer._forward.shortcuts == Shortcuts()
    with pytest.raises(ValueError, match="gives no logits"):  # a word that no model can be taken at
        Scorer(transformers.GPT2Model(transformers.GPT2Config(**families.CONFIGS["gpt2"][1])), plain, check=False)


def test_without_the_packing_file(gpt2, plain, tmp_path):
    """It can be removed alone: rows are padded then, and the numbers stay."""
    pairs = [("the cat", " sat"), ("the cat", " ran after the dog"), ("what is", " it")]
    packed = Scorer(gpt2, plain)
    assert packed._forward.shortcuts.packing
    families.build("gpt2").save_pretrained(tmp_path)
    plain.save_pretrained(tmp_path)
    code = (
        "import sys, json; sys.modules['course_utils.scoring.packing'] = None\n"  # as if it were not there
        "from course_utils import load_scorer\n"
        "scorer = load_scorer(sys.argv[1], device='cpu')\n"
        "scores = scorer.conditional_log_prob(json.loads(sys.argv[2])).tolist()\n"
        "print(json.dumps([scores, scorer._forward.shortcuts.packing, scorer._forward.shortcuts.longest > 0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), json.dumps(pairs)], capture_output=True, text=True
    )
    scores, packing_is_used, padding_is_used = json.loads(done.stdout)
    assert scores == pytest.approx(packed.conditional_log_prob(pairs), abs=1e-5)
    assert padding_is_used and not packing_is_used


def test_no_query_of_a_packed_row_sees_nothing(jobs):
    """Trap: attention over no key at all is 0 / 0, in some kernels NaN for the whole row."""
    (_, _, causal), (_, _, mask) = packing.packed_batch(jobs).layout.blocks
    assert causal is None and mask.any(-1).all() and not mask.all()


def test_packed_rows_keep_to_their_budget():
    """In ids, and in what attention pads them to: one long sequence does not widen sixty short ones."""
    jobs = [Job(np.full(n, i), 1, 1) for i, n in enumerate([900, *[3] * 60, 400, 90, 80])]
    batches = packing.packed_batches(jobs, 1000)
    assert sorted(len(job.ids) for part in batches for job in part) == sorted(len(job.ids) for job in jobs)
    for part in batches:
        lengths = [len(job.ids) - 1 for job in part]
        assert len(part) == 1 or sum(lengths) <= 1000 and len(part) * max(lengths) <= 2000 + max(lengths)


def test_the_models_own_attention_comes_back(gpt2, plain):
    before = gpt2.config._attn_implementation
    assert before != packing.NAME
    Scorer(gpt2, plain).conditional_log_prob([("the", " cat"), ("the", " dog ran")])
    assert gpt2.config._attn_implementation == before
    model = copy.deepcopy(gpt2)
    model.transformer.h[1].mlp.register_forward_hook(lambda *_: 1 / 0)
    scorer = Scorer(model, plain)
    scorer._forward.shortcuts = Shortcuts(longest=100, packing=True, head=True)
    with pytest.raises(ZeroDivisionError):
        scorer.conditional_log_prob([("the", " cat"), ("the", " dog ran")])
    assert model.config._attn_implementation == before


def test_stretched_rotary_positions_go_alone():
    """Trap: in these families a long sequence changes the positions of all others in its batch."""
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4, "original_max_position_embeddings": 16}
    config = transformers.LlamaConfig(**families.CONFIGS["llama"][1] | {"rope_parameters": rope})
    assert probe.longest_together(config) == 16
    assert probe.longest_together(families.build("llama").config) == math.inf


def test_log_normaliser_in_tiles(monkeypatch):
    """Tiles of any size give the log-sum over all; impossible words are no obstacle, even a whole tile of them."""
    from course_utils.scoring import head

    torch.manual_seed(0)
    layer = torch.nn.Linear(8, 50).double()
    with torch.no_grad():
        layer.bias[:20] = -torch.inf
        hidden = torch.randn(7, 8).double()
        want = layer(hidden).logsumexp(-1)
        for rows, words in ((1, 1), (3, 7), (512, 1024)):
            monkeypatch.setattr(head, "CPU_TILE", (rows, words))
            torch.testing.assert_close(head.log_normaliser(hidden, layer), want, rtol=0, atol=1e-12)


def test_log_sum_exp_neither_overflows_nor_vanishes():
    """Traps: no largest logit taken out; log of a softmax; 16 bits."""
    from course_utils.scoring.head import log_sum_exp

    u = torch.tensor([[1000.0, 1001.0, 1002.0], [-1002.0, -1001.0, -1000.0], [-math.inf] * 3, [0.0, -math.inf, 0.0]])
    want = [1002.4076059644444, -999.5923940355556, -math.inf, math.log(2)]
    assert log_sum_exp(u.double()).tolist() == pytest.approx(want, abs=1e-9)
    assert log_sum_exp(u).tolist() == pytest.approx(want, abs=1e-4)
    assert log_sum_exp(u.bfloat16()).dtype == torch.float32 and math.isnan(log_sum_exp(u + math.nan)[0])


def test_the_logit_of_a_target_is_exact_in_sixteen_bits_too():
    """Trap: a dot product whose terms are rounded to 16 bits before they are added."""
    from course_utils.scoring.head import log_normaliser, tiled_log_probs

    torch.manual_seed(0)
    layer, hidden = torch.nn.Linear(64, 50).bfloat16(), torch.randn(7, 64).bfloat16()
    rows, targets = torch.arange(7), torch.randint(0, 50, (7,))
    with torch.no_grad():
        own = tiled_log_probs(hidden, rows, targets, layer) + log_normaliser(hidden, layer)
        exact = copy.deepcopy(layer).double()(hidden.double())[rows, targets]
    assert (own - exact).abs().max() < 1e-5


def test_sixteen_bit_logits_are_upcast_first():
    """Trap: log-softmax in 16 bits."""
    from course_utils.scoring.head import full_log_probs

    torch.manual_seed(0)
    logits = (5 * torch.randn(40, 300)).bfloat16()
    rows, targets = torch.arange(40), torch.randint(0, 300, (40,))
    truth = logits.double().log_softmax(-1)[rows, targets]
    assert (full_log_probs(logits, rows, targets) - truth).abs().max() < 1e-5
    assert (logits.log_softmax(-1)[rows, targets].double() - truth).abs().max() > 1e-2


def test_bfloat16_model(gpt2, plain):
    """A 16-bit model is scored to its own rounding; sums are still float64."""
    model = copy.deepcopy(gpt2).bfloat16()
    pairs = [("the cat", " sat on the mat"), ("the", " dog")]
    fast, simple = (Scorer(model, plain, simple=simple).conditional_log_prob(pairs) for simple in (False, True))
    assert fast.dtype == "float64" and fast == pytest.approx(simple, abs=0.3)
    assert not math.isclose(fast[0], round(fast[0], 2), abs_tol=1e-9)


def test_a_model_that_reads_a_few_ids_at_once(plain):
    """The self-test itself must fit into the window."""
    for window in (6, probe.LONGEST, 20):
        config = transformers.GPT2Config(**families.CONFIGS["gpt2"][1] | {"n_positions": window})
        torch.manual_seed(0)
        model = transformers.GPT2LMHeadModel(config).eval()
        pairs = [([0, 5, 9], [7, 8]), ([0, 5, 9], [3]), ([0], [4, 5, 6])]
        fast, simple = (Scorer(model, plain, simple=s).conditional_log_prob_ids(pairs) for s in (False, True))
        assert fast == pytest.approx(simple, abs=1e-5)
