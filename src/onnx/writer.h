// Writes a model to a file. Weights go straight from where they lie; the files appear complete or not at all.
#pragma once

#include <cstdint>
#include <string>

#include "onnx/model.h"
#include "support/atomic_file.h"

namespace modelexport::onnx {

struct WriteOptions {
  // Weights go into a file of their own beside the model; above 2 GB, protobuf's limit, they do anyway.
  bool external_data = false;
  std::string external_name{};  // its name; empty: "<file name of the model>.data"
  // Weights that lie in a mapped file as ONNX wants them stay there, and the model says where.
  bool link_weights = false;
};

struct WriteResult {
  uint64_t bytes = 0;           // of the model and its external data
  std::string external_path{};  // empty: everything is in the model
  uint64_t external_bytes = 0;
  uint64_t linked_bytes = 0;  // in files that were there before
};

// Adds the files to `files`, where they wait for commit(). Throws Error (Io) when the system refuses, Error when the
// model cannot be written.
WriteResult write_model(const Model& model, const std::string& path, const WriteOptions& options, AtomicFiles& files);

// Writes and commits.
WriteResult write_model(const Model& model, const std::string& path, const WriteOptions& options = {});

}  // namespace modelexport::onnx
