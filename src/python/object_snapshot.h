// The attributes of Python objects as they are at one moment, with the contents of the containers and the attributes
// of the objects among them, to be put back.
#pragma once

#include <nanobind/nanobind.h>

#include <memory_resource>
#include <unordered_map>
#include <vector>

namespace modelexport::python {

namespace nb = nanobind;

class ObjectSnapshot {
 public:
  // `skipped` (a set of str): attributes whose values are not looked into. `opaque` (a tuple of types): what is not
  // looked into either. `plain` (a tuple of types): values that are as good as the same when they are equal.
  ObjectSnapshot(nb::object skipped, nb::object opaque, nb::object plain);

  // A __dict__, its values and what they hold, `depth` levels of containers and objects deep.
  void add_attributes(const nb::dict& attributes, int depth);
  // Only what the values hold.
  void add_values(const nb::dict& attributes, int depth);
  // Only the items of the dictionaries that have one of these `names` among the attributes.
  void add_items(const nb::dict& attributes, const nb::tuple& names);

  // The same object, or equal plain values.
  [[nodiscard]] bool is_same(nb::handle a, nb::handle b) const;

  // Puts everything back that has changed.
  void restore() const;

 private:
  enum class Kind { Leaf, Dict, Set, Sequence, Tuple, Object };
  // A dictionary, and where its items as they were end in items_; they begin where those of the one before end.
  struct Dictionary {
    nb::dict now;
    std::size_t end;
  };
  struct Item {
    nb::object name, value;
  };
  // Another container. None in place of an empty copy.
  struct Container {
    Kind kind;
    nb::object now, before;
  };

  Kind kind_of(nb::handle value);
  void add(nb::handle value, int depth);
  void add_container(Kind kind, nb::handle container);
  void add_dictionary(const nb::dict& dictionary);
  void set_items(const Dictionary& dictionary, std::size_t begin) const;
  // Whether the items that a dictionary has now are those from `begin` on.
  [[nodiscard]] bool has_same_items(const Dictionary& dictionary, std::size_t begin) const;
  [[nodiscard]] bool are_same(const nb::list& a, const nb::list& b) const;
  [[nodiscard]] bool has_same_items(const Container& container) const;

  nb::object skipped_, opaque_, plain_, deque_;
  std::vector<Dictionary> dictionaries_;
  std::vector<Item> items_;  // of all dictionaries: a list is filled faster than each of them copied
  std::vector<Container> containers_;
  std::pmr::monotonic_buffer_resource seen_memory_;
  std::pmr::unordered_map<PyObject*, nb::object> seen_{&seen_memory_};  // alive, so that their addresses stay theirs
  std::unordered_map<PyTypeObject*, Kind> kinds_;
};

}  // namespace modelexport::python
