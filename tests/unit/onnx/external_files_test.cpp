#include "onnx/external_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport::onnx {
namespace {

using ::testing::HasSubstr;

std::string refusal(ExternalFiles& files, const std::string& location) {
  try {
    (void)files.open(location);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ExternalFiles, StayInTheFolderOfTheModel) {
  const TemporaryFolder outside;
  const TemporaryFolder folder;
  write_text(outside / "w", "far");
  write_text(folder / "w", "near");
  std::filesystem::create_symlink(outside / "w", folder / "far");
  std::filesystem::create_symlink(folder / "w", folder / "near");
  std::filesystem::create_directory_symlink(outside / "", folder / "folder");

  ExternalFiles files(folder / "");
  EXPECT_EQ(files.open("w")->size(), 4);
  EXPECT_EQ(files.open("near")->size(), 4);
  EXPECT_THAT(refusal(files, "far"), HasSubstr("leads out of the model's folder"));
  EXPECT_THAT(refusal(files, "folder/w"), HasSubstr("leads out of the model's folder"));
  for (const std::string location : {"", "/etc/passwd", "../w", "a/../../w"}) {
    EXPECT_THAT(refusal(files, location), HasSubstr("is not a file in the model's folder"));
  }
  EXPECT_THAT(refusal(files, "missing"), HasSubstr("No such file"));

  EXPECT_EQ(ExternalFiles(folder / "", true).open("far")->size(), 3);
}

}  // namespace
}  // namespace modelexport::onnx
