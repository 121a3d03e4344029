// Reading protobuf messages with errors that say where: "byte 77: unknown wire type".
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>

#include "support/error.h"

namespace modelexport::onnx {

// A message whose fields are numbered by the enumeration `Tag`.
//
//   while (message.next()) {
//     switch (message.tag()) {
//       case NodeProto::Name: name = message.bytes(); break;
//       default: message.skip();
//     }
//   }
template <typename Tag>
class Message {
 public:
  // `origin` is the first byte of the file.
  Message(std::string_view bytes, const char* origin)
      : reader_(bytes.data(), bytes.size()), position_(bytes.data()), origin_(origin) {}

  // Moves to the next field; false at the end. The value of the last one must have been fetched or skipped.
  bool next() {
    position_ = reader_.data().data();
    return guarded([&] { return reader_.next(); });
  }
  [[nodiscard]] Tag tag() const { return static_cast<Tag>(reader_.tag()); }
  [[nodiscard]] uint64_t offset() const { return static_cast<uint64_t>(position_ - origin_); }
  [[nodiscard]] const char* origin() const { return origin_; }

  void skip() {
    guarded([&] { reader_.skip(); });
  }
  int64_t integer() {
    expect(protozero::pbf_wire_type::varint);
    return guarded([&] { return reader_.get_int64(); });
  }
  float float32() {
    expect(protozero::pbf_wire_type::fixed32);
    return guarded([&] { return reader_.get_float(); });
  }
  // A string, bytes, or a message.
  std::string_view bytes() {
    expect(protozero::pbf_wire_type::length_delimited);
    const auto view = guarded([&] { return reader_.get_view(); });
    return {view.data(), view.size()};
  }
  std::string string() { return std::string(bytes()); }
  template <typename Inner>
  Message<Inner> message() {
    return {bytes(), origin_};
  }

  // The numbers of a repeated field, packed together or one a field.
  template <typename Take>
  void integers(Take&& take) {
    if (!is_packed()) return take(integer());
    guarded([&] {
      for (const auto number : reader_.get_packed_int64()) take(number);
    });
  }
  template <typename Take>
  void float32s(Take&& take) {
    if (!is_packed()) return take(float32());
    fixed_width_numbers<float>(take);
  }
  // The bytes of packed numbers of a fixed width, or of a single one.
  template <typename Number>
  std::string_view fixed_width_bytes() {
    if (is_packed()) {
      const auto packed = bytes();
      if (packed.size() % sizeof(Number) != 0) fail_here("packed numbers end in the middle of one");
      return packed;
    }
    constexpr bool kIsShort = sizeof(Number) == 4;
    expect(kIsShort ? protozero::pbf_wire_type::fixed32 : protozero::pbf_wire_type::fixed64);
    skip();
    return {reader_.data().data() - sizeof(Number), sizeof(Number)};
  }

  [[noreturn]] void fail_here(const std::string& what) const { fail("byte " + std::to_string(offset()) + ": " + what); }

 private:
  [[nodiscard]] bool is_packed() const { return reader_.wire_type() == protozero::pbf_wire_type::length_delimited; }

  template <typename Number, typename Take>
  void fixed_width_numbers(Take&& take) {
    const auto packed = fixed_width_bytes<Number>();
    for (std::size_t at = 0; at < packed.size(); at += sizeof(Number)) {
      Number number;
      std::memcpy(&number, packed.data() + at, sizeof(Number));
      take(number);
    }
  }

  void expect(protozero::pbf_wire_type type) const {
    if (reader_.wire_type() == type) return;
    fail_here("field " + std::to_string(reader_.tag()) + " has wire type " +
              std::to_string(static_cast<int>(reader_.wire_type())) + " instead of " +
              std::to_string(static_cast<int>(type)));
  }

  template <typename Read>
  decltype(auto) guarded(Read&& read) const {
    try {
      return read();
    } catch (const protozero::end_of_buffer_exception&) {
      fail_here("the message ends in the middle of a field");
    } catch (const protozero::varint_too_long_exception&) {
      fail_here("a number has more than 10 bytes");
    } catch (const protozero::unknown_pbf_wire_type_exception&) {
      fail_here("unknown wire type");
    } catch (const protozero::exception& error) {
      fail_here(error.what());
    }
  }

  protozero::pbf_reader reader_;
  const char* position_;
  const char* origin_;
};

// Runs `body`; an Error leaving it names the context, which is made only then.
template <typename MakeContext, typename Body>
decltype(auto) in_context(MakeContext&& context, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw error.in(context());
  }
}

}  // namespace modelexport::onnx
