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
  /// Lower case; a part of the reverse-path, or "@domain"; "<>" is the null one.
  std::vector<std::string> from;
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

/// What words look at. The texts are another's.
struct TraceView {
  std::string_view id;
  Time time;
  std::string_view client_ip;
  std::string_view mail_from;
  std::string_view rcpt;
  int code = 0;
  std::string_view enhanced;
  std::string_view rule;
  std::string_view origin;
};

/// Copies nothing: a search asks it of each row it looks at.
bool matches(const TraceWords& words, const TraceView& trace);
bool matches(const TraceWords& words, const TraceRow& row);

}  // namespace postern::store
