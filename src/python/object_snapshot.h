// The attributes of Python objects as they are at one moment, with the contents of the containers and the attributes
// of the objects among them: seen when they change, and put back.
#pragma once

#include <nanobind/nanobind.h>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace modelexport::python {

namespace nb = nanobind;

class ObjectSnapshot {
 public:
  // `skipped` (a set of str): attributes whose values are not looked into. `opaque` (a tuple of types): what is not
  // looked into either. `plain` (a tuple of types): values that are as good as the same when they are equal.
  ObjectSnapshot(nb::object skipped, nb::object opaque, nb::object plain);

  // A __dict__, its values and what they hold, `depth` levels of containers and objects deep. `path` names it.
  void add_attributes(const std::string& path, const nb::dict& attributes, int depth);
  // Only what the values hold.
  void add_values(const std::string& path, const nb::dict& attributes, int depth);

  // The same object, or equal plain values.
  [[nodiscard]] bool is_same(nb::handle a, nb::handle b) const;

  // Puts everything back; the path of what had changed first, empty when nothing had.
  std::string restore() const;

 private:
  enum class Kind { Leaf, Dict, Set, Sequence, Tuple, Object };
  // An attribute of an object; its path is written only when it is asked for.
  struct Place {
    const std::string* object;
    nb::object name;

    [[nodiscard]] std::string path() const;
  };
  struct Attributes {
    std::string path;
    nb::dict now, before;
  };
  struct Container {
    Place place;
    Kind kind;
    nb::object now, before;
  };

  Kind kind_of(nb::handle value);
  void add(const Place& place, nb::handle value, int depth);
  [[nodiscard]] bool are_same(const nb::dict& a, const nb::dict& b) const;
  [[nodiscard]] bool are_same(const nb::list& a, const nb::list& b) const;
  [[nodiscard]] bool has_same_items(const Container& container) const;
  [[nodiscard]] std::string first_difference(const Attributes& attributes) const;

  nb::object skipped_, opaque_, plain_, deque_;
  std::deque<std::string> paths_;  // of objects; addresses stay
  std::vector<Attributes> attributes_;
  std::vector<Container> containers_;
  std::unordered_map<PyObject*, nb::object> seen_;  // kept alive, so that their addresses stay theirs
  std::unordered_map<PyTypeObject*, Kind> kinds_;
};

}  // namespace modelexport::python
