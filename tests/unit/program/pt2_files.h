// .pt2 files made by hand, in the layout that torch.export.save writes.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/crc32.h"

namespace modelexport::program::testing {

using Entries = std::vector<std::pair<std::string, std::string>>;

class ZipWriter {
 public:
  // Zip64 records for every size and offset, as torch writes them for large files.
  explicit ZipWriter(bool zip64 = false) : zip64_(zip64) {}

  std::string write(const Entries& entries) {
    for (const auto& [name, bytes] : entries) {
      const auto offset = static_cast<uint32_t>(out_.size());
      add_local(name, bytes);
      add_central(name, bytes, offset);
    }
    const uint64_t start = out_.size();
    out_ += directory_;
    if (zip64_) add_end64(start, entries.size());
    text("PK\5\6");
    number(0, 4);
    number(zip64_ ? 0xffff : entries.size(), 2);
    number(zip64_ ? 0xffff : entries.size(), 2);
    number(zip64_ ? 0xffffffff : directory_.size(), 4);
    number(zip64_ ? 0xffffffff : start, 4);
    number(0, 2);
    return std::move(out_);
  }

 private:
  static std::string little(uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  }
  void number(uint64_t value, int bytes) { out_ += little(value, bytes); }
  void text(std::string_view bytes) { out_ += bytes; }

  static std::string common(const std::string& name, const std::string& bytes, std::size_t extra, bool zip64) {
    const auto crc = crc32({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
    const uint64_t size = zip64 ? 0xffffffff : bytes.size();
    return little(0, 2) + little(0, 2) + little(0, 4) + little(crc, 4) + little(size, 4) + little(size, 4) +
           little(name.size(), 2) + little(extra, 2);
  }
  void add_local(const std::string& name, const std::string& bytes) {
    // Aligned to 64 bytes by an extra field, as torch does.
    const std::size_t fixed = out_.size() + 30 + name.size() + 4;
    const std::size_t padding = (64 - fixed % 64) % 64;
    text("PK\3\4");
    number(20, 2);
    out_ += common(name, bytes, padding + 4, false) + name + "FB" + little(padding, 2) + std::string(padding, 'Z');
    out_ += bytes;
  }
  void add_central(const std::string& name, const std::string& bytes, uint64_t offset) {
    std::string extra;
    if (zip64_) {
      extra = "FB" + little(0, 2) + little(1, 2) + little(24, 2) + little(bytes.size(), 8) + little(bytes.size(), 8) +
              little(offset, 8);
    }
    directory_ += "PK\1\2" + little(20, 2) + little(20, 2) + common(name, bytes, extra.size(), zip64_) + little(0, 2) +
                  little(0, 2) + little(0, 2) + little(0, 4) + little(zip64_ ? 0xffffffff : offset, 4) + name + extra;
  }
  void add_end64(uint64_t start, uint64_t count) {
    const uint64_t record = out_.size();
    text("PK\6\6");
    number(44, 8);
    number(45, 2);
    number(45, 2);
    number(0, 4);
    number(0, 4);
    number(count, 8);
    number(count, 8);
    number(directory_.size(), 8);
    number(start, 8);
    text("PK\6\7");
    number(0, 4);
    number(record, 8);
    number(1, 4);
  }

  bool zip64_;
  std::string out_;
  std::string directory_;
};

inline void replace(std::string& text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
}

// y = relu(x + w), z = the sizes of a split; w is a view of a shared storage. {..} parts may be replaced by tests.
inline std::string model_json() {
  constexpr std::string_view kMeta = R"({"dtype": 7, "sizes": [{"as_int": 2}], "requires_grad": false,
    "device": {"type": "cpu", "index": null}, "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7})";
  std::string text = R"({"graph_module": {"graph": {
  "inputs": [{"as_tensor": {"name": "p_w"}}, {"as_tensor": {"name": "x"}}],
  "outputs": [{"as_tensor": {"name": "y"}}, {"as_none": true}],
  "nodes": [
    {"target": "torch.ops.aten.add.Tensor", "inputs": [
      {"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1},
      {"name": "other", "arg": {"as_tensor": {"name": "p_w"}}, "kind": 1}],
     "outputs": [{"as_tensor": {"name": "a"}}],
     "metadata": {"stack_trace": "File \"a.py\"\n", "nn_module_stack": "L__self__,,m.Net;L__self___l@1,l,m.Layer"},
     "is_hop_single_tensor_return": null, "name": "a"},
    {"target": "torch.ops.aten.relu.default", "inputs": [
      {"name": "self", "arg": {"as_tensor": {"name": "a"}}, "kind": 1}],
     "outputs": [{"as_tensor": {"name": "y"}}], "metadata": {}, "is_hop_single_tensor_return": null, "name": "y"}],
  "tensor_values": {"p_w": META, "x": META, "a": META, "y": META},
  "sym_int_values": {}, "sym_bool_values": {}, "is_single_tensor_return": false, "custom_obj_values": {},
  "sym_float_values": {}},
 "signature": {
  "input_specs": [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "l.w"}},
                  {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}],
  "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "y"}}}}, {"user_output": {"arg": {"as_none": true}}}]},
 "module_call_graph": [{"fqn": "", "signature": {"inputs": [], "outputs": [], "in_spec": "",
   "out_spec": "[1, {\"type\": \"builtins.dict\", \"context\": \"[\\\"y\\\", \\\"n\\\"]\", \"children_spec\": [LEAF, LEAF]}]",
   "forward_arg_names": ["x"]}}],
 "metadata": {}, "treespec_namedtuple_fields": {}},
 "opset_version": {"aten": 10}, "range_constraints": {"s0": {"min_val": 2, "max_val": null}},
 "schema_version": {"major": 8, "minor": 20}, "verifiers": ["TRAINING"], "torch_version": "2.13.0", "guards_code": []})";
  for (int i = 0; i < 4; ++i) replace(text, "META", kMeta);
  for (int i = 0; i < 2; ++i) {
    replace(text, "LEAF", R"({\"type\": null, \"context\": null, \"children_spec\": []})");
  }
  return text;
}

inline std::string weights_json() {
  return R"({"config": {"l.w": {"path_name": "weight_0", "is_param": true, "use_pickle": false, "tensor_meta":
    {"dtype": 7, "sizes": [{"as_int": 2}], "requires_grad": true, "device": {"type": "cpu", "index": null},
     "strides": [{"as_int": 2}], "storage_offset": {"as_int": 1}, "layout": 7}}}})";
}

inline Entries model_entries(const std::string& model = model_json(), const std::string& weights = weights_json()) {
  return {{"m/data/weights/weight_0", std::string(16, '\1')},
          {"m/data/weights/model_weights_config.json", weights},
          {"m/data/constants/model_constants_config.json", R"({"config": {}})"},
          {"m/models/model.json", model},
          {"m/archive_format", "pt2"},
          {"m/byteorder", "little"}};
}

}  // namespace modelexport::program::testing
