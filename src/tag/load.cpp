#include "tag/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "onnx/reader.h"
#include "support/error.h"
#include "tag/onnx_tags.h"

namespace modelexport::tag {
namespace {

bool is_sidecar(const std::string& path) { return path.ends_with(".json"); }

std::string sidecar_of(const std::string& path) { return is_sidecar(path) ? path : sidecar_path(path); }

}  // namespace

onnx::Model load_onnx(const std::string& path) { return onnx::read_model(path); }

Sidecar load_sidecar(const std::string& path) { return read_sidecar(sidecar_of(path)); }

json::Value read_sidecar_json(const std::string& path) {
  const std::string text = read_sidecar_text(sidecar_of(path));
  const Sidecar sidecar = with_context(sidecar_of(path), [&] { return parse_sidecar(text); });
  if (!is_sidecar(path) && std::filesystem::exists(path)) {
    const ModelIdentity identity = identify(load_onnx(path));
    with_context(sidecar_of(path), [&] { check_belongs(sidecar, identity); });
  }
  return json::parse(text);
}

Consistency validate_file(const std::string& path, const std::string& sidecar) {
  const onnx::Model model = load_onnx(path);
  const std::vector<NodeRecord> nodes = with_context(path, [&] { return records_of(model); });
  const Sidecar other = load_sidecar(sidecar.empty() ? path : sidecar);
  Consistency result = compare_records(nodes, other.nodes);
  result.is_of_this_model = other.model == identify(model);
  return result;
}

std::vector<NodeRecord> load_tags(const std::string& path, TagSource source) {
  if (is_sidecar(path)) {
    if (source == TagSource::Onnx) fail(fmt::format("{}: a sidecar was given where an ONNX file is expected", path));
    return load_sidecar(path).nodes;
  }
  return load_tags(path, load_onnx(path), source);
}

std::vector<NodeRecord> load_known_tags(const std::string& path, const onnx::Model& model) {
  std::vector<NodeRecord> nodes = with_context(path, [&] { return records_of(model); });
  if (has_tags(nodes) || !std::filesystem::exists(sidecar_path(path))) return nodes;
  return load_tags(path, model, TagSource::Sidecar);
}

std::vector<NodeRecord> load_tags(const std::string& path, const onnx::Model& model, TagSource source) {
  if (source != TagSource::Sidecar) {
    std::vector<NodeRecord> nodes = with_context(path, [&] { return records_of(model); });
    if (nodes.empty() || has_tags(nodes)) return nodes;
    if (source == TagSource::Onnx) fail(fmt::format("{}: no node has a tag", path));
    if (!std::filesystem::exists(sidecar_path(path))) {
      fail(fmt::format("{}: no node has a tag, and there is no {} beside it", path,
                       std::filesystem::path(sidecar_path(path)).filename().string()));
    }
  }
  Sidecar sidecar = load_sidecar(path);
  with_context(sidecar_path(path), [&] { check_belongs(sidecar, identify(model)); });
  return std::move(sidecar.nodes);
}

}  // namespace modelexport::tag
