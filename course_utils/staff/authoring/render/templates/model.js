// The course model in the browser: tokenizer and transformer in plain JavaScript, from files beside the page. It computes what
// `load_scorer()` computes, in the same order (ids, embeddings, six layers, logits, log-softmax), one token after the other.
"use strict";

// The weights, as safetensors writes them: the length of a header, the header, numbers in bfloat16 (the upper half of a float32).
function readWeights(base64) {
  const signs = atob(base64), bytes = new Uint8Array(signs.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = signs.charCodeAt(i);
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  const weights = {};
  for (const [name, {data_offsets: [from, to]}] of Object.entries(header).filter(([name]) => name !== "__metadata__")) {
    const halves = new Uint16Array(bytes.buffer.slice(8 + headerLength + from, 8 + headerLength + to));
    const wide = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) wide[i] = halves[i] << 16;
    weights[name] = new Float32Array(wide.buffer);
  }
  return weights;
}

// Byte-level BPE: words first, then the bytes of each word, then the pair of pieces that was learned earliest, again and again.
class Tokenizer {
  static SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  static WORD = new RegExp("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + Tokenizer.SPACE + "\\p{L}\\p{N}]+|["
    + Tokenizer.SPACE + "]+(?![^" + Tokenizer.SPACE + "])|[" + Tokenizer.SPACE + "]+", "gu");

  constructor({vocab, merges}, special) {
    this.ids = new Map(Object.entries(vocab));
    this.ranks = new Map(merges.map((pair, rank) => [pair.join(" "), rank]));
    this.special = special;
    // Every byte has a sign of its own: itself where it can be seen, else one from 256 on.
    const seen = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    let next = 256;
    this.signs = Array.from({length: 256}, (_, byte) => String.fromCharCode(seen(byte) ? byte : next++));
    this.bytes = new Map(this.signs.map((sign, byte) => [sign, byte]));
    this.pieces = [];
    for (const [piece, id] of this.ids) this.pieces[id] = piece;
  }

  encode(text) {
    return text.split(this.special).flatMap((part, number) => [
      ...(number ? [this.ids.get(this.special)] : []),
      ...(part.match(Tokenizer.WORD) ?? []).flatMap((word) => this.merged(word)),
    ]);
  }

  merged(word) {
    let pieces = [...new TextEncoder().encode(word)].map((byte) => this.signs[byte]);
    for (;;) {
      let best = Infinity, at = -1;
      for (let i = 0; i + 1 < pieces.length; i++) {
        const rank = this.ranks.get(`${pieces[i]} ${pieces[i + 1]}`) ?? Infinity;
        if (rank < best) [best, at] = [rank, i];
      }
      if (at < 0) return pieces.map((piece) => this.ids.get(piece));
      const [left, right] = [pieces[at], pieces[at + 1]], joined = [];
      for (let i = 0; i < pieces.length; i++) {
        if (pieces[i] === left && pieces[i + 1] === right) joined.push(left + right), i++;
        else joined.push(pieces[i]);
      }
      pieces = joined;
    }
  }

  // Of a piece of a character, which is no text, the sign for what cannot be shown.
  decode(ids) {
    const bytes = ids.flatMap((id) => [...this.pieces[id]].map((sign) => this.bytes.get(sign)));
    return ids.includes(this.ids.get(this.special)) ? this.special : new TextDecoder().decode(Uint8Array.from(bytes));
  }
}

// rows x columns times a vector; four sums side by side, which processors do at once.
function times(matrix, vector, rows, columns = vector.length) {
  const result = new Float32Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = 0; i < columns; i += 4, at += 4) {
      a += matrix[at] * vector[i];
      b += matrix[at + 1] * vector[i + 1];
      c += matrix[at + 2] * vector[i + 2];
      d += matrix[at + 3] * vector[i + 3];
    }
    result[row] = a + b + c + d;
  }
  return result;
}

function normalised(x, weight, epsilon) {
  const scale = 1 / Math.sqrt(x.reduce((sum, each) => sum + each * each, 0) / x.length + epsilon);
  return x.map((each, i) => weight[i] * each * scale);
}

function logSoftmax(logits) {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const normaliser = top + Math.log(logits.reduce((sum, each) => sum + Math.exp(each - top), 0));
  return Float64Array.from(logits, (each) => each - normaliser);
}

class CourseModel {
  constructor({config, tokenizer, weights}) {
    this.config = config;
    this.weights = readWeights(weights);
    this.bos = config.bos_token_id;
    this.tokenizer = new Tokenizer(tokenizer, "<|endoftext|>");
    this.read = [];  // the ids that are in the cache
    this.cache = Array.from({length: config.num_hidden_layers}, () => ({keys: [], values: []}));
    this.rows = [];  // after each of them log Pr(. | all up to there)
  }

  // Turn each pair (i, i + half) of a head by an angle that grows with the place.
  turned(x, place) {
    const {head_dim: size, rope_parameters: {rope_theta: base}} = this.config, half = size / 2, result = x.slice();
    for (let head = 0; head < x.length; head += size) {
      for (let i = 0; i < half; i++) {
        const angle = place * base ** (-i / half), cos = Math.cos(angle), sin = Math.sin(angle);
        result[head + i] = x[head + i] * cos - x[head + i + half] * sin;
        result[head + i + half] = x[head + i + half] * cos + x[head + i] * sin;
      }
    }
    return result;
  }

  attended(query, {keys, values}) {
    const size = this.config.head_dim, result = new Float32Array(query.length);
    for (let head = 0; head < query.length; head += size) {
      const scores = keys.map((key) => {
        let sum = 0;
        for (let i = head; i < head + size; i++) sum += query[i] * key[i];
        return sum / Math.sqrt(size);
      });
      logSoftmax(scores).forEach((share, place) => {
        for (let i = head; i < head + size; i++) result[i] += Math.exp(share) * values[place][i];
      });
    }
    return result;
  }

  // One more token: its keys and values go into the cache, its row of log-probabilities to the others.
  take(id) {
    const {hidden_size: width, intermediate_size: inner, num_hidden_layers: layers, rms_norm_eps: epsilon} = this.config;
    const place = this.read.length, embeddings = this.weights["model.embed_tokens.weight"];
    let x = embeddings.slice(id * width, (id + 1) * width);
    const plus = (y) => { x = x.map((each, i) => each + y[i]); };
    for (let layer = 0; layer < layers; layer++) {
      const of = (name) => this.weights[`model.layers.${layer}.${name}.weight`], cache = this.cache[layer];
      let normal = normalised(x, of("input_layernorm"), epsilon);
      const project = (name) => times(of(`self_attn.${name}_proj`), normal, width);
      cache.keys.push(this.turned(project("k"), place));
      cache.values.push(project("v"));
      plus(times(of("self_attn.o_proj"), this.attended(this.turned(project("q"), place), cache), width));
      normal = normalised(x, of("post_attention_layernorm"), epsilon);
      const gate = times(of("mlp.gate_proj"), normal, inner), up = times(of("mlp.up_proj"), normal, inner);
      plus(times(of("mlp.down_proj"), gate.map((each, i) => each / (1 + Math.exp(-each)) * up[i]), width));
    }
    const last = normalised(x, this.weights["model.norm.weight"], epsilon);
    this.rows.push(logSoftmax(times(embeddings, last, this.config.vocab_size)));
    this.read.push(id);
  }

  // The rows after each of the ids, of which the first is BOS; what is in the cache already is not computed again. A pause
  // after each token lets the page breathe; it stops where `stale` says that nobody waits any more.
  async rowsOf(ids, stale = () => false) {
    let same = 0;
    while (same < ids.length && this.read[same] === ids[same]) same++;
    for (const each of [this.read, this.rows, ...this.cache.flatMap(({keys, values}) => [keys, values])]) each.length = same;
    for (const id of ids.slice(same)) {
      await new Promise((ready) => setTimeout(ready));
      if (stale()) return null;
      this.take(id);
    }
    return this.rows.slice();
  }

  // Each token of a text with log Pr(token | BOS and the tokens before it) in nats, and the row it was read from.
  async tokens(text, stale) {
    const ids = this.tokenizer.encode(text).slice(0, this.config.max_position_embeddings);
    const rows = await this.rowsOf([this.bos, ...ids], stale);
    return rows && ids.map((id, i) => ({id, text: this.tokenizer.decode([id]), logProb: rows[i][id], row: rows[i]}));
  }
}
