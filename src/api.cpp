// The functions of include/modelexport.
#include <utility>

#include "modelexport/export.h"
#include "modelexport/model.h"
#include "onnx/reader.h"
#include "pipeline.h"
#include "program/pt2_reader.h"
#include "tag/load.h"
#include "tag/query.h"

namespace modelexport {
namespace {

Dimension dimension_of(const onnx::Dim& dim) {
  Dimension size{.value = std::nullopt, .name = dim.param};
  if (dim.is_static()) size.value = dim.value;
  return size;
}

ValueInfo info_of(const onnx::Value& value) {
  ValueInfo info;
  info.name = value.name;
  if (value.dtype != DType::Undefined) info.dtype = name_of(value.dtype);
  if (!value.shape) return info;
  info.sizes.emplace();
  for (const onnx::Dim& dim : *value.shape) info.sizes->push_back(dimension_of(dim));
  return info;
}

}  // namespace

ExportReport export_program(const std::string& source, const std::string& target, const ExportOptions& options) {
  Stages reading;
  reading.observer = options.on_stage;
  program::Program program = reading.run("read", [&] { return program::read_pt2(source, find_schema); });
  ExportReport report = export_program(program, target, PipelineOptions{options, {}, {}, {}});
  report.stages.add(reading.times().front());
  return report;
}

std::string_view version() { return MODELEXPORT_VERSION; }

std::string_view provenance_of(const NodeRecord& node) { return name_of(node.provenance); }
std::string_view role_of(const NodeRecord& node) { return tag::name_of(node.role); }

Model read_model(const std::string& path) {
  const onnx::Model file = onnx::read_model(path);
  Model model;
  model.ir_version = file.ir_version;
  model.producer_name = file.producer_name;
  model.producer_version = file.producer_version;
  for (const onnx::OpsetImport& opset : file.opsets) model.opsets.try_emplace(opset.domain, opset.version);
  for (const onnx::ValueId input : file.graph.inputs) {
    const onnx::Value& value = file.values[input];
    if (value.initializer < 0) model.inputs.push_back(info_of(value));
  }
  for (const onnx::ValueId output : file.graph.outputs) model.outputs.push_back(info_of(file.values[output]));
  model.nodes = tag::load_known_tags(path, file);
  return model;
}

std::vector<const NodeRecord*> query(const Model& model, std::string_view text) {
  return tag::select(model.nodes, tag::Query(text));
}

}  // namespace modelexport
