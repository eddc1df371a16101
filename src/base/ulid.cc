#include "base/ulid.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <sodium.h>

namespace postern {
namespace {

constexpr std::string_view crockford_base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Also for programs that do not begin with cli::run(): before main() there are no threads, and
/// libsodium exchanges implementations that another one may be using.
[[maybe_unused]] const bool is_ready = sodium_init() >= 0;

std::string ulid_text(const std::array<unsigned char, 16>& bytes) {
  unsigned __int128 value = 0;
  for (const unsigned char byte : bytes) value = value << 8 | byte;
  std::string out(26, '0');
  for (std::size_t i = out.size(); i-- > 0; value >>= 5) {
    out[i] = crockford_base32[static_cast<std::size_t>(value & 31)];
  }
  return out;
}

/// Random octets, buffered per thread: one system call fills 1000 octets.
void draw(unsigned char* out, std::size_t size) {
  thread_local std::array<unsigned char, 1000> pool;
  thread_local std::size_t used = pool.size();
  if (used + size > pool.size()) {
    randombytes_buf(pool.data(), pool.size());
    used = 0;
  }
  std::copy_n(pool.data() + used, size, out);
  used += size;
}

}  // namespace

std::string new_ulid() { return new_ulid(std::chrono::system_clock::now()); }

std::string new_ulid(std::chrono::system_clock::time_point at) {
  const auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
  std::array<unsigned char, 16> bytes;
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(milliseconds >> (40 - 8 * i));
  draw(bytes.data() + 6, 10);
  return ulid_text(bytes);
}

std::string first_ulid(std::chrono::system_clock::time_point at) {
  std::string id = new_ulid(at);
  id.replace(10, std::string::npos, 16, '0');  // the characters after the time are random
  return id;
}

std::string ulid_from_bytes(std::string_view sixteen_bytes) {
  std::array<unsigned char, 16> bytes{};
  std::copy_n(sixteen_bytes.begin(), std::min<std::size_t>(16, sixteen_bytes.size()),
              bytes.begin());
  return ulid_text(bytes);
}

bool is_ulid(std::string_view text) {
  return text.size() == 26 && text.front() <= '7' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return crockford_base32.find(c) != std::string_view::npos; });
}

std::string ulid_octets(std::string_view text) {
  if (!is_ulid(text)) return {};
  unsigned __int128 value = 0;
  for (const char c : text) value = value << 5 | crockford_base32.find(c);
  std::string out(16, '\0');
  for (std::size_t i = out.size(); i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
  return out;
}

}  // namespace postern
