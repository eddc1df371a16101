// Texts that a function refuses whatever happens around it. It demands them when it runs, and
// `postern check` asks the same of constants.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace postern::dialect::vsl {

/// Each returns why the text is refused, as one sentence; empty: it is taken. Thread-safe.
std::string refused_host(std::string_view text);    ///< a domain name or an address
std::string refused_ip(std::string_view text);      ///< an address
std::string refused_domain(std::string_view text);  ///< a domain, or that of an address
/// Hosts of a relay check: an address, a range or a name.
std::string refused_hosts(std::string_view text);
/// A next hop, or `smtp://HOST:PORT`. A URL with more is not repeated: it may hold a password.
std::string refused_target(std::string_view text);
std::string refused_field(std::string_view name);         ///< the name of a header field
std::string refused_field_value(std::string_view value);  ///< its value
std::string refused_queue(std::string_view text);         ///< the name of a queue
std::string refused_forms(std::string_view text);         ///< canonicalizations (RFC 6376 §3.4)

/// The host of a target that refused_target() takes: what stands in its URL, or the text.
std::string host_of_target(std::string_view text);

/// An argument that is refused so.
struct Demanded {
  /// The last argument, if there are at least three: others are left out before it.
  static constexpr std::size_t last_of_three = static_cast<std::size_t>(-1);
  std::string_view function;                      ///< its name
  std::size_t index;                              ///< of the argument
  std::string (*refused)(std::string_view text);  ///< one of the above
};
/// All of them.
std::span<const Demanded> demanded();

/// Throws, which raises an error of the script, if the text is refused.
void demand_text(std::string (*refused)(std::string_view), std::string_view text);

}  // namespace postern::dialect::vsl
