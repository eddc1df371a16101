#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace postern {
class IpAddress;
}
namespace postern::dns {
struct Answer;
}

namespace postern::policy {

class Answers;

/// A DNS list of addresses or domains (RFC 5782 §2, §3), and the filter for its answers. Immutable.
class DnsList {
 public:
  /// `zone`, or `zone=d.d.d.d`, where each d is a number or `[a;b..c]`. Fault::malformed otherwise.
  static Result<DnsList> parse(std::string_view text);

  /// Lower case, without a final dot.
  const std::string& zone() const { return zone_; }
  /// As written, with the filter.
  const std::string& text() const { return text_; }

  /// `not_listed` also if no answer matches the filter; `trouble`: the lookup failed.
  enum class Status { waiting, listed, not_listed, trouble };
  /// Result of a lookup.
  struct Listing {
    Status status = Status::waiting;  ///< Status::waiting while an answer is missing
    std::string reason;               ///< the TXT records, joined by " / "; set if listed
  };
  /// Asks for A records, and for the TXT records if listed (RFC 5782 §2.1, for IPv6 §2.4).
  Listing look_up(const IpAddress& address, Answers& answers) const;
  /// The same for a domain name (RFC 5782 §3).
  Listing look_up(std::string_view domain, Answers& answers) const;

 private:
  struct Range {
    std::uint8_t first;
    std::uint8_t last;
  };
  bool counts(const dns::Answer& answer) const;
  Listing ask(const std::string& name, Answers& answers) const;

  std::string text_;
  std::string zone_;
  std::vector<std::vector<Range>> filter_;  ///< four elements, or none
};

}  // namespace postern::policy
