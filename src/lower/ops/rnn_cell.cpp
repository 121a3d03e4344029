// lstm_cell, gru_cell and the plain ones: a single step, written out.
#include "lower/ops/families.h"
#include "lower/ops/rnn.h"

namespace modelexport::lower {

V affine(Builder& b, V x, V weight, V bias) { return b.op("Gemm", {x, weight, bias}, {{"transB", 1}}); }

LstmState lstm_step(Builder& b, V gates, V cell, int64_t hidden_size) {
  const Values parts = b.split(gates, std::vector<int64_t>(4, hidden_size), 1);
  const V input = b.op("Sigmoid", {parts[0]});
  const V forget = b.op("Sigmoid", {parts[1]});
  const V candidate = b.op("Tanh", {parts[2]});
  const V output = b.op("Sigmoid", {parts[3]});
  const V next = b.add(b.mul(forget, cell), b.mul(input, candidate));
  return {b.mul(output, b.op("Tanh", {next})), next};
}

namespace {

V bias(Context& c, std::string_view name) { return c.has(name) ? c.operand(name, c.out_dtype()) : V{}; }

V from_input(Context& c) {
  return affine(c.b, c.operand("input", c.out_dtype()), c.operand("w_ih", c.out_dtype()), bias(c, "b_ih"));
}

V from_hidden(Context& c, V hidden) { return affine(c.b, hidden, c.operand("w_hh", c.out_dtype()), bias(c, "b_hh")); }

int64_t hidden_size(Context& c) {
  const program::Dim& size = c.info("w_hh").sizes.at(1);
  if (!size.is_static()) c.unsupported("a hidden size known at run time only");
  return size.value;
}

Values lstm_cell(Context& c) {
  const Values state = c.tensors("hx");
  const V gates = c.b.add(from_input(c), from_hidden(c, state.at(0)));
  const LstmState next = lstm_step(c.b, gates, state.at(1), hidden_size(c));
  return {next.hidden, next.cell};
}

Values gru_cell(Context& c) {
  Builder& b = c.b;
  const V hidden = c.operand("hx", c.out_dtype());
  const std::vector<int64_t> thirds(3, hidden_size(c));
  const Values x = b.split(from_input(c), thirds, 1);
  const Values h = b.split(from_hidden(c, hidden), thirds, 1);
  const V reset = b.op("Sigmoid", {b.add(x[0], h[0])});
  const V update = b.op("Sigmoid", {b.add(x[1], h[1])});
  const V candidate = b.op("Tanh", {b.add(x[2], b.mul(reset, h[2]))});
  return {b.add(candidate, b.mul(update, b.sub(hidden, candidate)))};
}

template <OpName Activation>
Values plain_cell(Context& c) {
  const V sum = c.b.add(from_input(c), from_hidden(c, c.operand("hx", c.out_dtype())));
  return {c.b.op(Activation.text, {sum})};
}

constexpr Row kRows[] = {
    {"aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
     "(Tensor, Tensor)",
     lstm_cell},
    {"aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
     "Tensor",
     gru_cell},
    {"aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
     "Tensor",
     plain_cell<"Tanh">},
    {"aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "
     "Tensor",
     plain_cell<"Relu">},
};

}  // namespace

Family rnn_cell_ops() { return kRows; }

}  // namespace modelexport::lower
