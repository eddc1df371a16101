// The words of a search for traces: `from: to: ip: rule: reply: after: before:`, others are looked
// for in the addresses. One reader and one matcher, for what is stored and for what is being
// decided.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "store/traces.h"

namespace postern::store {

struct TraceWords {
  std::vector<std::string>
      from;  ///< lower case; a part of the reverse-path, or "@domain"; "<>" is the null one
  std::vector<std::string> to;     ///< the same of the recipient
  std::vector<Cidr> ip;            ///< each holds the client
  std::vector<std::string> rule;   ///< lower case; the rule begins with it, or its place has it
  std::vector<std::string> reply;  ///< "550", "5.7.23", "550 5.7.23"
  std::optional<Time> after;       ///< not before
  std::optional<Time> before;
  std::vector<std::string> any;  ///< lower case; a part of reverse-path, recipient or id

  bool empty() const;
};

/// Values may stand in double quotes. Fault::malformed with a sentence that names the words there
/// are.
Result<TraceWords> parse_trace_words(std::string_view text);

bool matches(const TraceWords& words, const TraceRow& row);

}  // namespace postern::store
