#include "smtp/saslprep.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

#include <openssl/crypto.h>
#include <stringprep.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

/// Wipes and frees memory of the library, which contained a password.
struct Wipe {
  std::size_t size = 0;
  void operator()(void* octets) const {
    OPENSSL_cleanse(octets, size);
    std::free(octets);
  }
};

/// The largest growth by NFKC: U+FDFA becomes 18 characters (RFC 4013 §2.2).
constexpr std::size_t longest_expansion = 18;

}  // namespace

std::optional<std::string> saslprep(std::string_view text, Unassigned unassigned) {
  // Printable ASCII, the common case, is unchanged.
  if (text.empty() || std::all_of(text.begin(), text.end(), is_printable_ascii))
    return text.empty() ? std::nullopt : std::optional(std::string(text));
  if (text.size() > max_saslprep || !is_utf8(text) || text.find('\0') != std::string_view::npos)
    return std::nullopt;

  std::size_t count = 0;
  std::unique_ptr<std::uint32_t, Wipe> points(
      stringprep_utf8_to_ucs4(text.data(), static_cast<ssize_t>(text.size()), &count));
  if (!points) return std::nullopt;
  points.get_deleter().size = count * sizeof(std::uint32_t);
  // All the space at once: with a buffer too small, the library repeats its work.
  const std::size_t room = (count * longest_expansion) + 1;
  std::vector<std::uint32_t> work(points.get(), points.get() + count);
  work.resize(room);
  const auto flags = unassigned == Unassigned::refused ? STRINGPREP_NO_UNASSIGNED
                                                       : static_cast<Stringprep_profile_flags>(0);
  const int done = stringprep_4i(work.data(), &count, room, flags, stringprep_saslprep);
  std::optional<std::string> out;
  if (done == STRINGPREP_OK && count > 0) {
    std::size_t size = 0;
    const std::unique_ptr<char, Wipe> octets(
        stringprep_ucs4_to_utf8(work.data(), static_cast<ssize_t>(count), nullptr, &size),
        Wipe{size});
    if (octets) out.emplace(octets.get(), size);
  }
  OPENSSL_cleanse(work.data(), work.size() * sizeof work[0]);
  return out;
}

}  // namespace postern::smtp
