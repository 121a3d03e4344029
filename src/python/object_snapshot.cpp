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
  if (value.is_none() || PyBool_Check(value.ptr())) return Kind::Leaf;  // what most attributes are
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
  add_dictionary(attributes);
  add_values(attributes, depth);
}

void ObjectSnapshot::add_values(const nb::dict& attributes, int depth) {
  for (auto [name, value] : attributes) {
    if (kind_of(value) != Kind::Leaf && PySet_Contains(skipped_.ptr(), name.ptr()) != 1) add(value, depth);
  }
}

void ObjectSnapshot::add_items(const nb::dict& attributes, const nb::tuple& names) {
  for (nb::handle name : names) {
    if (attributes.contains(name)) add_container(Kind::Dict, attributes[name]);
  }
}

void ObjectSnapshot::add_container(Kind kind, nb::handle container) {
  if (PyDict_CheckExact(container.ptr())) return add_dictionary(nb::borrow<nb::dict>(container));
  nb::object copy = nb::len(container) == 0 ? nb::none() : container.attr("copy")();
  containers_.push_back({kind, nb::borrow(container), std::move(copy)});
}

void ObjectSnapshot::add_dictionary(const nb::dict& dictionary) {
  for (auto [name, value] : dictionary) items_.push_back({nb::borrow(name), nb::borrow(value)});
  dictionaries_.push_back({dictionary, items_.size()});
}

void ObjectSnapshot::add(nb::handle value, int depth) {
  const Kind kind = kind_of(value);
  if (kind == Kind::Leaf || depth == 0 || !seen_.try_emplace(value.ptr(), nb::borrow(value)).second) return;
  if (kind == Kind::Object) return add_attributes(nb::borrow<nb::dict>(value.attr("__dict__")), depth - 1);
  if (kind != Kind::Tuple) add_container(kind, value);
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

bool ObjectSnapshot::has_same_items(const Dictionary& dictionary, std::size_t begin) const {
  if (dictionary.now.size() != dictionary.end - begin) return false;
  auto before = items_.begin() + static_cast<std::ptrdiff_t>(begin);
  for (auto [name, value] : dictionary.now) {
    if (!is_same(name, before->name) || !is_same(value, before->value)) return false;
    ++before;
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
  if (before.is_none()) return nb::len(now) == 0;
  if (container.kind == Kind::Set) return now.equal(before);
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
    if (container.before.is_none()) continue;
    container.now.attr(container.kind == Kind::Sequence ? "extend" : "update")(container.before);
  }
  std::size_t begin = 0;
  for (const Dictionary& dictionary : dictionaries_) {
    if (!has_same_items(dictionary, begin)) set_items(dictionary, begin);
    begin = dictionary.end;
  }
}

void ObjectSnapshot::set_items(const Dictionary& dictionary, std::size_t begin) const {
  nb::dict now = dictionary.now;
  now.clear();
  for (std::size_t i = begin; i < dictionary.end; ++i) now[items_[i].name] = items_[i].value;
}

}  // namespace modelexport::python
