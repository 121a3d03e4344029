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

// Negative padding takes elements away; only a constant Pad does that by itself.
V crop(Builder& b, V x, Padding& padding) {
  std::vector<int64_t> axes;
  std::vector<int64_t> starts;
  std::vector<int64_t> ends;
  for (std::size_t axis = 0; axis < padding.before.size(); ++axis) {
    Size& before = padding.before[axis];
    Size& after = padding.after[axis];
    const int64_t cut_before = before.is_static() ? std::min<int64_t>(before.value, 0) : 0;
    const int64_t cut_after = after.is_static() ? std::min<int64_t>(after.value, 0) : 0;
    if (cut_before == 0 && cut_after == 0) continue;
    axes.push_back(static_cast<int64_t>(axis));
    starts.push_back(-cut_before);
    ends.push_back(cut_after < 0 ? cut_after : std::numeric_limits<int64_t>::max());
    if (cut_before < 0) before = 0;
    if (cut_after < 0) after = 0;
  }
  return axes.empty() ? x : b.op("Slice", {x, b.ints(starts), b.ints(ends), b.ints(axes)});
}

Values pad(Context& c, std::string_view name, const char* mode, V value = {}) {
  Padding padding(c, name);
  V x = c.tensor("self");
  if (std::string_view(mode) != "constant") x = crop(c.b, x, padding);
  if (padding.is_nothing()) return {x};
  return {c.b.op("Pad", {x, padding.pads(c.b), value}, {{"mode", mode}})};
}

// Before opset 19 Pad cannot wrap: the ends are concatenated.
Values pad_around(Context& c, std::string_view name) {
  if (c.b.opset() >= 19) return pad(c, name, "wrap");
  Padding padding(c, name);
  V x = crop(c.b, c.tensor("self"), padding);
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

V constant_value(Context& c) { return c.has("value") ? c.scalar("value", c.out_dtype()) : V{}; }

}  // namespace

Values lower_pad(Context& c) {
  const std::string mode = c.text("mode");
  if (mode == "constant") return pad(c, "pad", "constant", constant_value(c));
  if (mode == "reflect") return pad(c, "pad", "reflect");
  if (mode == "replicate") return pad(c, "pad", "edge");
  if (mode == "circular") return pad_around(c, "pad");
  c.unsupported("the padding mode '" + mode + "'");
}

Values lower_constant_pad(Context& c) { return pad(c, "pad", "constant", constant_value(c)); }
Values lower_reflection_pad(Context& c) { return pad(c, "padding", "reflect"); }
Values lower_replication_pad(Context& c) { return pad(c, "padding", "edge"); }
Values lower_circular_pad(Context& c) { return pad_around(c, "pad"); }

}  // namespace modelexport::lower
