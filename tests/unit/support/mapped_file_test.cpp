#include "support/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport {
namespace {

using testing::HasSubstr;

TEST(MappedFile, ShowsTheBytesAlsoAfterForgetting) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i);
  write_text(folder / "a", text);
  const auto file = MappedFile::open(folder / "a");
  file->forget(0, file->size());
  file->forget(5, 100000);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->size()), text);
}

TEST(MappedFile, StoragesKeepItAlive) {
  const TemporaryFolder folder;
  write_text(folder / "a", "0123456789");
  const auto storage = storage_of(MappedFile::open(folder / "a"), 3, 4);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(storage->data), storage->size), "3456");
  EXPECT_EQ(storage->file_offset, 3U);
}

TEST(MappedFile, RefusesRangesBeyondItsEnd) {
  const TemporaryFolder folder;
  write_text(folder / "a", "0123456789");
  const auto file = MappedFile::open(folder / "a");
  EXPECT_NO_THROW((void)storage_of(file, 10, 0));
  EXPECT_THAT(error_of([&] { (void)storage_of(file, 3, 8); }), HasSubstr("bytes 3 to 11"));
  EXPECT_THROW((void)storage_of(file, 11, 0), Error);
  EXPECT_THROW((void)storage_of(file, 1, UINT64_MAX), Error);
}

TEST(MappedFile, ReadsRegularFilesOnly) {
  const TemporaryFolder folder;
  write_text(folder / "empty", "");
  EXPECT_EQ(MappedFile::open(folder / "empty")->size(), 0U);
  EXPECT_THAT(error_of([&] { MappedFile::open(folder / "missing"); }), HasSubstr("missing: No such file"));
  EXPECT_THAT(error_of([&] { MappedFile::open(folder / ""); }), HasSubstr("it is a folder"));
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { MappedFile::open(folder / "fifo"); }), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace modelexport
