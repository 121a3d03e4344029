#include "python/torch_types.h"

#include <fmt/format.h>

#include <complex>

#include "support/error.h"

namespace modelexport::python {

using program::Argument;
using program::Dim;

namespace {

// "torch.float32" -> "float32", as str() prints torch's enumerations.
std::string short_name(nb::handle object) {
  const nb::str text(object);
  std::string_view name = text_of(text);
  name.remove_prefix(std::min(name.size(), name.rfind('.') + 1));
  return std::string(name);
}

std::vector<int64_t> integers(nb::handle tuple) {
  std::vector<int64_t> result;
  for (nb::handle item : tuple) result.push_back(nb::cast<int64_t>(item));
  return result;
}

// A Python int that torch cannot hold either (64 bits) is refused rather than wrapped.
int64_t integer(nb::handle object) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow != 0) fail(fmt::format("the integer {} does not fit 64 bits", text_of(str_of(object))));
  return value;
}

}  // namespace

nb::str interned(const char* text) { return nb::steal<nb::str>(PyUnicode_InternFromString(text)); }

std::string_view text_of(nb::handle text) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (data == nullptr) throw nb::python_error();
  return {data, static_cast<std::size_t>(size)};
}

TorchTypes::TorchTypes(program::SymbolTable& symbols)
    : symbols_(symbols),
      shape_name_(interned("shape")),
      stride_name_(interned("stride")),
      dtype_name_(interned("dtype")),
      node_name_(interned("node")),
      raw_expr_name_(interned("_expr")),
      expr_name_(interned("expr")),
      hint_name_(interned("hint")) {
  const nb::module_ torch = nb::module_::import_("torch");
  tensor_ = torch.attr("Tensor");
  sym_int_ = torch.attr("SymInt");
  sym_float_ = torch.attr("SymFloat");
  sym_bool_ = torch.attr("SymBool");
  dtype_ = torch.attr("dtype");
  device_ = torch.attr("device");
  memory_format_ = torch.attr("memory_format");
  layout_ = torch.attr("layout");
  const nb::module_ fx = nb::module_::import_("torch.fx");
  node_ = fx.attr("Node");
  graph_module_ = fx.attr("GraphModule");
  const nb::module_ ops = nb::module_::import_("torch._ops");
  op_overload_ = ops.attr("OpOverload");
  higher_order_ = ops.attr("HigherOrderOperator");
  srepr_ = nb::module_::import_("sympy").attr("srepr");
}

DType TorchTypes::dtype(nb::handle torch_dtype) {
  const auto [found, is_new] = dtypes_.try_emplace(torch_dtype.ptr(), DType::Undefined);
  if (is_new) found->second = dtype_from_name(short_name(torch_dtype));
  return found->second;
}

Dim TorchTypes::dim(nb::handle size) {
  if (PyLong_Check(size.ptr())) return Dim{integer(size), program::kStatic};
  return symbolic_dim(size);
}

Dim TorchTypes::symbolic_dim(nb::handle sym_int) {
  const nb::object node = sym_int.attr(node_name_);
  const nb::object raw = node.attr(raw_expr_name_);
  auto found = expressions_.find(raw.ptr());
  if (found == expressions_.end()) {
    const nb::object expr = node.attr(expr_name_);  // with what torch learnt of the symbols since put in
    found = expressions_.emplace(raw.ptr(), symbols_.parse(text_of(srepr_(expr)))).first;
    alive_.push_back(raw);
  }
  const program::Expr& expr = symbols_[found->second];
  if (expr.head == "Integer") return Dim{expr.integer, program::kStatic};
  const nb::object hint = node.attr(hint_name_);
  return Dim{PyLong_Check(hint.ptr()) ? integer(hint) : 0, found->second};
}

std::vector<Dim> TorchTypes::dims(nb::handle sizes) {
  std::vector<Dim> result;
  result.reserve(static_cast<std::size_t>(PyTuple_GET_SIZE(sizes.ptr())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(sizes.ptr()); ++i) {
    result.push_back(dim(PyTuple_GET_ITEM(sizes.ptr(), i)));
  }
  return result;
}

program::Value TorchTypes::tensor_value(nb::handle tensor) {
  return tensor_value(tensor.attr(dtype_name_), tensor.attr(shape_name_), tensor.attr(stride_name_)());
}

program::Value TorchTypes::tensor_value(nb::handle torch_dtype, nb::handle sizes, nb::handle strides) {
  program::Value value;
  value.dtype = dtype(torch_dtype);
  value.sizes = dims(sizes);
  value.strides = dims(strides);
  return value;
}

TensorView TorchTypes::weight(nb::handle tensor, std::string_view name) {
  nb::object plain = tensor.attr("detach")();
  const std::string device = nb::cast<std::string>(plain.attr("device").attr("type"));
  if (device == "meta" || nb::hasattr(plain, "fake_mode")) fail(fmt::format("{} has no data (device meta)", name));
  if (nb::hasattr(plain, "__tensor_flatten__")) {
    fail(fmt::format("{} is a {}, not a plain tensor; convert it before the export", name,
                     text_of(str_of(plain.type().attr("__name__")))));
  }
  if (short_name(plain.attr("layout")) != "strided") {
    fail(fmt::format("{} has layout {}; only dense tensors can be exported (to_dense() makes one)", name,
                     text_of(str_of(plain.attr("layout")))));
  }
  if (device != "cpu") plain = plain.attr("cpu")();
  plain = plain.attr("resolve_conj")().attr("resolve_neg")();

  TensorView view;
  view.dtype = dtype(plain.attr("dtype"));
  if (view.dtype == DType::Undefined) {
    fail(fmt::format("{} has type {}, which ONNX lacks", name, text_of(str_of(plain.attr("dtype")))));
  }
  view.sizes = integers(plain.attr("shape"));
  view.strides = integers(plain.attr("stride")());
  view.offset = nb::cast<int64_t>(plain.attr("storage_offset")());
  const nb::object bytes = plain.attr("untyped_storage")();
  // NOLINTNEXTLINE(performance-no-int-to-ptr): torch gives the address as a number
  const auto* data = reinterpret_cast<const std::byte*>(nb::cast<uintptr_t>(bytes.attr("data_ptr")()));
  const auto size = nb::cast<uint64_t>(bytes.attr("nbytes")());
  std::shared_ptr<Storage>& storage = data == nullptr ? storages_[plain.ptr()] : storages_[data];
  if (!storage) {
    storage = std::make_shared<Storage>();
    storage->data = data;
  }
  storage->size = std::max(storage->size, size);
  view.storage = storage;
  view.check_bounds();
  alive_.push_back(std::move(plain));
  return view;
}

Argument TorchTypes::constant(nb::handle object) {
  PyObject* raw = object.ptr();
  if (object.is_none()) return {};
  if (PyBool_Check(raw)) return {raw == Py_True};
  if (PyLong_Check(raw)) return {integer(object)};
  if (PyFloat_Check(raw)) return {PyFloat_AS_DOUBLE(raw)};
  if (PyUnicode_Check(raw)) return {std::string(text_of(object))};
  if (PyComplex_Check(raw)) return {std::complex<double>(PyComplex_RealAsDouble(raw), PyComplex_ImagAsDouble(raw))};
  if (isinstance(object, dtype_)) return {dtype(object)};
  if (isinstance(object, device_)) return {program::DeviceName{std::string(text_of(str_of(object)))}};
  if (isinstance(object, memory_format_)) return {program::MemoryFormat{short_name(object)}};
  if (isinstance(object, layout_)) return {program::Layout{short_name(object)}};
  // A SymInt outside the graph's nodes is one that torch has since found to be a number.
  if (is_sym_int(object)) {
    const Dim number = dim(object);
    if (!number.is_static()) fail("a symbolic size appears without the node that computes it");
    return {number.value};
  }
  // Operators, tree specs and the like, which only higher-order operators take, go by their names.
  if (is_operator(object)) return {nb::cast<std::string>(object.attr("name")())};
  return {nb::cast<std::string>(object.type().attr("__name__"))};
}

}  // namespace modelexport::python
