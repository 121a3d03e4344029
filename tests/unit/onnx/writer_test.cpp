#include "onnx/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "onnx/reader.h"
#include "onnx/small_model.h"
#include "onnx/text.h"
#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport::onnx {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::byte> row_major(const TensorView& tensor) {
  std::vector<std::byte> bytes(tensor.nbytes());
  tensor.gather(0, tensor.numel(), bytes.data());
  return bytes;
}

const Initializer& initializer_of(const Model& model, const std::string& name) {
  for (const auto& initializer : model.initializers) {
    if (model.values[initializer.value].name == name) return initializer;
  }
  throw std::runtime_error("no initializer " + name);
}

// Runs `action` while files may have `bytes` at most; returns the message of its Error.
template <typename Action>
std::string error_within_file_limit(rlim_t bytes, Action&& action) {
  rlimit before = {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit = {bytes, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto message = error_of(action);
  ::setrlimit(RLIMIT_FSIZE, &before);
  return message;
}

// Weights that do not fit one block of the gathering thread, in several layouts and element sizes.
Model model_with_strided_weights() {
  SmallModel small;
  for (const auto dtype : {DType::Int8, DType::Float32}) {
    const int64_t rows = 1500;
    const int64_t columns = 2110;
    std::vector<std::byte> bytes(static_cast<std::size_t>(rows * columns) * size_of(dtype));
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 2654435761U >> 13U);
    const std::string name(name_of(dtype));
    const auto matrix = make_tensor(dtype, {rows, columns}, std::move(bytes));
    small.initializer(name + ".T", transposed(matrix));
    small.initializer(name, matrix);
    auto channels_last = matrix;
    channels_last.sizes = {10, 150, 211, 10};
    channels_last.strides = {150 * 2110, 1, 150 * 10, 150};
    small.initializer(name + ".channels_last", channels_last);
  }
  small.model.graph.outputs = {0};
  return std::move(small.model);
}

TEST(Writer, KeepsEverything) {
  const TemporaryFolder folder;
  const auto model = model_of_everything();
  const auto written = write_model(model, folder / "m.onnx");
  EXPECT_EQ(written.bytes, std::filesystem::file_size(folder / "m.onnx"));
  EXPECT_THAT(folder.files(), ElementsAre("m.onnx"));
  const auto read = read_model(folder / "m.onnx");
  EXPECT_EQ(print(read), print(model));
  EXPECT_EQ(read.producer_name, "test");
  EXPECT_EQ(read.producer_version, "1");
  EXPECT_EQ(read.doc_string, "doc");
  EXPECT_EQ(read.metadata, model.metadata);
  EXPECT_EQ(read.opsets.size(), 2U);
  const auto& nodes = read.graph.nodes;
  EXPECT_EQ(nodes[0].metadata, model.graph.nodes[0].metadata);
  EXPECT_EQ(std::get<std::string>(nodes[3].find("s")->value), std::string("a\0b", 3));
  EXPECT_EQ(row_major(std::get<TensorView>(nodes[3].find("t")->value)), row_major(transposed(counting({2, 3}))));
}

TEST(Writer, RaisesTheVersionForNodeMetadata) {
  const TemporaryFolder folder;
  auto model = model_of_everything();
  model.ir_version = 8;
  write_model(model, folder / "m.onnx");
  EXPECT_EQ(read_model(folder / "m.onnx").ir_version, 10);
  model.graph.nodes[0].metadata.clear();
  write_model(model, folder / "m.onnx");
  EXPECT_EQ(read_model(folder / "m.onnx").ir_version, 8);
}

TEST(Writer, GathersStridedWeights) {
  const TemporaryFolder folder;
  const auto model = model_with_strided_weights();
  for (const bool external : {false, true}) {
    const auto path = folder / (external ? "external.onnx" : "inside.onnx");
    write_model(model, path, {.external_data = external});
    const auto read = read_model(path, {.load_external_data = true});
    ASSERT_EQ(read.initializers.size(), model.initializers.size());
    for (std::size_t i = 0; i < read.initializers.size(); ++i) {
      EXPECT_TRUE(read.initializers[i].data.is_contiguous());
      EXPECT_TRUE(row_major(read.initializers[i].data) == row_major(model.initializers[i].data)) << i;
    }
  }
}

TEST(Writer, CopiesFromAMappedFile) {
  const TemporaryFolder folder;
  write_model(model_with_strided_weights(), folder / "a.onnx");
  const auto mapped = read_model(folder / "a.onnx");
  write_model(mapped, folder / "b.onnx");
  EXPECT_TRUE(read_text(folder / "a.onnx") == read_text(folder / "b.onnx"));
  write_model(mapped, folder / "a.onnx");  // over the file that it is read from
  EXPECT_TRUE(read_text(folder / "a.onnx") == read_text(folder / "b.onnx"));
}

TEST(Writer, WritesTheSameBytesEachTime) {
  const TemporaryFolder folder;
  write_model(model_of_everything(), folder / "a.onnx");
  write_model(model_of_everything(), folder / "b.onnx");
  EXPECT_EQ(read_text(folder / "a.onnx"), read_text(folder / "b.onnx"));
}

TEST(Writer, AlignsExternalDataAndSharesTiedWeights) {
  const TemporaryFolder folder;
  SmallModel small;
  const auto large = counting({300, 100});
  small.initializer("small", counting({10}));
  small.initializer("medium", counting({300}));
  small.initializer("large", large);
  small.initializer("tied", large);
  small.initializer("tied transposed", transposed(large));
  small.initializer("tied transposed twice", transposed(large));
  auto half = large;
  half.sizes[0] = 150;
  small.initializer("half", half);
  small.model.graph.outputs = {0};
  const auto written = write_model(small.model, folder / "m.onnx", {.external_data = true});
  EXPECT_EQ(written.external_path, folder / "m.onnx.data");
  EXPECT_EQ(written.external_bytes, std::filesystem::file_size(folder / "m.onnx.data"));
  EXPECT_EQ(written.bytes, written.external_bytes + std::filesystem::file_size(folder / "m.onnx"));

  const auto read = read_model(folder / "m.onnx");
  EXPECT_EQ(initializer_of(read, "small").external_location, "");
  EXPECT_EQ(initializer_of(read, "large").external_location, "m.onnx.data");
  EXPECT_EQ(initializer_of(read, "large").external_length, 120000U);
  EXPECT_EQ(initializer_of(read, "large").external_offset % 4096, 0U);
  EXPECT_EQ(initializer_of(read, "medium").external_offset % 64, 0U);
  const auto offset = [&](const std::string& name) { return initializer_of(read, name).external_offset; };
  EXPECT_EQ(offset("tied"), offset("large"));
  EXPECT_EQ(offset("tied transposed"), offset("tied transposed twice"));
  EXPECT_NE(offset("tied transposed"), offset("large"));
  EXPECT_LT(written.external_bytes, 3 * 120000 + 2 * 4096 + 1200);
  const auto loaded = read_model(folder / "m.onnx", {.load_external_data = true});
  for (std::size_t i = 0; i < loaded.initializers.size(); ++i) {
    EXPECT_EQ(row_major(loaded.initializers[i].data), row_major(small.model.initializers[i].data)) << i;
  }
}

TEST(Writer, GoesToExternalDataAboveTwoGigabytes) {
  const TemporaryFolder folder;
  SmallModel small;
  auto huge = counting({1});  // one number, looked at very often
  huge.sizes = {600, 1 << 20};
  huge.strides = {0, 0};
  small.initializer("huge", huge);
  small.model.graph.outputs = {0};
  const auto message = error_within_file_limit(1 << 20, [&] { write_model(small.model, folder / "m.onnx"); });
  EXPECT_THAT(message, HasSubstr("m.onnx.data: 2516582400 bytes"));
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST(Writer, LeavesThePreviousFilesWhenItFails) {
  const TemporaryFolder folder;
  write_text(folder / "m.onnx", "old model");
  write_text(folder / "m.onnx.data", "old data");
  auto model = model_of_everything();
  model.initializers[0].data.offset = 1;
  EXPECT_THAT(error_of([&] { write_model(model, folder / "m.onnx", {.external_data = true}); }),
              HasSubstr("initializer weight: tensor of float32[2, 3] needs 28 bytes of a storage of 24"));
  EXPECT_THAT(error_of([&] { write_model(model_of_everything(), folder / "no/m.onnx"); }),
              HasSubstr("No such file or directory"));
  EXPECT_EQ(read_text(folder / "m.onnx"), "old model");
  EXPECT_EQ(read_text(folder / "m.onnx.data"), "old data");
  EXPECT_THAT(folder.files(), ElementsAre("m.onnx", "m.onnx.data"));
}

TEST(Writer, RefusesAnExternalFileThatIsNotBesideTheModel) {
  const TemporaryFolder folder;
  for (const std::string name : {"m.onnx", "..", "a/b", "/tmp/x"}) {
    const WriteOptions options{.external_data = true, .external_name = name};
    EXPECT_THAT(error_of([&] { write_model(model_of_everything(), folder / "m.onnx", options); }), HasSubstr(name));
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

TEST(Writer, LeavesNothingBehindWhenTheFileGrowsTooLarge) {
  const TemporaryFolder folder;
  const auto model = model_with_strided_weights();
  for (const bool external : {false, true}) {
    const auto message =
        error_within_file_limit(1 << 20, [&] { write_model(model, folder / "m.onnx", {.external_data = external}); });
    EXPECT_THAT(message, HasSubstr("File too large"));
  }
  EXPECT_THAT(folder.files(), IsEmpty());
}

}  // namespace
}  // namespace modelexport::onnx
