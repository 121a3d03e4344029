// The files beside a model that hold its external data.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "support/mapped_file.h"

namespace modelexport::onnx {

// Throws Error when `location` is absolute, empty, or leads out of the model's folder by "..".
void check_location(const std::string& location);

class ExternalFiles {
 public:
  // `folder` is the model's; unless `anywhere`, no file outside of it is opened, symbolic links included.
  explicit ExternalFiles(std::string folder, bool anywhere = false);

  // Maps the file; each one once.
  std::shared_ptr<const MappedFile> open(const std::string& location);

 private:
  std::string folder_;
  bool anywhere_;
  std::map<std::string, std::shared_ptr<const MappedFile>> opened_;
};

}  // namespace modelexport::onnx
