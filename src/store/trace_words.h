// The search language for traces: `from: to: ip: rule: reply: after: before:`; other words are
// searched in addresses and ids. One parser and one matcher serve stored traces and new ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "store/traces.h"

namespace postern::store {

/// A parsed search. A trace must match all words.
struct TraceWords {
  /// Lower case: a part of the reverse-path, or "@domain"; "<>" is the null reverse-path.
  std::vector<std::string> from;
  std::vector<std::string> to;     ///< the same for the recipient
  std::vector<Cidr> ip;            ///< networks that contain the client
  std::vector<std::string> rule;   ///< lower case; a prefix of the rule or a part of its origin
  std::vector<std::string> reply;  ///< "550", "5.7.23", "550 5.7.23"
  std::optional<Time> after;       ///< inclusive
  std::optional<Time> before;      ///< exclusive
  /// Lower case; part of reverse-path or recipient, or a whole id or client address.
  std::vector<std::string> any;

  /// Whether every trace matches.
  bool empty() const;
};

/// Parses a search of at most 500 octets. Values may be quoted. Fault::malformed with a message for
/// people.
Result<TraceWords> parse_trace_words(std::string_view text);

/// What words are compared with; the members are those of TraceRow. Does not own the texts.
struct TraceView {
  std::string_view id;         ///< of the trace
  Time time;                   ///< of the trace
  std::string_view client_ip;  ///< as text
  std::string_view mail_from;  ///< "" is the null reverse-path
  std::string_view rcpt;       ///< the recipient, or ""
  int code = 0;                ///< 0: no reply
  std::string_view enhanced;   ///< "5.7.23" or ""
  std::string_view rule;       ///< name of the rule
  std::string_view origin;     ///< where the rule is written
};

/// Whether the trace matches all words. Copies no text: a search calls it for each row.
bool matches(const TraceWords& words, const TraceView& trace);
/// The same for a row.
bool matches(const TraceWords& words, const TraceRow& row);

}  // namespace postern::store
