#include "program/pt2_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "support/error.h"

namespace modelexport::program {

namespace {

std::vector<int64_t> numbers(const std::vector<Dim>& dims) {
  std::vector<int64_t> result;
  for (const Dim& dim : dims) {
    if (!dim.is_static()) fail("its size is not a number");
    result.push_back(dim.value);
  }
  return result;
}

// Strides of 0 let a few bytes stand for any number of elements, all of which would be written.
void check_repetition(const TensorView& view) {
  constexpr uint64_t kMaxBytes = uint64_t{256} << 20U;
  if (view.nbytes() > std::max(kMaxBytes, view.storage->size)) {
    fail(fmt::format("it repeats {} bytes of the file until they are {}", view.storage->size, view.nbytes()));
  }
}

}  // namespace

Pt2Weights::Pt2Weights(const Pt2Archive& archive, std::string folder, const std::string& config)
    : archive_(archive), folder_(std::move(folder)) {
  with_context(config, [&] {
    json::Reader in(archive.text(config));
    in.object([&](std::string_view key) {
      if (key != "config") {
        in.skip();
        return;
      }
      in.object([&](std::string_view name) { read_payload(in, std::string(name)); });
    });
    in.expect_end();
  });
}

void Pt2Weights::read_payload(json::Reader& in, const std::string& name) {
  Payload payload;
  in.object([&](std::string_view key) {
    if (key == "path_name") {
      payload.entry = in.string();
    } else if (key == "use_pickle") {
      payload.is_pickled = in.boolean();
    } else if (key == "tensor_meta" && !in.accept_null()) {
      payload.meta = read_tensor_meta(in, symbols_);
      payload.is_tensor = true;
    } else if (key != "tensor_meta") {
      in.skip();
    }
  });
  if (!payloads_.emplace(name, std::move(payload)).second) in.fail_here(fmt::format("{} is there twice", name));
}

std::shared_ptr<const Storage> Pt2Weights::storage(const std::string& entry) {
  std::shared_ptr<const Storage>& storage = storages_[entry];
  if (storage == nullptr) {
    const Pt2Archive::Entry& bytes = archive_.at(folder_ + entry);
    storage = storage_of(archive_.file(), bytes.offset, bytes.size);
  }
  return storage;
}

TensorView Pt2Weights::at(std::string_view name) {
  return with_context(name, [&] {
    const auto found = payloads_.find(name);
    if (found == payloads_.end()) fail(fmt::format("it is not among the tensors in {}", folder_));
    const Payload& payload = found->second;
    if (payload.is_pickled || !payload.is_tensor) {
      fail("it is a pickled Python object, not a plain tensor; convert it before torch.export.save");
    }
    if (!payload.meta.is_strided) fail("only dense tensors can be exported (to_dense() makes one)");
    if (payload.meta.dtype == DType::Undefined) fail("ONNX lacks its element type");
    TensorView view;
    view.storage = storage(payload.entry);
    view.dtype = payload.meta.dtype;
    view.sizes = numbers(payload.meta.sizes);
    view.strides = numbers(payload.meta.strides);
    view.offset = numbers({payload.meta.offset}).front();
    const bool is_empty = std::ranges::find(view.sizes, 0) != view.sizes.end();
    if (view.storage->size == 0 && !is_empty) fail("it has no data: it was saved from a fake tensor");
    view.check_bounds();
    check_repetition(view);
    return view;
  });
}

}  // namespace modelexport::program
