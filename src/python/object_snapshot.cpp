#include "python/object_snapshot.h"

#include <utility>

#include "python/torch_types.h"

namespace modelexport::python {
namespace {

bool is_instance(nb::handle object, nb::handle types) {
  const int answer = PyObject_IsInstance(object.ptr(), types.ptr());
  if (answer < 0) throw nb::python_error();
  return answer == 1;
}

nb::object copy_of(nb::handle container) {
  if (PyDict_CheckExact(container.ptr())) return nb::steal(PyDict_Copy(container.ptr()));
  return container.attr("copy")();
}

// The list itself, or what another sequence holds as one.
nb::list as_list(nb::handle items) {
  return PyList_CheckExact(items.ptr()) ? nb::borrow<nb::list>(items) : nb::list(items);
}

}  // namespace

ObjectSnapshot::ObjectSnapshot(nb::object skipped, nb::object opaque, nb::object plain)
    : skipped_(std::move(skipped)),
      opaque_(std::move(opaque)),
      plain_(std::move(plain)),
      deque_(nb::module_::import_("collections").attr("deque")) {}

// ---- what there is --------------------------------------------------------------------------------------------------

ObjectSnapshot::Kind ObjectSnapshot::kind_of(nb::handle value) {
  const auto [found, is_new] = kinds_.try_emplace(Py_TYPE(value.ptr()), Kind::Leaf);
  Kind& kind = found->second;
  if (!is_new) return kind;
  if (PyDict_Check(value.ptr())) {
    kind = Kind::Dict;
  } else if (PySet_Check(value.ptr())) {
    kind = Kind::Set;
  } else if (PyList_Check(value.ptr()) || is_instance(value, deque_)) {
    kind = Kind::Sequence;
  } else if (PyTuple_Check(value.ptr())) {
    kind = Kind::Tuple;
  } else if (!is_instance(value, opaque_) && PyDict_Check(nb::getattr(value, "__dict__", nb::none()).ptr())) {
    kind = Kind::Object;
  }
  return kind;
}

void ObjectSnapshot::add_attributes(const nb::dict& attributes, int depth) {
  attributes_.push_back({attributes, nb::borrow<nb::dict>(copy_of(attributes))});
  add_values(attributes, depth);
}

void ObjectSnapshot::add_values(const nb::dict& attributes, int depth) {
  for (auto [name, value] : attributes) {
    if (kind_of(value) != Kind::Leaf && PySet_Contains(skipped_.ptr(), name.ptr()) != 1) add(value, depth);
  }
}

void ObjectSnapshot::add(nb::handle value, int depth) {
  const Kind kind = kind_of(value);
  if (kind == Kind::Leaf || depth == 0 || !seen_.try_emplace(value.ptr(), nb::borrow(value)).second) return;
  if (kind == Kind::Object) return add_attributes(nb::borrow<nb::dict>(value.attr("__dict__")), depth - 1);
  if (kind != Kind::Tuple) containers_.push_back({kind, nb::borrow(value), copy_of(value)});
  if (kind == Kind::Dict) {
    for (auto [key, item] : nb::borrow<nb::dict>(value)) add(item, depth - 1);
  } else {
    for (nb::handle item : value) add(item, depth - 1);
  }
}

// ---- what has changed -----------------------------------------------------------------------------------------------

bool ObjectSnapshot::is_same(nb::handle a, nb::handle b) const {
  return a.is(b) || (a.type().is(b.type()) && is_instance(a, plain_) && a.equal(b));
}

bool ObjectSnapshot::are_same(const nb::dict& a, const nb::dict& b) const {
  if (a.size() != b.size()) return false;
  auto other = b.begin();
  for (auto [name, value] : a) {
    const auto [other_name, other_value] = *other;
    if (!is_same(name, other_name) || !is_same(value, other_value)) return false;
    ++other;
  }
  return true;
}

bool ObjectSnapshot::are_same(const nb::list& a, const nb::list& b) const {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!is_same(a[i], b[i])) return false;
  }
  return true;
}

bool ObjectSnapshot::has_same_items(const Container& container) const {
  const nb::object &now = container.now, &before = container.before;
  if (container.kind == Kind::Set) return now.equal(before);
  if (container.kind == Kind::Dict && PyDict_CheckExact(now.ptr())) {
    return are_same(nb::borrow<nb::dict>(now), nb::borrow<nb::dict>(before));
  }
  // A subclass may have an order of its own.
  if (container.kind == Kind::Dict && !are_same(nb::list(now.attr("values")()), nb::list(before.attr("values")()))) {
    return false;
  }
  return are_same(as_list(now), as_list(before));
}

void ObjectSnapshot::restore() const {
  for (const Container& container : containers_) {
    if (has_same_items(container)) continue;
    container.now.attr("clear")();
    container.now.attr(container.kind == Kind::Sequence ? "extend" : "update")(container.before);
  }
  for (const Attributes& attributes : attributes_) {
    if (are_same(attributes.now, attributes.before)) continue;
    attributes.now.attr("clear")();
    attributes.now.attr("update")(attributes.before);
  }
}

}  // namespace modelexport::python
