// torch's Python objects as the core's plain structs: dtypes, symbolic sizes, and tensors as views of their memory.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "program/program.h"

namespace modelexport::python {

namespace nb = nanobind;

// A view of a Python str's own bytes, valid while the object lives.
std::string_view text_of(nb::handle text);
// str(object). (nb::str of an attribute would take it for a str as it is.)
inline nb::str str_of(nb::handle object) { return nb::str(object); }

// A str that attribute look-ups compare by identity.
nb::str interned(const char* text);

// Looks torch's classes up once, and remembers what it has converted. Needs the GIL throughout its life.
class TorchTypes {
 public:
  explicit TorchTypes(program::SymbolTable& symbols);

  [[nodiscard]] bool is_tensor(nb::handle object) const {
    // Most of what is asked about is one of Python's own kinds, which its flags tell.
    constexpr unsigned long kOthers = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_TUPLE_SUBCLASS |
                                      Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS;
    if (object.is_none() || PyType_HasFeature(Py_TYPE(object.ptr()), kOthers) != 0) return false;
    return PyObject_TypeCheck(object.ptr(), reinterpret_cast<PyTypeObject*>(tensor_.ptr()));
  }
  [[nodiscard]] bool is_node(nb::handle object) const { return object.type().is(node_) || isinstance(object, node_); }
  [[nodiscard]] bool is_sym_int(nb::handle object) const { return object.type().is(sym_int_); }
  [[nodiscard]] bool is_sym_float(nb::handle object) const { return object.type().is(sym_float_); }
  [[nodiscard]] bool is_sym_bool(nb::handle object) const { return object.type().is(sym_bool_); }
  [[nodiscard]] bool is_operator(nb::handle object) const { return object.type().is(op_overload_); }
  [[nodiscard]] bool is_higher_order(nb::handle object) const { return isinstance(object, higher_order_); }
  [[nodiscard]] bool is_graph_module(nb::handle object) const { return isinstance(object, graph_module_); }

  // Undefined for a torch.dtype that has no counterpart.
  DType dtype(nb::handle torch_dtype);
  // An int or a SymInt.
  program::Dim dim(nb::handle size);
  // What torch recorded of a tensor (a FakeTensor in meta['val']).
  program::Value tensor_value(nb::handle tensor);
  // The same of a tensor's dtype, shape and strides.
  program::Value tensor_value(nb::handle torch_dtype, nb::handle sizes, nb::handle strides);
  // A real tensor's memory, without a copy where it lies on the CPU; tensors that share a storage share it here.
  // Throws Error naming `name` when there is no plain memory to look at.
  TensorView weight(nb::handle tensor, std::string_view name);
  // A constant of Python's or torch's own types (no nodes in it).
  program::Argument constant(nb::handle object);

 private:
  static bool isinstance(nb::handle object, nb::handle type) {
    return PyObject_IsInstance(object.ptr(), type.ptr()) == 1;
  }
  program::Dim symbolic_dim(nb::handle sym_int);
  std::vector<program::Dim> dims(nb::handle sizes);

  program::SymbolTable& symbols_;
  nb::object tensor_, node_, sym_int_, sym_float_, sym_bool_, op_overload_, higher_order_, graph_module_;
  nb::object dtype_, device_, memory_format_, layout_, srepr_;
  // Interned names of the attributes that are read for every node.
  nb::str shape_name_, stride_name_, dtype_name_, node_name_, raw_expr_name_, expr_name_, hint_name_;
  std::unordered_map<PyObject*, DType> dtypes_;
  std::unordered_map<PyObject*, program::ExprId> expressions_;          // by identity of the sympy expression
  std::unordered_map<const void*, std::shared_ptr<Storage>> storages_;  // by address
  std::vector<nb::object> alive_;                                       // keeps the identities above unique
};

}  // namespace modelexport::python
