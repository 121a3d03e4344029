#include "program/pt2_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program/text.h"
#include "pt2_files.h"
#include "support/error.h"
#include "support/temporary_folder.h"

namespace modelexport::program {
namespace {

using ::testing::HasSubstr;
using testing::model_entries;
using testing::model_json;
using testing::weights_json;
using testing::ZipWriter;

const Schema* lookup(std::string_view target) {
  static const Schema kAdd = parse_schema("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor");
  static const Schema kRelu = parse_schema("aten::relu(Tensor self) -> Tensor");
  if (target == kAdd.name) return &kAdd;
  return target == kRelu.name ? &kRelu : nullptr;
}

Program read(const testing::Entries& entries) {
  const TemporaryFolder folder;
  const std::string path = folder / "reader_test.pt2";
  write_text(path, ZipWriter().write(entries));
  return read_pt2(path, lookup);
}

std::string message(const testing::Entries& entries) {
  try {
    (void)read(entries);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The file with one piece of its model.json (or of the weights' description) put differently.
testing::Entries with(std::string_view from, std::string_view to) {
  std::string model = model_json();
  testing::replace(model, from, to);
  return model_entries(model);
}
testing::Entries with_weight(std::string_view from, std::string_view to) {
  std::string weights = weights_json();
  testing::replace(weights, from, to);
  return model_entries(model_json(), weights);
}

TEST(Pt2Reader, ReadsCallsWithNamesDefaultsAndScopes) {
  EXPECT_EQ(print(read(model_entries())), R"(module "": m.Net
module "l": m.Layer
graph(%p_w: float32[2] parameter "l.w", %x: float32[2]):
  %a: float32[2] = aten::add.Tensor(self=%x, other=%p_w, alpha=1) @l#1
  %y: float32[2] = aten::relu(self=%a)
  return %y, None
)");
}

TEST(Pt2Reader, WeightsAreViewsIntoTheFile) {
  const Program program = read(model_entries());
  const TensorView& weight = program.main().inputs[0].weight;
  EXPECT_EQ(weight.storage->size, 16U);
  EXPECT_NE(weight.storage->file, nullptr);
  EXPECT_EQ(weight.strides, std::vector<int64_t>{2});
  EXPECT_EQ(weight.offset, 1);
  EXPECT_EQ(weight.bytes(), weight.storage->data + 4);
}

TEST(Pt2Reader, OutputNamesAndRanges) {
  const Program program = read(model_entries());
  EXPECT_EQ(program.output_names, (std::vector<std::string>{"y", "n"}));
  EXPECT_EQ(program.symbols.ranges().at("s0").min, 2);
}

TEST(Pt2Reader, SymbolicSizes) {
  constexpr std::string_view kNumber = R"json("x": {"dtype": 7, "sizes": [{"as_int": 2}])json";
  constexpr std::string_view kSymbolic = R"json("x": {"dtype": 7, "sizes": [{"as_expr": {
      "expr_str": "Mul(Integer(2), Symbol('s0', positive=True))", "hint": {"as_int": 2}}}])json";
  const Program program = read(with(kNumber, kSymbolic));
  const Dim& size = program.main().values[1].sizes[0];
  EXPECT_EQ(program.symbols.print(size.expr), "2*s0");
  EXPECT_EQ(size.value, 2);
}

TEST(Pt2Reader, UnknownKeysAreIgnored) {
  EXPECT_EQ(message(with(R"("guards_code")", R"("news": {"a": [1, {}]}, "guards_code")")), "");
  EXPECT_EQ(message(with(R"("name": "a"})", R"("name": "a", "news": null})")), "");
}

TEST(Pt2Reader, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(message(with(R"("major": 8)", R"("major": 9)")), HasSubstr("schema version is 9.20"));
  EXPECT_THAT(message(with(R"({"as_tensor": {"name": "a"}}, "kind")", R"({"as_news": 1}, "kind")")),
              HasSubstr("node y: unknown kind of argument \"as_news\""));
  EXPECT_THAT(message(with(R"({"as_tensor": {"name": "a"}}, "kind")", R"({"as_tensor": {"name": "y"}}, "kind")")),
              HasSubstr("node y: y is used before it is defined"));
  EXPECT_THAT(message(with(R"([{"as_tensor": {"name": "y"}}], "meta)", R"([{"as_tensor": {"name": "a"}}], "meta)")),
              HasSubstr("node y: a is defined twice"));
  EXPECT_THAT(message(with(R"("name": "other")", R"("name": "others")")),
              HasSubstr("node a: aten::add.Tensor has no argument \"others\""));
  EXPECT_THAT(message(with(R"("x": {"dtype": 7)", R"("x": {"dtype": 77)")), HasSubstr("there is no element type 77"));
  EXPECT_THAT(
      message(with(R"("x": {"dtype": 7, "sizes": [{"as_int": 2}])", R"("x": {"dtype": 7, "sizes": [{"as_int": -2}])")),
      HasSubstr("a size of -2"));
  EXPECT_THAT(message(with(R"({"parameter": {)", R"({"news": {)")), HasSubstr("an input of kind \"news\""));
  EXPECT_THAT(message(with(R"("parameter_name": "l.w")", R"("parameter_name": "l.v")")),
              HasSubstr("l.v: it is not among the tensors"));
}

TEST(Pt2Reader, RefusesWeightsThatAreNotThere) {
  EXPECT_THAT(message(with_weight(R"("as_int": 2}], "req)", R"("as_int": 3}], "req)")), HasSubstr("l.w: "));
  EXPECT_THAT(message(with_weight(R"("as_int": 2}], "req)", R"("as_int": 1099511627776}], "req)")), HasSubstr("l.w: "));
  EXPECT_THAT(message(with_weight(R"("as_int": 2}], "st)", R"("as_int": 4611686018427387904}], "st)")),
              HasSubstr("l.w: "));
  EXPECT_THAT(message(with_weight(R"("storage_offset": {"as_int": 1})", R"("storage_offset": {"as_int": -1})")),
              HasSubstr("l.w: "));
  EXPECT_THAT(message(with_weight("weight_0", "weight_1")), HasSubstr("entry data/weights/weight_1 is missing"));
  EXPECT_THAT(message(with_weight("weight_0", "../../etc/x")), HasSubstr("is missing"));
  EXPECT_THAT(message(with_weight(R"("use_pickle": false)", R"("use_pickle": true)")), HasSubstr("pickled"));
  EXPECT_THAT(message(with_weight(R"("layout": 7)", R"("layout": 2)")), HasSubstr("dense"));
}

TEST(Pt2Reader, RefusesOtherFilesWithTheWayOut) {
  EXPECT_THAT(message({{"version", "8.7"}, {"serialized_exported_program.json", "{}"}}),
              HasSubstr("torch 2.7 and earlier (schema version \"8.7\")"));
  testing::Entries earlier = model_entries();
  earlier[1] = {"m/data/weights/model.pt", "pickle"};
  EXPECT_THAT(message(earlier), HasSubstr("torch 2.8"));
  EXPECT_THAT(message({{"m/data.pkl", ""}, {"m/constants.pkl", ""}}), HasSubstr("TorchScript"));
  EXPECT_THAT(message({{"m/data.pkl", ""}}), HasSubstr("torch.save"));
  EXPECT_THAT(message({{"m/data/aotinductor/model/x.so", ""}}), HasSubstr("compiled code"));
  EXPECT_THAT(message({{"m/other", ""}}), HasSubstr("no program"));
  testing::Entries big = model_entries();
  big.back().second = "big";
  EXPECT_THAT(message(big), HasSubstr("byte order"));
}

TEST(Pt2Reader, ReadsTheNamesOfEarlierConfigurations) {
  testing::Entries earlier = model_entries();
  earlier[1].first = "m/data/weights/model_model_param_config.json";
  earlier[2].first = "m/data/constants/model_model_constants_config.json";
  EXPECT_EQ(message(earlier), "");
}

TEST(Pt2Reader, EveryTruncationOfTheJsonIsAnErrorInOneLine) {
  const std::string model = model_json();
  for (std::size_t size = 0; size < model.size(); size += 29) {
    const std::string text = message(model_entries(model.substr(0, size)));
    EXPECT_FALSE(text.empty()) << size;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

TEST(Pt2Reader, EveryFlippedBitOfTheJsonIsHandled) {
  const std::string model = model_json();
  for (std::size_t bit = 0; bit < model.size() * 8; bit += 61) {
    std::string flipped = model;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(message(model_entries(flipped)).find('\n'), std::string::npos);
  }
}

TEST(Pt2Reader, RefusesDeepNesting) {
  std::string graph = R"({"as_graph": {"name": "g", "graph": )";
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += R"([)";
  EXPECT_THAT(message(with(R"({"as_tensor": {"name": "a"}}, "kind")", graph + deep + R"(, "kind")")),
              HasSubstr("byte"));
  EXPECT_THAT(message(model_entries(deep)), HasSubstr("byte"));
  EXPECT_THAT(message(model_entries(model_json(), deep)), HasSubstr("model_weights_config.json"));
}

}  // namespace
}  // namespace modelexport::program
