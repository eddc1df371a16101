// DNS data from a file: for `explain --dns`, for tests, and for replaying recorded decisions.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "dns/resolver.h"

namespace postern::dns {

/// Answers only from the given data: an unknown name is NXDOMAIN, an unknown type of a known name
/// has no data. Answers at once. Thread-safe.
class RecordedResolver final : public Resolver {
 public:
  /// The answers, in any order. Names may have any case and a trailing dot.
  explicit RecordedResolver(std::vector<std::pair<Question, Answer>> answers);

  /// Reads JSON in one of two forms; each may be wrapped in `{"dns": …}` or `{"zone": …}`.
  ///   * A zone, `{name: {TYPE: records | fault, "*": fault, "!": fault | options}}`, as the DNS
  ///   stub
  ///     of the test suites reads it: wildcards, aliases and faults included. A fault that only
  ///     exists on the wire (GARBAGE) is a server failure; a delay beyond the caller's limit is a
  ///     time-out.
  ///     An entry of the name `*` answers for all names that are not there.
  ///     `{"zone": …}` may have a sibling `"sec": {"default": verdict, "secure": [name…],
  ///     "overrides":
  ///     {"name/TYPE": verdict}}` with DNSSEC verdicts: `secure`, `insecure` or `bogus`.
  ///   * The answers of a trace, `[{"name", "type", "status", "records", "secure", "ttl"}]`.
  /// Fault::malformed: the message gives the name that cannot be read, or the line with an unknown
  /// record type.
  static Result<std::unique_ptr<RecordedResolver>> parse(std::string_view json);

  /// Names of a zone, in lower case, that no question was answered from so far.
  std::vector<std::string> unasked() const;

  ~RecordedResolver() override;
  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override;

 private:
  class Zone;
  RecordedResolver();

  std::vector<std::pair<Question, Answer>>
      answers_;                 ///< sorted; names in lower case, without trailing dot
  std::unique_ptr<Zone> zone_;  ///< null for the answers of a trace
};

}  // namespace postern::dns
