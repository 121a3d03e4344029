// LSTM, GRU and plain recurrent layers: stacked, in both directions, batch first or second.
#include "lower/ops/rnn.h"

#include <numeric>

#include "lower/ops/families.h"

namespace modelexport::lower {

namespace {

// How ONNX names a cell and in which order it wants torch's blocks of gate weights.
struct CellKind {
  const char* op_type;
  std::vector<int64_t> gate_order;
  const char* activation = nullptr;  // when it is not the operator's default
};

CellKind lstm_kind() { return {"LSTM", {0, 3, 1, 2}}; }  // input, forget, cell, output -> i o f c
CellKind gru_kind() { return {"GRU", {1, 0, 2}}; }       // reset, update, new -> z r h
CellKind tanh_kind() { return {"RNN", {0}}; }
CellKind relu_kind() { return {"RNN", {0}, "Relu"}; }

// Weights of one layer in one direction.
struct Weights {
  V input;   // [gates * hidden, in]
  V hidden;  // [gates * hidden, hidden or projected]
  V input_bias;
  V hidden_bias;
  V projection;  // [projected, hidden], LSTM only
};

struct Network {
  CellKind kind;
  DType dtype;
  int64_t hidden_size;
  int64_t n_layers;
  int64_t n_directions;
  bool batch_first;
  std::vector<Weights> weights;  // of (layer, direction), directions of a layer side by side
};

struct State {
  V hidden;  // [directions, batch, hidden]
  V cell;    // LSTM only
};

struct LayerResult {
  V out;  // [time, directions, batch, hidden]
  State state;
};

std::vector<Weights> read_weights(Context& c, int64_t n, DType dtype) {
  const Values params = c.tensors("params");
  const bool has_biases = c.flag("has_biases");
  const std::size_t stride = params.size() / static_cast<std::size_t>(n);
  const bool has_projection = stride == (has_biases ? 5U : 3U);
  std::vector<Weights> weights;
  for (std::size_t i = 0; i + stride <= params.size(); i += stride) {
    const auto at = [&](std::size_t k) { return c.b.cast(params[i + k], dtype); };
    Weights w{at(0), at(1), {}, {}, {}};
    if (has_biases) w.input_bias = at(2);
    if (has_biases) w.hidden_bias = at(3);
    if (has_projection) w.projection = at(stride - 1);
    weights.push_back(w);
  }
  return weights;
}

Network read_network(Context& c, CellKind kind) {
  Network n;
  n.kind = std::move(kind);
  // onnxruntime registers float64 kernels that refuse to run.
  n.dtype = c.out_dtype() == DType::Float64 ? DType::Float32 : c.out_dtype();
  n.n_layers = c.integer("num_layers");
  n.n_directions = c.flag("bidirectional") ? 2 : 1;
  n.batch_first = c.flag("batch_first");
  n.weights = read_weights(c, n.n_layers * n.n_directions, n.dtype);
  const auto& shape = c.b.value(n.weights.front().input).shape;
  if (!shape || !shape->front().is_static()) c.unsupported("a hidden size known at run time only");
  n.hidden_size = shape->front().value / static_cast<int64_t>(n.kind.gate_order.size());
  return n;
}

// ---- one layer as ONNX has it ----

// [gates * hidden, ...] -> [1, gates * hidden, ...] with the gates in ONNX's order.
V reordered(Builder& b, V weight, const Network& n) {
  const auto& order = n.kind.gate_order;
  if (order.size() == 1) return b.unsqueeze(weight, {0});
  std::vector<int64_t> rows;
  for (int64_t gate : order) {
    for (int64_t i = 0; i < n.hidden_size; ++i) rows.push_back(gate * n.hidden_size + i);
  }
  return b.gather(weight, b.unsqueeze(b.ints(rows), {0}), 0);
}

LayerResult run_operator(Builder& b, const Network& n, V x, const Weights* layer, const State& initial) {
  Values inputs;
  Values recurrent;
  Values biases;
  for (int64_t d = 0; d < n.n_directions; ++d) {
    const Weights& w = layer[d];
    inputs.push_back(reordered(b, w.input, n));
    recurrent.push_back(reordered(b, w.hidden, n));
    if (w.input_bias) {
      biases.push_back(b.concat({reordered(b, w.input_bias, n), reordered(b, w.hidden_bias, n)}, 1));
    }
  }
  Attrs attrs{{"hidden_size", n.hidden_size}};
  if (n.n_directions == 2) attrs.push_back({"direction", "bidirectional"});
  if (std::string(n.kind.op_type) == "GRU") attrs.push_back({"linear_before_reset", 1});
  if (n.kind.activation != nullptr) {
    attrs.push_back(
        {"activations", std::vector<std::string>(static_cast<std::size_t>(n.n_directions), n.kind.activation)});
  }
  const V bias = biases.empty() ? V{} : b.concat(biases, 0);
  const std::size_t n_results = initial.cell ? 3 : 2;
  const Values results =
      b.ops(n.kind.op_type, {x, b.concat(inputs, 0), b.concat(recurrent, 0), bias, {}, initial.hidden, initial.cell},
            n_results, attrs);
  return {results[0], {results[1], n_results == 3 ? results[2] : V{}}};
}

// ---- an LSTM with projection, which ONNX does not have: a Scan over the steps ----

struct ScanResult {
  V out;  // [time, batch, projected]
  V hidden;
  V cell;
};

ScanResult scan_projected(Builder& b, const Network& n, V x, const Weights& w, V hidden, V cell, bool is_reverse) {
  V gates = b.op("MatMul", {x, b.transpose(w.input, {1, 0})});
  if (w.input_bias) gates = b.add(gates, b.add(w.input_bias, w.hidden_bias));
  b.enter_graph("lstm_step");
  const V h = b.graph_input("hidden", n.dtype, b.value(hidden).shape);
  const V s = b.graph_input("cell", n.dtype, b.value(cell).shape);
  const V g = b.graph_input("gates", n.dtype, std::nullopt);
  const LstmState next = lstm_step(b, b.add(g, affine(b, h, w.hidden, {})), s, n.hidden_size);
  const V projected = b.op("MatMul", {next.hidden, b.transpose(w.projection, {1, 0})});
  const auto body = b.leave_graph({projected, next.cell, projected});
  const std::vector<int64_t> direction{is_reverse ? 1 : 0};
  const Values results = b.ops("Scan", {hidden, cell, gates}, 3,
                               {{"body", body},
                                {"num_scan_inputs", 1},
                                {"scan_input_directions", direction},
                                {"scan_output_directions", direction}});
  for (V result : results) b.refine(result, n.dtype, std::nullopt);
  return {results[2], results[0], results[1]};
}

LayerResult run_projected(Builder& b, const Network& n, V x, const Weights* layer, const State& initial) {
  Values outs;
  Values hiddens;
  Values cells;
  for (int64_t d = 0; d < n.n_directions; ++d) {
    const V hidden = b.gather(initial.hidden, b.scalar_int(d), 0);
    const V cell = b.gather(initial.cell, b.scalar_int(d), 0);
    const ScanResult r = scan_projected(b, n, x, layer[d], hidden, cell, d == 1);
    outs.push_back(b.unsqueeze(r.out, {1}));
    hiddens.push_back(b.unsqueeze(r.hidden, {0}));
    cells.push_back(b.unsqueeze(r.cell, {0}));
  }
  return {b.concat(outs, 1), {b.concat(hiddens, 0), b.concat(cells, 0)}};
}

// ---- the stack ----

// [time, directions, batch, hidden] -> [time, batch, directions * hidden], or batch first.
V flatten_directions(Builder& b, V out, const Network& n, bool batch_first) {
  if (n.n_directions == 1 && !batch_first) return b.squeeze(out, {1});
  const V ordered = b.transpose(out, batch_first ? std::vector<int64_t>{2, 0, 1, 3} : std::vector<int64_t>{0, 2, 1, 3});
  return b.reshape_to(ordered, b.ints({0, 0, -1}));
}

V of_layer(Builder& b, V states, const Network& n, int64_t layer) {
  if (n.n_layers == 1 || !states) return states;
  return b.slice(states, 0, layer * n.n_directions, (layer + 1) * n.n_directions);
}

V between_layers(Context& c, V x) {
  const double dropout = c.number("dropout");
  if (!c.flag("train") || dropout == 0) return x;
  return c.b.op("Dropout", {x, c.b.scalar(dropout, DType::Float32), c.b.scalar_int(1, DType::Bool)});
}

// Results: the sequence, then the final states.
Values run(Context& c, const Network& n, const State& initial) {
  Builder& b = c.b;
  V x = c.operand("input", n.dtype);
  if (n.batch_first) x = b.transpose(x, {1, 0, 2});
  Values hiddens;
  Values cells;
  for (int64_t layer = 0; layer < n.n_layers; ++layer) {
    const Weights* weights = &n.weights[static_cast<std::size_t>(layer * n.n_directions)];
    const State start{of_layer(b, initial.hidden, n, layer), of_layer(b, initial.cell, n, layer)};
    const LayerResult result =
        weights->projection ? run_projected(b, n, x, weights, start) : run_operator(b, n, x, weights, start);
    const bool is_last = layer + 1 == n.n_layers;
    x = flatten_directions(b, result.out, n, is_last && n.batch_first);
    if (!is_last) x = between_layers(c, x);
    hiddens.push_back(result.state.hidden);
    cells.push_back(result.state.cell);
  }
  Values results{x, b.concat(hiddens, 0)};
  if (initial.cell) results.push_back(b.concat(cells, 0));
  return results;
}

Values lstm(Context& c) {
  const Network n = read_network(c, lstm_kind());
  const Values state = c.tensors("hx");
  return run(c, n, {c.b.cast(state.at(0), n.dtype), c.b.cast(state.at(1), n.dtype)});
}

template <CellKind (*Kind)()>
Values recurrent(Context& c) {
  const Network n = read_network(c, Kind());
  return run(c, n, {c.operand("hx", n.dtype), {}});
}

constexpr Row kRows[] = {
    {"aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, "
     "bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)",
     lstm},
    {"aten::gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool "
     "train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
     recurrent<gru_kind>},
    {"aten::rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, "
     "bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
     recurrent<tanh_kind>},
    {"aten::rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, "
     "bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)",
     recurrent<relu_kind>},
};

}  // namespace

Family rnn_ops() { return kRows; }

}  // namespace modelexport::lower
