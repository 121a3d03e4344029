#include "program/pt2_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pt2_files.h"
#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport::program {
namespace {

using testing::Entries;
using ::testing::HasSubstr;
using testing::ZipWriter;

class ArchiveTest : public ::testing::Test {
 protected:
  Pt2Archive open(const std::string& bytes) {
    const std::string path = folder_ / "archive_test.pt2";
    write_text(path, bytes);
    return Pt2Archive::open(path);
  }
  std::string message(const std::string& bytes) {
    try {
      (void)open(bytes);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  const Entries entries = {{"root/a", "alpha"}, {"root/sub/b", ""}, {"root/sub/c", std::string(1000, 'c')}};

 private:
  TemporaryFolder folder_;
};

TEST_F(ArchiveTest, FindsEntriesBelowTheRootFolder) {
  for (const bool zip64 : {false, true}) {
    const Pt2Archive archive = open(ZipWriter(zip64).write(entries));
    EXPECT_EQ(archive.entries().size(), 3U);
    EXPECT_EQ(archive.text("a"), "alpha");
    EXPECT_EQ(archive.text("sub/b"), "");
    EXPECT_EQ(archive.text("sub/c"), std::string(1000, 'c'));
    EXPECT_EQ(archive.at("sub/c").offset % 64, 0U);
    EXPECT_THROW((void)archive.at("root/a"), Error);
  }
}

TEST_F(ArchiveTest, MayHaveAComment) {
  std::string bytes = ZipWriter().write(entries);
  bytes[bytes.size() - 2] = 5;
  EXPECT_EQ(open(bytes + "hello").text("a"), "alpha");
}

TEST_F(ArchiveTest, RefusesNamesThatLeaveIt) {
  for (const char* name : {"../../etc/x", "/etc/x", "root/../../x", "c:\\x", "root\\..\\x", "root/..", ""}) {
    EXPECT_THAT(message(ZipWriter().write({{name, "x"}})), HasSubstr("leaves the archive")) << name;
  }
}

TEST_F(ArchiveTest, RefusesNamesThatAreNoUtf8) {
  EXPECT_THAT(message(ZipWriter().write({{"root/\xff", "x"}})), HasSubstr("no UTF-8"));
}

TEST_F(ArchiveTest, RefusesDuplicates) {
  EXPECT_THAT(message(ZipWriter().write({{"r/a", "1"}, {"r/a", "2"}})), HasSubstr("entry r/a: it is there twice"));
}

TEST_F(ArchiveTest, NoticesDamage) {
  std::string bytes = ZipWriter().write(entries);
  testing::replace(bytes, "alpha", "alphb");
  EXPECT_THROW((void)open(bytes).text("a"), Error);
}

TEST_F(ArchiveTest, RefusesCompressedAndEncryptedEntries) {
  std::string bytes = ZipWriter().write(entries);
  const std::size_t central = bytes.find("PK\1\2");
  std::string compressed = bytes;
  compressed[central + 10] = 8;
  EXPECT_THAT(message(compressed), HasSubstr("entry root/a: it is compressed"));
  std::string encrypted = bytes;
  encrypted[central + 8] = 1;
  EXPECT_THAT(message(encrypted), HasSubstr("entry root/a: it is encrypted"));
}

TEST_F(ArchiveTest, EveryTruncationAndEveryFlippedBitOfTheStructuresIsHandled) {
  for (const bool zip64 : {false, true}) {
    const std::string whole = ZipWriter(zip64).write({{"r/a", "alpha"}, {"r/b", "beta"}});
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_THROW((void)open(whole.substr(0, size)), Error) << size;
    }
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      try {
        const Pt2Archive archive = open(flipped);
        for (const auto& [name, entry] : archive.entries()) (void)archive.text(name);
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace modelexport::program
