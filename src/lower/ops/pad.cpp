#include "lower/ops/pad.h"

#include <algorithm>
#include <limits>

namespace modelexport::lower {
namespace {

// What comes before and after each axis.
struct Padding {
  Sizes before;
  Sizes after;

  // Torch lists pairs from the last axis backwards.
  Padding(Context& c, std::string_view name) : before(c.rank("self"), 0), after(c.rank("self"), 0) {
    const Sizes pairs = c.sizes(name);
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const std::size_t axis = before.size() - 1 - i / 2;
      before[axis] = pairs[i];
      after[axis] = pairs[i + 1];
    }
  }

  [[nodiscard]] bool is_nothing() const {
    const auto is_zero = [](const Size& size) { return size == Size(0); };
    return std::ranges::all_of(before, is_zero) && std::ranges::all_of(after, is_zero);
  }

  V pads(Builder& b) const {
    Sizes all = before;
    all.insert(all.end(), after.begin(), after.end());
    return b.shape_tensor(all);
  }
};

// Negative padding takes elements away, which only a constant Pad does by itself: drops these from `padding` and
// returns the rest, for crop.
Padding split_negative(Padding& padding) {
  Padding negative = padding;
  const auto split = [](Size& all, Size& below_zero) {
    below_zero = all.is_static() ? std::min<int64_t>(all.value, 0) : 0;
    if (all.is_static()) all = std::max<int64_t>(all.value, 0);
  };
  for (std::size_t axis = 0; axis < padding.before.size(); ++axis) {
    split(padding.before[axis], negative.before[axis]);
    split(padding.after[axis], negative.after[axis]);
  }
  return negative;
}

V crop(Builder& b, V x, const Padding& negative) {
  std::vector<int64_t> axes;
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
  for (std::size_t axis = 0; axis < negative.before.size(); ++axis) {
    const int64_t before = negative.before[axis].value;
    const int64_t after = negative.after[axis].value;
    if (before == 0 && after == 0) continue;
    axes.push_back(static_cast<int64_t>(axis));
    starts.push_back(-before);
    ends.push_back(after < 0 ? after : std::numeric_limits<int64_t>::max());
  }
  return axes.empty() ? x : b.op("Slice", {x, b.ints(starts), b.ints(ends), b.ints(axes)});
}

V apply(Context& c, V x, const Padding& padding, const char* mode, V value = {}) {
  if (padding.is_nothing()) return x;
  return c.b.op("Pad", {x, padding.pads(c.b), value}, {{"mode", mode}});
}

// Reflected and repeated elements are those of the whole tensor: what goes, goes afterwards.
Values pad_by_elements(Context& c, std::string_view name, const char* mode) {
  Padding padding(c, name);
  const Padding negative = split_negative(padding);
  return {crop(c.b, apply(c, c.tensor("self"), padding, mode), negative)};
}

Values pad_by_constant(Context& c) {
  const V value = c.has("value") ? c.scalar("value", c.out_dtype()) : V{};
  return {apply(c, c.tensor("self"), Padding(c, "pad"), "constant", value)};
}

// Before opset 19 Pad cannot wrap: the ends are concatenated.
Values pad_around(Context& c, std::string_view name) {
  Padding padding(c, name);
  const Padding negative = split_negative(padding);
  V x = crop(c.b, c.tensor("self"), negative);
  if (c.b.opset() >= 19 && !is_empty(c.out().sizes)) return {apply(c, x, padding, "wrap")};
  for (std::size_t i = 0; i < padding.before.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    Values parts;
    if (padding.before[i] != Size(0)) {
      parts.push_back(c.b.slice(x, axis, c.b.size_sub(0, padding.before[i]), std::numeric_limits<int64_t>::max()));
    }
    parts.push_back(x);
    if (padding.after[i] != Size(0)) parts.push_back(c.b.slice(x, axis, 0, padding.after[i]));
    x = c.b.concat(parts, axis);
  }
  return {x};
}

}  // namespace

Values lower_pad(Context& c) {
  const std::string mode = c.text("mode");
  if (mode == "constant") return pad_by_constant(c);
  if (mode == "reflect") return pad_by_elements(c, "pad", "reflect");
  if (mode == "replicate") return pad_by_elements(c, "pad", "edge");
  if (mode == "circular") return pad_around(c, "pad");
  c.unsupported("the padding mode '" + mode + "'");
}

Values lower_constant_pad(Context& c) { return pad_by_constant(c); }
Values lower_reflection_pad(Context& c) { return pad_by_elements(c, "padding", "reflect"); }
Values lower_replication_pad(Context& c) { return pad_by_elements(c, "padding", "edge"); }
Values lower_circular_pad(Context& c) { return pad_around(c, "pad"); }

// Each sequence is filled up to the length of the longest, then they are stacked.
Values lower_pad_sequence(Context& c) {
  Builder& b = c.b;
  const int64_t batch_axis = c.flag("batch_first") ? 0 : 1;
  const Size longest = c.out_sizes().at(static_cast<std::size_t>(1 - batch_axis));
  const bool on_left = c.text("padding_side") == "left";
  Values rows;
  for (V sequence : c.tensors("sequences")) {
    V row = b.cast(sequence, c.out_dtype());
    Sizes missing = b.sizes_of(row);
    missing[0] = b.size_sub(longest, missing[0]);
    if (missing[0] != Size(0)) {
      const V filling = b.expand(c.scalar("padding_value", c.out_dtype()), missing);
      row = b.concat(on_left ? Values{filling, row} : Values{row, filling}, 0);
    }
    rows.push_back(b.unsqueeze(row, {batch_axis}));
  }
  return {b.concat(rows, batch_axis)};
}

}  // namespace modelexport::lower
