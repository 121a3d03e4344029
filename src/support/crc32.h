// The checksum of zip archives (ISO 3309).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace modelexport {

[[nodiscard]] uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace modelexport
