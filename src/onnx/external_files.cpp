#include "onnx/external_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "support/error.h"

namespace modelexport::onnx {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& folder, const fs::path& file) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

}  // namespace

void check_location(const std::string& location) {
  const fs::path path(location);
  const bool climbs = std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
  if (path.empty() || path.is_absolute() || climbs || location.find('\0') != std::string::npos) {
    fail("external data location '" + location + "' is not a file in the model's folder");
  }
}

ExternalFiles::ExternalFiles(std::string folder, bool anywhere)
    : folder_(folder.empty() ? "." : std::move(folder)), anywhere_(anywhere) {}

std::shared_ptr<const MappedFile> ExternalFiles::open(const std::string& location) {
  auto& file = opened_[location];
  if (file != nullptr) return file;
  const fs::path path = fs::path(folder_) / location;
  if (!anywhere_) {
    check_location(location);
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (error) fail(ErrorKind::Io, "cannot read external data " + path.string() + ": " + error.message());
    if (!is_inside(fs::canonical(folder_, error), real)) {
      fail("external data " + path.string() + " leads out of the model's folder to " + real.string());
    }
  }
  file = MappedFile::open(path.string());
  return file;
}

}  // namespace modelexport::onnx
